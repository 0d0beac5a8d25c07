import time

from faithful_server import Server, main


class Slow(Server):
    def broadcast(self, name, message):
        time.sleep(0.9)  # it looks something up for each message, say
        super().broadcast(name, message)


main(Slow())
