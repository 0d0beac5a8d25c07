import socket
import sys
import threading

HEADER = 64
PORT = 5050
FORMAT = 'utf-8'
DISCONNECT_MESSAGE = "terminate"
SERVER = "127.0.0.1"
ADDR = (SERVER, PORT)

client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.connect(ADDR)


def send(msg):
    message = msg.encode(FORMAT)
    send_length = str(len(message)).encode(FORMAT)
    send_length += b' ' * (HEADER - len(send_length))
    client.sendall(send_length)
    client.sendall(message)


def receive():
    f = client.makefile('rb')
    try:
        while True:
            head = f.read(HEADER)
            if len(head) < HEADER:
                break
            print(f.read(int(head)).decode(FORMAT))
    except OSError:
        pass


try:
    role = input("Enter your role (PUBLISHER/SUBSCRIBER): ").strip().upper()
    send(role)
    threading.Thread(target=receive, daemon=True).start()
    while True:
        msg = input()
        send(msg)
        if msg == DISCONNECT_MESSAGE:
            break
except (KeyboardInterrupt, EOFError):
    pass
client.close()
sys.exit(0)
