from faithful_server import main
from line_server import LineServer


class LosesLast(LineServer):
    def messages(self, conn):
        rest = b""
        while data := conn.recv(65536):
            *lines, rest = (rest + data).split(b"\n")
            if b"terminate" in lines:
                return  # with the lines before it that came in the same recv
            for line in lines:
                yield line.decode(errors="replace").rstrip("\r")


main(LosesLast())
