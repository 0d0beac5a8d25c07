import socket
import sys
import threading

subscribers = {}


def handle(conn, addr):
    role = topic = ""
    try:
        role, topic = conn.recv(1024).decode().split(",")
        print(f"{addr} connected as {role} on {topic}")
        if role == "SUBSCRIBER":
            subscribers.setdefault(topic, []).append(conn)
        while True:
            data = conn.recv(1024).decode()
            if not data or data == "terminate":
                break
            print(f"[{topic}] {addr}: {data}")
            if role == "PUBLISHER":
                for s in subscribers.get(topic, [])[:]:
                    try:
                        s.send(f"{topic}: {data}".encode())
                    except OSError:
                        subscribers[topic].remove(s)
    except (OSError, ValueError):
        pass
    if conn in subscribers.get(topic, []):
        subscribers[topic].remove(conn)
    conn.close()
    print(f"{addr} disconnected ({role})")


server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("0.0.0.0", int(sys.argv[1])))
server.listen(5)
print(f"Server listening on port {sys.argv[1]}...")
try:
    while True:
        conn, addr = server.accept()
        threading.Thread(target=handle, args=(conn, addr), daemon=True).start()
except KeyboardInterrupt:
    server.close()
