from faithful_server import Server, main

MAX_CLIENTS = 100


class FullForEver(Server):
    clients = 0

    def start(self, conn, name):
        if self.clients == MAX_CLIENTS:
            print("server full")
            conn.close()
            return
        self.clients += 1  # and nothing ever takes one off
        super().start(conn, name)


main(FullForEver())
