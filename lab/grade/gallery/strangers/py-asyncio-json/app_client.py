"""Client of the broker: app_client.py --host H --port P --role publisher|subscriber --topic T"""
import argparse
import json
import os
import socket
import sys
import threading

FAULT = os.environ.get("FAULT", "")


def show(f):
    try:
        for line in f:
            m = json.loads(line)
            print(f"[{m['topic']}] {m['from']}: {m['payload']}", flush=True)
    except OSError:
        return


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--host", default="127.0.0.1")
    p.add_argument("--port", type=int, required=True)
    p.add_argument("--role", choices=["publisher", "subscriber"], required=True)
    p.add_argument("--topic", required=True)
    a = p.parse_args()

    sock = socket.create_connection((a.host, a.port))
    send = lambda doc: sock.sendall((json.dumps(doc) + "\n").encode())
    send({"type": "hello", "role": a.role, "topic": a.topic})
    if a.role == "subscriber":
        threading.Thread(target=show, args=(sock.makefile("r"),), daemon=True).start()
    try:
        for line in sys.stdin:
            line = line.rstrip("\n")
            if line == "terminate":
                send({"type": "bye"})
                if FAULT == "client-stays":
                    continue
                break
            if a.role == "publisher" and line:
                send({"type": "publish", "payload": line})
    except KeyboardInterrupt:
        pass
    except OSError as e:
        sys.exit(f"lost the broker: {e}")
    sock.close()


main()
