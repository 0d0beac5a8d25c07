"""Loads its "routing tables" first, which takes a while."""
import os
import socket
import socketserver
import sys
import threading
import time

subscribers = set()
lock = threading.Lock()


class Client(socketserver.StreamRequestHandler):
    def handle(self):
        addr = "%s:%d" % self.client_address
        role = self.rfile.readline().decode().strip()
        print(f"{addr} is {role}")
        if role == "SUBSCRIBER":
            with lock:
                subscribers.add(self.request)
        try:
            for raw in self.rfile:
                text = raw.decode().strip()
                if text == "terminate":
                    break
                print(f"{addr}: {text}")
                if role == "PUBLISHER":
                    with lock:
                        for s in list(subscribers):
                            try:
                                s.sendall(f"FROM {addr}: {text}\n".encode())
                            except OSError:
                                subscribers.discard(s)
        except OSError:
            pass
        with lock:
            subscribers.discard(self.request)
        print(addr, "gone")


TABLES = int(os.environ.get("TABLES", 15))
for i in range(TABLES):
    print(f"loading routing table {i + 1}/{TABLES} ...", flush=True)
    time.sleep(1)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer.daemon_threads = True
with socketserver.ThreadingTCPServer(("", int(sys.argv[1])), Client) as srv:
    print("ready, port", sys.argv[1], flush=True)
    try:
        srv.serve_forever()
    except KeyboardInterrupt:
        pass
