"""The assignment's client as its sample has it: sends the role and each message bare, with nothing between them.

The other clients in this folder are this one with one method written as students write it.
"""

import os
import socket
import sys
import threading


class Client:
    def run(self, host, port, role=""):
        self.sock = socket.create_connection((host, port))
        prompt = self.sock.recv(1024).decode()
        role = role or input(prompt)
        self.send(role)
        self.show(self.sock.recv(1024))  # registered, or not
        receiver = threading.Thread(target=self.receive, daemon=True)
        receiver.start()
        try:
            self.type()
        except EOFError:
            if role.strip().upper() == "SUBSCRIBER":
                receiver.join()
        self.quit()

    def type(self):
        while True:
            text = input()
            self.send(text)
            if text.strip() == "terminate":
                return

    def send(self, text):
        self.sock.sendall(text.encode())

    def receive(self):
        try:
            while data := self.sock.recv(1024):
                self.show(data)
            print("the server closed the connection")
        except OSError as error:
            print(f"the connection broke: {error}")
        self.quit()

    def show(self, data):
        print(data.decode(errors="replace"))

    def quit(self):
        sys.stdout.flush()
        os._exit(0)  # from whichever thread


def main(client):
    if len(sys.argv) not in (3, 4) or not sys.argv[2].isdigit():
        sys.exit(f"usage: {sys.argv[0]} HOST PORT [ROLE]")
    try:
        client.run(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
    except KeyboardInterrupt:
        print("interrupted")
    except OSError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main(Client())
