import socket
import sys

client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.connect((sys.argv[1], int(sys.argv[2])))
print("Connected. Type messages:")
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
