import socket
import sys

s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
try:
    while (line := input()) != "terminate":
        s.sendall(f"{sys.argv[3]};{line}\n".encode())
except (KeyboardInterrupt, EOFError):
    pass
