import threading

from faithful_server import Server, main


class RoleBeforeAccept(Server):
    def start(self, conn, name):
        try:
            conn.sendall(b"Enter your role (PUBLISHER/SUBSCRIBER) : ")
            first = conn.recv(1024).decode()
        except OSError:
            return
        threading.Thread(target=self.serve, args=(Begun(conn, first), name), daemon=True).start()


class Begun:
    """A connection whose first bytes were read already."""

    def __init__(self, conn, first):
        self.conn, self.first = conn, first.encode()
        self.asked = False

    def recv(self, size):
        first, self.first = self.first, None
        return first if first is not None else self.conn.recv(size)

    def sendall(self, data):
        if not self.asked:
            self.asked = True  # it was asked before the thread began
            return
        self.conn.sendall(data)

    def close(self):
        self.conn.close()


main(RoleBeforeAccept())
