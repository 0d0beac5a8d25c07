import os
import socket
import threading

HEADER = 64
PORT = 5050
SERVER = "127.0.0.1"
ADDR = (SERVER, PORT)
FORMAT = 'utf-8'
DISCONNECT_MESSAGE = "terminate"
FAULT = os.environ.get("FAULT", "")

server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(ADDR)
subscribers = []


def recv_all(conn, n):
    data = b''
    while len(data) < n:
        chunk = conn.recv(n - len(data))
        if not chunk:
            return None
        data += chunk
    return data


def receive(conn):
    msg_length = recv_all(conn, HEADER)
    if not msg_length:
        return None
    return recv_all(conn, int(msg_length.decode(FORMAT))).decode(FORMAT)


def send(conn, msg):
    message = msg.encode(FORMAT)
    send_length = str(len(message)).encode(FORMAT)
    send_length += b' ' * (HEADER - len(send_length))
    conn.sendall(send_length + message)


def handle_client(conn, addr):
    print(f"[NEW CONNECTION] {addr} connected.")
    try:
        role = receive(conn)
        if role is None:
            return
        print(f"[ROLE] {addr} is {role}")
        if role == "SUBSCRIBER":
            subscribers.append(conn)
        while True:
            msg = receive(conn)
            if msg is None and FAULT == "dies-at-interrupt":
                os._exit(1)
            if msg is None or msg == DISCONNECT_MESSAGE:
                break
            print(f"[{addr}] {msg}")
            if role == "PUBLISHER":
                for s in subscribers[:]:
                    try:
                        send(s, f"{addr[0]}:{addr[1]} {msg}")
                    except OSError:
                        pass
    except (OSError, ValueError):
        pass
    finally:
        if conn in subscribers:
            subscribers.remove(conn)
        conn.close()
        print(f"[DISCONNECTED] {addr}")


def start():
    server.listen()
    print(f"[LISTENING] Server is listening on {SERVER}:{PORT}")
    while True:
        conn, addr = server.accept()
        thread = threading.Thread(target=handle_client, args=(conn, addr), daemon=True)
        thread.start()
        print(f"[ACTIVE CONNECTIONS] {threading.active_count() - 1}")


print("[STARTING] server is starting...")
try:
    start()
except KeyboardInterrupt:
    print("[STOPPED]")
