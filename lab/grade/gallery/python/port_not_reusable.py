import socket

from faithful_server import Server, main


class PortNotReusable(Server):
    def listen(self, port):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("", port))  # without SO_REUSEADDR
        listener.listen()
        return listener


main(PortNotReusable())
