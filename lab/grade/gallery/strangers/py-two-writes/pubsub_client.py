import argparse
import os
import socket
import threading
import time

parser = argparse.ArgumentParser(description="Publish/subscribe client")
parser.add_argument("server_ip")
parser.add_argument("server_port", type=int)
parser.add_argument("role", choices=["publisher", "subscriber", "PUBLISHER", "SUBSCRIBER"])
parser.add_argument("topic")
args = parser.parse_args()
role = args.role.lower()

s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.connect((args.server_ip, args.server_port))
s.send(role.encode())
if os.environ.get("FAULT") != "hurries":
    time.sleep(0.1)  # otherwise both arrive together
s.send(args.topic.encode())


def receive():
    while True:
        try:
            data = s.recv(2048)
        except OSError:
            return
        if not data:
            return
        print("\r" + data.decode() + "\n>> ", end="", flush=True)


if role == "subscriber":
    threading.Thread(target=receive, daemon=True).start()
print(f"*** {role} | topic {args.topic} | 'terminate' to exit ***")
while True:
    try:
        text = input(">> ")
    except (KeyboardInterrupt, EOFError):
        print("bye")
        break
    if not text.strip():
        continue
    s.send(text.encode())
    if text == "terminate":
        break
s.close()
