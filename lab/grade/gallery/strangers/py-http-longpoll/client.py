#!/usr/bin/env python3
import json
import sys
import threading
import urllib.request

base = f"http://{sys.argv[1]}:{sys.argv[2]}"
role = sys.argv[3]
topic = sys.argv[4] if len(sys.argv) > 4 else "all"


def post(path, doc):
    req = urllib.request.Request(base + path, json.dumps(doc).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(req) as r:
        return json.load(r)


me = post("/register", {"role": role, "topic": topic})["id"]
print(f"I am client #{me} ({role})")


def poll():
    while True:
        try:
            with urllib.request.urlopen(f"{base}/poll?id={me}") as r:
                for m in json.load(r)["messages"]:
                    print(f"#{m['from']}: {m['text']}", flush=True)
        except Exception:
            return


if role == "SUBSCRIBER":
    threading.Thread(target=poll, daemon=True).start()
try:
    while True:
        line = input()
        if line == "terminate":
            break
        if role == "PUBLISHER":
            post("/publish", {"id": me, "text": line})
except (KeyboardInterrupt, EOFError):
    pass
post("/leave", {"id": me})
