#!/usr/bin/env python3
# Middleware Architecture - Assignment 1
import socket, sys
from threading import Thread, Lock

subs = {}
subs_lock = Lock()

class ClientThread(Thread):
    def __init__(self, sock, addr):
        super().__init__(daemon=True)
        self.sock = sock
        self.addr = addr
        self.file = sock.makefile("r", encoding="utf-8", errors="replace")

    def run(self):
        role = topic = None
        try:
            role = self.file.readline().strip()
            topic = self.file.readline().strip()
            if not role or not topic:
                return
            print(f"{self.addr} registered, role={role}, topic={topic}")
            if role.lower() == "subscriber":
                with subs_lock:
                    subs.setdefault(topic, []).append(self.sock)
            for line in self.file:
                line = line.rstrip("\n")
                if line == "terminate":
                    break
                print(f"{self.addr} ({topic}) says: {line}")
                if role.lower() == "publisher":
                    self.publish(topic, line)
        except OSError:
            pass
        finally:
            with subs_lock:
                if self.sock in subs.get(topic, []):
                    subs[topic].remove(self.sock)
            self.sock.close()
            print(f"{self.addr} left")

    def publish(self, topic, line):
        with subs_lock:
            for s in subs.get(topic, []):
                try:
                    s.sendall((f"Message from {self.addr[0]}:{self.addr[1]} -> {line}\n").encode())
                except OSError:
                    pass

server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("0.0.0.0", int(sys.argv[1]) if len(sys.argv) > 1 else 5000))
server.listen(10)
print("Waiting for clients...")
try:
    while True:
        ClientThread(*server.accept()).start()
except KeyboardInterrupt:
    print("Server stopped.")
