from faithful_server import Server, main


class MergesLines(Server):
    # Its clients send lines, but messages is still the one where each recv is one message, however many lines it holds.
    def send(self, conn, name, message):
        conn.sendall(f"[FROM {name}] : {message}\n".encode())


main(MergesLines())
