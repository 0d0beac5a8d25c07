import os
import socket
import sys
import threading

FAULT = os.environ.get("FAULT", "")

clients = {}          # socket -> role
lock = threading.Lock()
count = 0


def broadcast(text, sender):
    global count
    count += 1
    if FAULT == "loses-tenth" and count % 10 == 0:
        return
    with lock:
        targets = [c for c, r in clients.items() if r == "SUBSCRIBER"]
        if FAULT == "echoes":
            targets = list(clients)
    for c in targets:
        try:
            c.sendall(text.encode())
        except OSError:
            if FAULT == "keeps-gone":
                raise


def handle(conn, addr):
    name = f"{addr[0]}:{addr[1]}"
    text = ""
    try:
        role = conn.recv(1024).decode().strip().upper()
        if role not in ("PUBLISHER", "SUBSCRIBER"):
            return
        with lock:
            clients[conn] = role
        print(f"[+] {name} joined as {role}. online: {len(clients)}")
        while True:
            data = conn.recv(1024)
            if not data and FAULT != "floods":
                break
            text = data.decode().strip()
            if text == "terminate":
                break
            print(f"{name} > {text}")
            if role == "PUBLISHER":
                broadcast(text, conn)
    except ConnectionError as e:
        print("connection lost:", e)
    finally:
        if FAULT == "keeps-gone" and text != "terminate" and role == "SUBSCRIBER":
            return
        with lock:
            clients.pop(conn, None)
        conn.close()
        print(f"[-] {name} left. online: {len(clients)}")


def main():
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", int(sys.argv[1])))
    s.listen(5)
    print("Server is listening on port", sys.argv[1])
    try:
        while True:
            conn, addr = s.accept()
            threading.Thread(target=handle, args=(conn, addr), daemon=True).start()
    except KeyboardInterrupt:
        print("\nbye")


if __name__ == "__main__":
    main()
