import argparse
import socket
import threading

parser = argparse.ArgumentParser(description="message hub")
parser.add_argument("--port", type=int, default=9000)
args = parser.parse_args()

listeners = {}          # topic -> list of sockets
lock = threading.Lock()

def handle(conn, addr):
    f = conn.makefile("r", encoding="utf-8")
    kind = f.readline().strip()
    topic = f.readline().strip()
    print("%s:%d joined as %s on %s" % (addr[0], addr[1], kind, topic), flush=True)
    if kind == "LISTEN":
        with lock:
            listeners.setdefault(topic, []).append(conn)
    try:
        for line in f:
            line = line.rstrip("\n")
            if line == "terminate":
                break
            if kind == "PUBLISH":
                print("[%s] %s" % (topic, line), flush=True)
                with lock:
                    targets = list(listeners.get(topic, []))
                    for t in targets:
                        try:
                            t.sendall(("%s> %s\n" % (topic, line)).encode())
                        except OSError:
                            listeners[topic].remove(t)
    except OSError:
        pass
    finally:
        with lock:
            if conn in listeners.get(topic, []):
                listeners[topic].remove(conn)
        conn.close()
        print("%s:%d left" % addr, flush=True)

s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", args.port))
s.listen(50)
print("Hub is listening on port", args.port, flush=True)
try:
    while True:
        c, a = s.accept()
        threading.Thread(target=handle, args=(c, a), daemon=True).start()
except KeyboardInterrupt:
    print("bye")
