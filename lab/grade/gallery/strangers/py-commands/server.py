#!/usr/bin/env python3
import os
import socket
import sys
import threading

FAULT = os.environ.get("FAULT", "")
followers = {}  # topic -> connections
past = []  # of topics and texts
lock = threading.Lock()


def say(conn, text):
    conn.sendall((text + "\n").encode())


def obey(conn, who, line):
    word, _, rest = line.partition(" ")
    topic, _, text = rest.partition(" ")
    word = word.lower()
    with lock:
        if word == "sub" and topic:
            followers.setdefault(topic, []).append(conn)
            say(conn, "you follow " + topic)
            for other, text in past * 2 if FAULT == "past-twice" else []:
                if other == topic:
                    say(conn, topic + " | " + text)
        elif word == "unsub" and topic:
            if conn in followers.get(topic, []):
                followers[topic].remove(conn)
            say(conn, "you do not follow " + topic)
        elif word == "pub" and text:
            past.append((topic, text))
            found = [c for all in followers.values() for c in all] if FAULT == "ignores-topics" else followers.get(topic, [])
            for c in found[-1:] if FAULT == "newest-only" else list(found):
                try:
                    say(c, topic + " | " + text)
                except OSError:
                    pass
        else:
            say(conn, "? " + line)


def serve(conn, addr):
    print("come:", addr, flush=True)
    try:
        for line in conn.makefile("r", encoding="utf-8", errors="replace"):
            print(addr, line.rstrip("\n"), flush=True)
            if line.strip():
                obey(conn, addr, line.rstrip("\n"))
    except OSError:
        pass
    with lock:
        for all in followers.values():
            while conn in all:
                all.remove(conn)
    conn.close()
    print("gone:", addr, flush=True)


s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", int(sys.argv[1])))
s.listen(50)
print("listening on", sys.argv[1], flush=True)
try:
    while True:
        threading.Thread(target=serve, args=s.accept(), daemon=True).start()
except KeyboardInterrupt:
    print("bye")
