from faithful_server import Server, main


class HidesMessages(Server):
    def show(self, name, message):
        pass


main(HidesMessages())
