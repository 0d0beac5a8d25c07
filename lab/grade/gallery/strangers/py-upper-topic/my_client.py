import socket
import sys
import threading


def receive(sock):
    while True:
        try:
            data = sock.recv(1024)
            if not data:
                break
            print(f"\n{data.decode('utf-8')}")
            print("> ", end="", flush=True)
        except OSError:
            break


def main():
    if len(sys.argv) != 5:
        print("Usage: python3 my_client.py <SERVER_IP> <PORT> <ROLE> <TOPIC>")
        return
    ip, port = sys.argv[1], int(sys.argv[2])
    role, topic = sys.argv[3].upper(), sys.argv[4].upper()
    if role not in ["PUBLISHER", "SUBSCRIBER"]:
        print("Invalid role. Use PUBLISHER or SUBSCRIBER.")
        return
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.connect((ip, port))
    sock.sendall(f"{role}:{topic}".encode("utf-8"))
    print(f"Connected to {ip}:{port}")
    print(f"Role: {role}")
    print(f"Topic: {topic}")
    threading.Thread(target=receive, args=(sock,), daemon=True).start()
    while True:
        message = input("> ")
        sock.sendall(message.encode("utf-8"))
        if message.lower() == "terminate":
            break
    sock.close()
    print("Client terminated.")


if __name__ == "__main__":
    main()
