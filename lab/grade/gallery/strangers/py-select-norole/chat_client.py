import select
import socket
import sys


def prompt():
    sys.stdout.write("<You> ")
    sys.stdout.flush()


s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.connect((sys.argv[1], int(sys.argv[2])))
print("Connected to remote host. Start sending messages")
prompt()
try:
    while True:
        ready, _, _ = select.select([sys.stdin, s], [], [])
        if s in ready:
            data = s.recv(4096)
            if not data:
                print("\nDisconnected from chat server")
                sys.exit()
            sys.stdout.write("\r" + data.decode())
            prompt()
        if sys.stdin in ready:
            msg = sys.stdin.readline()
            if not msg:
                break
            s.send(msg.encode())
            if msg.strip() == "terminate":
                break
            prompt()
except KeyboardInterrupt:
    print()
s.close()
