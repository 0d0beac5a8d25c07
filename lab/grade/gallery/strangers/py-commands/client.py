#!/usr/bin/env python3
import os
import socket
import sys
import threading

HELP = """what you can type:
   sub <topic>             from now on you see what is said there
   unsub <topic>           and now no more
   pub <topic> <message>   say it to all who follow the topic
   terminate"""


def show(conn):
    for line in conn.makefile("r", encoding="utf-8"):
        print("\r" + line, end="> ", flush=True)
    print("\rthe server is gone")
    os._exit(0)


conn = socket.create_connection((sys.argv[1], int(sys.argv[2])))
print(HELP)
threading.Thread(target=show, args=(conn,), daemon=True).start()
try:
    while True:
        line = input("> ")
        if line == "terminate":
            break
        if line:
            conn.sendall((line + "\n").encode())
except (KeyboardInterrupt, EOFError):
    print()
conn.close()
