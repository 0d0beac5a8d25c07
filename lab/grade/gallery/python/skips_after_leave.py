from faithful_server import Server, main


class SkipsAfterLeave(Server):
    def broadcast(self, name, message):
        with self.lock:
            for conn in self.subscribers:
                try:
                    self.send(conn, name, message)
                except OSError:
                    self.subscribers.remove(conn)  # within the loop over it, which skips the next one

    def leave(self, conn):
        pass  # broadcast notices


main(SkipsAfterLeave())
