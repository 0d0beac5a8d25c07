from faithful_server import Server, main


class RepeatsLast(Server):
    def publish(self, said, name):
        message = ""
        for message in said:
            if message == "terminate":
                return
            self.show(name, message)
            self.broadcast(name, message)
        self.broadcast(name, message)  # the connection ended, and this is still the last one


main(RepeatsLast())
