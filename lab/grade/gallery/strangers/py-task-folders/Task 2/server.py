import socket
import sys
import threading

subscribers = []


def handle(conn, addr):
    role = ""
    try:
        role = conn.recv(1024).decode()
        print(f"{addr} connected as {role}")
        if role == "SUBSCRIBER":
            subscribers.append(conn)
        while True:
            data = conn.recv(1024).decode()
            if not data or data == "terminate":
                break
            print(f"[{role}] {addr}: {data}")
            if role == "PUBLISHER":
                for s in subscribers[:]:
                    try:
                        s.send(data.encode())
                    except OSError:
                        subscribers.remove(s)
    except OSError:
        pass
    if conn in subscribers:
        subscribers.remove(conn)
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
