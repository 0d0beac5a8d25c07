from faithful_server import Server, main


class CutsMessages(Server):
    def messages(self, conn):
        while data := conn.recv(16):  # what is longer becomes several messages
            yield data.decode(errors="replace").strip()


main(CutsMessages())
