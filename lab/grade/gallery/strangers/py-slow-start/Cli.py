import socket, sys, threading
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall((sys.argv[3] + "\n").encode())
def r():
    try:
        while (d := s.recv(2048)):
            sys.stdout.write(d.decode()); sys.stdout.flush()
    except OSError:
        pass
threading.Thread(target=r, daemon=True).start()
try:
    while True:
        l = input()
        s.sendall((l + "\n").encode())
        if l == "terminate":
            break
except (KeyboardInterrupt, EOFError):
    pass
