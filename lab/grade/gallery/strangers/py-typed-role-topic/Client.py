#!/usr/bin/env python3
import socket, sys
from threading import Thread

host = sys.argv[1]
port = int(sys.argv[2])

try:
    role = ""
    while role.lower() not in ("publisher", "subscriber"):
        role = input("Are you a publisher or a subscriber? ")
    topic = input("Topic: ")
except (KeyboardInterrupt, EOFError):
    sys.exit(0)

sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
sock.connect((host, port))
sock.sendall(f"{role}\n".encode())
sock.sendall(f"{topic}\n".encode())
print("Connected to the server as", role)


def reader():
    try:
        for line in sock.makefile("r", encoding="utf-8"):
            print(line, end="")
    except OSError:
        pass


Thread(target=reader, daemon=True).start()
try:
    while True:
        text = input()
        sock.sendall((text + "\n").encode())
        if text == "terminate":
            break
except (KeyboardInterrupt, EOFError, BrokenPipeError):
    pass
finally:
    sock.close()
