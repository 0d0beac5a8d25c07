from faithful_server import Server, main


class KeepsSockets(Server):
    def __init__(self):
        super().__init__()
        self.visitors = []

    def serve(self, conn, name):
        self.visitors.append((name, conn))
        print(f"{name} connected")
        try:
            self.talk(conn, name)
        except OSError as error:
            print(f"{name} lost: {error}")
        self.leave(conn)
        print(f"{name} disconnected")  # and nobody closes it, as it is in the list


main(KeepsSockets())
