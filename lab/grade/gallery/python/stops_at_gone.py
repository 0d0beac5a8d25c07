from faithful_server import Server, main


class StopsAtGone(Server):
    def broadcast(self, name, message):
        try:  # around the loop, where it should be in it
            with self.lock:
                for conn in self.subscribers:
                    self.send(conn, name, message)
        except OSError as error:
            print(f"cannot send: {error}")

    def leave(self, conn):
        pass  # so that one that left stays in the list


main(StopsAtGone())
