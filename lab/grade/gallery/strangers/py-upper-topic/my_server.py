import socket
import sys
import threading

clients = []
clients_lock = threading.Lock()


def send_to_topic(message, topic):
    sent = 0
    with clients_lock:
        for c in clients:
            if c["role"] == "SUBSCRIBER" and c["topic"] == topic:
                try:
                    c["socket"].sendall(message.encode("utf-8"))
                    sent += 1
                except OSError:
                    pass
    return sent


def handle_client(sock, address):
    try:
        info = sock.recv(1024).decode("utf-8").strip()
        parts = info.split(":")
        if len(parts) != 2:
            sock.sendall("Invalid registration. Use ROLE:TOPIC".encode("utf-8"))
            return
        role, topic = parts[0].upper(), parts[1].upper()
        with clients_lock:
            clients.append({"socket": sock, "role": role, "topic": topic})
        print(f"{role} connected from {address} on topic {topic}")
        while True:
            data = sock.recv(1024)
            if not data:
                break
            message = data.decode("utf-8")
            if message.lower() == "terminate":
                print(f"{role} {address} terminated")
                break
            print(f"Message from {role} {address}: {message}")
            if role == "PUBLISHER":
                if send_to_topic(f"[Publisher {address}] {message}", topic) == 0:
                    sock.sendall(f"No subscribers on {topic} yet".encode("utf-8"))
    except OSError:
        print(f"Connection lost from {address}")
    finally:
        with clients_lock:
            clients[:] = [c for c in clients if c["socket"] is not sock]
        sock.close()
        print(f"Cleaned up {address}")


def main():
    if len(sys.argv) != 2:
        print("Usage: python3 my_server.py <PORT>")
        return
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("0.0.0.0", int(sys.argv[1])))
    server.listen()
    print("PUB/SUB SERVER STARTED")
    print(f"Listening on port {sys.argv[1]}")
    while True:
        sock, address = server.accept()
        threading.Thread(target=handle_client, args=(sock, address)).start()


if __name__ == "__main__":
    main()
