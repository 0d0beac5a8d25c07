import os
import socket
import sys
import threading
import time

FAULT = os.environ.get("FAULT", "")

if len(sys.argv) != 4:
    print("Usage: python client.py <server_ip> <port> <PUBLISHER|SUBSCRIBER>")
    sys.exit(1)

ip, port, role = sys.argv[1], int(sys.argv[2]), sys.argv[3].upper()
sock = socket.socket()
sock.connect((ip, port))
sock.send(role.encode())
print("connected as", role)


def listen():
    while True:
        try:
            data = sock.recv(1024)
        except OSError:
            break
        if not data:
            break
        print(data.decode(), end="" if FAULT == "glues" else "\n", flush=True)
        if FAULT == "first-only":
            break


threading.Thread(target=listen, daemon=True).start()
try:
    while True:
        line = input("> ")
        if not line:
            continue
        sock.send(line.encode())
        if line == "terminate":
            while FAULT == "first-only":
                time.sleep(1)
            break
except (KeyboardInterrupt, EOFError):
    print()
except OSError:
    print("server is gone")
sock.close()
