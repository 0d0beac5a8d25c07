import os

from faithful_server import Server, main


class StopsAtTerminate(Server):
    def publish(self, said, name):
        for message in said:
            if message.strip() == "terminate":
                os._exit(0)
            self.show(name, message)
            self.broadcast(name, message)


main(StopsAtTerminate())
