from faithful_server import Server, main


class FirstSubscriberOnly(Server):
    def broadcast(self, name, message):
        with self.lock:
            for conn in list(self.subscribers):
                try:
                    self.send(conn, name, message)
                    return  # in the loop, where it should be behind it
                except OSError:
                    self.subscribers.remove(conn)


main(FirstSubscriberOnly())
