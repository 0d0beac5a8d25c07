from faithful_server import Server, main


class UpperCaseOnly(Server):
    def role(self, said):
        return said.strip()  # and "publisher" is no role


main(UpperCaseOnly())
