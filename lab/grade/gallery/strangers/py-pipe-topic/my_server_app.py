import os, socket, sys, threading
from collections import defaultdict
from datetime import datetime

R = "\033[91m"; G = "\033[92m"; Y = "\033[93m"; B = "\033[94m"; C = "\033[96m"; X = "\033[0m"
FAULT = os.environ.get("FAULT", "")

topics = defaultdict(list)
mutex = threading.Lock()

def log(msg):
    print(f"{C}[{datetime.now():%H:%M:%S}]{X} {msg}", flush=True)

def serve(client, address):
    who = "%s:%d" % address
    try:
        first = client.recv(1024).decode()
        if "|" not in first:
            log(f"{R}bad hello from {who}{X}")
            client.close()
            return
        role, topic = first.split("|", 1)
        role = role.strip().upper(); topic = topic.strip()
        if role == "SUBSCRIBER":
            with mutex:
                topics[topic].append(client)
        log(f"{G}{role}{X} {who} on {Y}{topic}{X}")
        while True:
            data = client.recv(4096)
            if not data or data.decode().strip() == "terminate":
                break
            text = data.decode()
            log(f"{B}{topic}{X} {who}: {text}")
            if role != "PUBLISHER":
                continue
            with mutex:
                out = list(topics[topic])
                if FAULT == "ignores-topics":
                    out = [c for t in topics.values() for c in t]
            for sub in out:
                try:
                    sub.send(f"[{topic}] {who}: {text}".encode())
                except OSError:
                    pass
    except (ConnectionResetError, BrokenPipeError):
        pass
    finally:
        with mutex:
            for t in topics.values():
                if client in t:
                    t.remove(client)
        client.close()
        log(f"{R}{who} disconnected{X}")

if __name__ == "__main__":
    srv = socket.socket()
    srv.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    srv.bind(("", int(sys.argv[1])))
    srv.listen()
    print(f"{C}====================================={X}")
    print(f"{C}  🚀 Middleware on port {sys.argv[1]}{X}")
    print(f"{C}====================================={X}", flush=True)
    while True:
        try:
            c, a = srv.accept()
        except KeyboardInterrupt:
            log("shutting down")
            sys.exit(0)
        threading.Thread(target=serve, args=(c, a), daemon=True).start()
