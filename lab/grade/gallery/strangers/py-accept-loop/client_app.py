import socket
import threading
import sys


def receive_messages(sock):
    try:
        while True:
            message = sock.recv(1024).decode()
            if not message:
                break
            print(f"\n{message}\n> ", end="")
    except OSError:
        pass


if len(sys.argv) != 5:
    print("Invalid command")
    print("Usage: python file_name.py <server_ip> <port> <PUBLISHER|SUBSCRIBER> <topic>")
    sys.exit(1)

HOST, PORT, ROLE, TOPIC = sys.argv[1], int(sys.argv[2]), sys.argv[3].strip().upper(), sys.argv[4].strip()
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.connect((HOST, PORT))
client.sendall(f"{ROLE},{TOPIC}".encode())
print(f"\nConnected to server {HOST}:{PORT} as {ROLE} on topic {TOPIC}")
print("type 'terminate' to exit\n")

if ROLE == "SUBSCRIBER":
    threading.Thread(target=receive_messages, args=(client,), daemon=True).start()
try:
    while True:
        command = input("> ")
        if command.lower() == "terminate":
            break
        if ROLE == "PUBLISHER":
            client.sendall(command.encode())
except KeyboardInterrupt:
    print("\nInterrupted by user.")
finally:
    client.close()
    print("Disconnected from Server.")
