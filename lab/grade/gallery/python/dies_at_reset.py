"""A server with one thread for all, which select tells who has said something."""

import select
import socket
import sys


class Server:
    def __init__(self, port):
        self.listener = socket.create_server(("", port))  # with SO_REUSEADDR
        self.names = {}
        self.roles = {}
        print(f"listening on port {port}")

    def run(self):
        while True:
            for sock in select.select([self.listener, *self.names], [], [])[0]:
                if sock is self.listener:
                    self.accept()
                elif sock in self.names:
                    self.read(sock)

    def accept(self):
        conn, address = self.listener.accept()
        self.names[conn] = f"{address[0]}:{address[1]}"
        print(self.names[conn], "connected")
        conn.sendall(b"Enter your role (PUBLISHER/SUBSCRIBER) : ")

    def read(self, conn):
        data = conn.recv(1024)  # raises when the connection was reset, and nothing catches it
        message, name = data.decode(errors="replace").strip(), self.names[conn]
        if not data or message == "terminate":
            self.leave(conn)
        elif conn not in self.roles:
            self.register(conn, name, message.upper())
        elif self.roles[conn] == "PUBLISHER":
            print(name, ":", message)
            for other in [conn for conn, role in self.roles.items() if role == "SUBSCRIBER"]:
                try:
                    other.sendall(f"[FROM {name}] : {message}".encode())
                except OSError:
                    self.leave(other)

    def register(self, conn, name, role):
        if role not in ("PUBLISHER", "SUBSCRIBER"):
            conn.sendall(b"error: the role must be PUBLISHER or SUBSCRIBER")
            return self.leave(conn)
        self.roles[conn] = role
        print(name, "registered as", role)
        conn.sendall(f"registered as {role}\n".encode())

    def leave(self, conn):
        print(self.names.pop(conn), "disconnected")
        self.roles.pop(conn, None)
        conn.close()


if len(sys.argv) != 2 or not sys.argv[1].isdigit():
    sys.exit(f"usage: {sys.argv[0]} PORT")
try:
    Server(int(sys.argv[1])).run()
except KeyboardInterrupt:
    print("server stopped")
