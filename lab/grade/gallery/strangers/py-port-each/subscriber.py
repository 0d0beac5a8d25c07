import os
import socket
import sys
import threading

s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall((sys.argv[3] + "\n").encode())


def show():
    for line in s.makefile():
        print("received:", line, end="", flush=True)
    os._exit(0)


threading.Thread(target=show, daemon=True).start()
try:
    while input() != "terminate":
        pass
except (KeyboardInterrupt, EOFError):
    pass
