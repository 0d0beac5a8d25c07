from faithful_server import Server, main


class SingleClient(Server):
    def start(self, conn, name):
        self.serve(conn, name)  # no thread: the next client waits until this one has left


main(SingleClient())
