from faithful_server import Server, main


class DeadlocksOnLeave(Server):
    def leave(self, conn):
        with self.lock:
            if conn in self.subscribers:
                self.subscribers.remove(conn)
                print(f"{self.online()} subscribers online")

    def online(self):
        with self.lock:  # leave has it already, and it is no RLock
            return len(self.subscribers)


main(DeadlocksOnLeave())
