import socket
import sys
import threading

if len(sys.argv) != 5:
    print("Usage: python client.py <server_ip> <port> <role> <topic>")
    sys.exit(1)

client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.connect((sys.argv[1], int(sys.argv[2])))
role, topic = sys.argv[3], sys.argv[4]
client.send(f"{role},{topic}".encode())


def receive():
    while True:
        try:
            data = client.recv(1024).decode()
        except OSError:
            break
        if not data:
            break
        print("\nReceived:", data)


threading.Thread(target=receive, daemon=True).start()
try:
    while True:
        msg = input("> ")
        if not msg:
            continue
        client.send(msg.encode())
        if msg == "terminate":
            break
except (KeyboardInterrupt, EOFError):
    pass
client.close()
