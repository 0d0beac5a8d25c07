import socket, sys

s = socket.socket()
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(sys.argv[3])
while True:
    m = raw_input("> ")
    s.send(m)
    if m == "terminate":
        break
