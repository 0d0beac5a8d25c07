"""The assignment's server as its sample has it: a thread for each client, and each recv is one message.

Most other servers in this folder are this one with one method written as students write it.
"""

import socket
import sys
import threading


class Server:
    def __init__(self):
        self.lock = threading.Lock()
        self.subscribers = []  # their connections

    def listen(self, port):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen()
        return listener

    def run(self, port):
        listener = self.listen(port)
        print(f"server listening on port {port}")
        while True:
            conn, address = listener.accept()
            self.start(conn, f"{address[0]}:{address[1]}")

    def start(self, conn, name):
        threading.Thread(target=self.serve, args=(conn, name), daemon=True).start()

    def serve(self, conn, name):
        print(f"{name} connected")
        try:
            self.talk(conn, name)
        except OSError as error:
            print(f"{name} lost: {error}")
        self.leave(conn)
        conn.close()
        print(f"{name} disconnected")

    def talk(self, conn, name):
        conn.sendall(b"Enter your role (PUBLISHER/SUBSCRIBER) : ")
        said = self.messages(conn)
        role = self.role(next(said, ""))
        if role not in ("PUBLISHER", "SUBSCRIBER"):
            conn.sendall(b"error: the role must be PUBLISHER or SUBSCRIBER\n")
            return
        self.show_role(name, role)
        with self.lock:
            conn.sendall(f"registerd as {role}\n".encode())
            if role == "SUBSCRIBER":
                self.subscribers.append(conn)
        if role == "PUBLISHER":
            self.publish(said, name)
        else:
            self.wait(said)

    def messages(self, conn):
        while data := conn.recv(1024):
            yield data.decode(errors="replace").strip()

    def role(self, said):
        return said.strip().upper()

    def publish(self, said, name):
        for message in said:
            if message.strip() == "terminate":
                return
            self.show(name, message)
            self.broadcast(name, message)

    def wait(self, said):
        for message in said:
            if message.strip() == "terminate":
                return

    def show_role(self, name, role):
        print(f"{name} registerd as {role}")

    def show(self, name, message):
        print(f"{name} : {message}")

    def broadcast(self, name, message):
        with self.lock:
            for conn in list(self.subscribers):
                try:
                    self.send(conn, name, message)
                except OSError:
                    self.subscribers.remove(conn)

    def send(self, conn, name, message):
        conn.sendall(f"[FROM {name}] : {message}".encode())

    def leave(self, conn):
        with self.lock:
            if conn in self.subscribers:
                self.subscribers.remove(conn)


def main(server):
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        sys.exit(f"usage: {sys.argv[0]} PORT")
    try:
        server.run(int(sys.argv[1]))
    except KeyboardInterrupt:
        print("server stopped")


if __name__ == "__main__":
    main(Server())
