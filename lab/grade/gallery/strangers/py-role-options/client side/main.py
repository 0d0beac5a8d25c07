import argparse, os, threading
from lib.conn import Conn
ap = argparse.ArgumentParser()
ap.add_argument("server", help="host:port of the server")
g = ap.add_mutually_exclusive_group(required=True)
g.add_argument("--publish", metavar="TOPIC")
g.add_argument("--listen", metavar="TOPIC")
a = ap.parse_args()
host, port = a.server.split(":")
c = Conn(host, int(port))
mode, topic = ("publish", a.publish) if a.publish else ("listen", a.listen)
c.send({"mode": mode, "topic": topic})
def rx():
    while True:
        try: m = c.recv()
        except OSError: m = None
        if m is None: print("server closed the connection"); os._exit(0)
        print(f"[{m['topic']}] {m['text']}", flush=True)
threading.Thread(target=rx, daemon=True).start()
try:
    while True:
        t = input()
        if t == "terminate": c.send({"bye": True}); break
        c.send({"text": t})
except (EOFError, KeyboardInterrupt): pass
