"""standby.py PORT COMMAND...: starts a server when nobody listens on a port any more."""
import os
import socket
import sys
import time

while True:
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close()
    except OSError:
        break
    time.sleep(0.2)
os.execv(sys.argv[2], sys.argv[2:])
