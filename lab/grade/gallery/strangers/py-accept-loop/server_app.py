import socket
import threading
import sys

HOST = "0.0.0.0"
lock = threading.Lock()
topics = {}


def client_handler(sock, addr, role, topic):
    print(f"{addr} CONNECTED as {role} on topic {topic}")
    try:
        if role == "SUBSCRIBER":
            with lock:
                topics.setdefault(topic, set()).add(sock)
            sock.sendall(f"Subscribed to {topic}\n".encode())
            while True:
                text = sock.recv(1024).decode().strip()
                if not text or text == "terminate":
                    break
        else:
            while True:
                message = sock.recv(1024).decode()
                if not message:
                    break
                with lock:
                    for s in topics.get(topic, ()):
                        try:
                            s.sendall(f"{topic}: {message}\n".encode())
                        except OSError:
                            pass
    except OSError as e:
        print(f"Error from {addr}: {e}")
    finally:
        with lock:
            for subscribers in topics.values():
                subscribers.discard(sock)
        sock.close()
        print(f"{addr} DISCONNECTED")


def start(port):
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.bind((HOST, port))
    server.listen()
    print(f"Server is listening on {HOST}:{port}")
    try:
        while True:
            sock, addr = server.accept()
            role, topic = sock.recv(1024).decode().split(",")
            threading.Thread(target=client_handler, args=(sock, addr, role.strip(), topic.strip()), daemon=True).start()
    except KeyboardInterrupt:
        print("\nServer is shutting down!")
    finally:
        server.close()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        print("Usage: python file_name.py <port>")
        sys.exit(1)
    start(int(sys.argv[1]))
