import argparse, socket, sys, threading, os
p = argparse.ArgumentParser()
p.add_argument("--host", required=True)
p.add_argument("--port", type=int, required=True)
p.add_argument("--topic", required=True)
a = p.parse_args()
s = socket.create_connection((a.host, a.port))
s.sendall(("LISTEN\n%s\n" % a.topic).encode())
print("Listening to", a.topic)
def rx():
    for line in s.makefile("r", encoding="utf-8"):
        print(line, end="", flush=True)
    print("Hub closed the connection")
    os._exit(0)
threading.Thread(target=rx, daemon=True).start()
try:
    while True:
        if input() == "terminate":
            break
except (KeyboardInterrupt, EOFError):
    pass
s.close()
