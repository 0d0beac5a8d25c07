import queue
import socket
import sys
import threading
import time

# All messages go through one queue, and a worker "stores" each before it is sent.
box = queue.Queue()
subs = []
guard = threading.Lock()


def worker():
    while True:
        who, text = box.get()
        time.sleep(0.5)     # simulates the database
        with guard:
            for s in subs[:]:
                try:
                    s.sendall(f"{who}> {text}\n".encode())
                except OSError:
                    subs.remove(s)


def client(conn, addr):
    who = f"{addr[0]}:{addr[1]}"
    f = conn.makefile("r", errors="replace")
    try:
        role = f.readline().strip()
        if role not in ("Publisher", "Subscriber"):
            return
        print(who, "->", role)
        if role == "Subscriber":
            with guard:
                subs.append(conn)
        for line in f:
            line = line.strip()
            if line == "terminate":
                break
            print(who, "said", line)
            if role == "Publisher":
                box.put((who, line))
    except OSError:
        pass
    with guard:
        if conn in subs:
            subs.remove(conn)
    conn.close()
    print(who, "disconnected")


ss = socket.socket()
ss.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
ss.bind(("", int(sys.argv[1])))
ss.listen(20)
print("listening on", sys.argv[1])
threading.Thread(target=worker, daemon=True).start()
try:
    while True:
        threading.Thread(target=client, args=ss.accept(), daemon=True).start()
except KeyboardInterrupt:
    sys.exit()
