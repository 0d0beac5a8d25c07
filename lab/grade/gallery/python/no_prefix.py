from faithful_server import Server, main


class NoPrefix(Server):
    def send(self, conn, name, message):
        conn.sendall(message.encode())


main(NoPrefix())
