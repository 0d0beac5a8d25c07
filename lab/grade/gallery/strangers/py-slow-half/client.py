import socket
import sys
import threading

s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
role = sys.argv[3].capitalize()
s.sendall(f"{role}\n".encode())


def rx():
    try:
        for line in s.makefile("r"):
            print(line.strip())
    except OSError:
        pass


threading.Thread(target=rx, daemon=True).start()
print(f"-- {role} --")
try:
    for line in sys.stdin:
        s.sendall(line.encode())
        if line.strip() == "terminate":
            break
except KeyboardInterrupt:
    pass
s.close()
