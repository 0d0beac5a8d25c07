"""A client that knows two servers, and goes on with the other one when one dies.

client.py HOST PORT PORT2 ROLE
"""

import socket
import sys
import threading
import time

host, ports, role = sys.argv[1], [int(p) for p in sys.argv[2:-1]], sys.argv[-1]


def connect():
    while True:
        for port in ports:
            try:
                conn = socket.create_connection((host, port))
                conn.sendall(f"{role}\n".encode())
                first = conn.recv(1024)
                if first:
                    return conn
            except OSError:
                pass
        time.sleep(0.2)


conn = connect()
lock = threading.Lock()


def receive():
    global conn
    while True:
        try:
            data = conn.recv(1024)
        except OSError:
            data = b""
        if data:
            print(data.decode(), end="", flush=True)
            continue
        if len(ports) == 1:
            print("the server is gone", flush=True)
            return
        with lock:
            conn = connect()


thread = threading.Thread(target=receive, daemon=True)
thread.start()
for line in sys.stdin:
    if line.strip() == "terminate":
        break
    with lock:
        try:
            conn.sendall(line.encode())
        except OSError:
            pass
