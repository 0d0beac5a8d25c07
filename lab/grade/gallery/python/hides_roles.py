from faithful_server import Server, main


class HidesRoles(Server):
    def show_role(self, name, role):
        pass


main(HidesRoles())
