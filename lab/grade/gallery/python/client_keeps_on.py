from faithful_client import Client, main


class KeepsOn(Client):
    def type(self):
        while True:
            self.send(input())  # terminate, too, and asks for the next message

    def receive(self):
        while data := self.sock.recv(1024):
            self.show(data)


main(KeepsOn())
