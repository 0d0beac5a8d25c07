"""A client that ends the role and each message with a newline, and prints what it receives byte for byte."""

import sys

from faithful_client import Client, main


class LineClient(Client):
    def send(self, text):
        self.sock.sendall(text.encode() + b"\n")

    def show(self, data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(LineClient())
