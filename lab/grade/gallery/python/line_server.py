"""The assignment's server for clients that send lines. It is no entry itself, but the base of some."""

from faithful_server import Server


class LineServer(Server):
    def messages(self, conn):
        with conn.makefile(encoding="utf-8", errors="replace", newline="\n") as lines:
            for line in lines:
                yield line.rstrip("\r\n")

    def send(self, conn, name, message):
        conn.sendall(f"[FROM {name}] : {message}\n".encode())
