import select
import socket
import sys

RECV = 4096
conns = []

srv = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
srv.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
srv.bind(("0.0.0.0", int(sys.argv[1])))
srv.listen(10)
conns.append(srv)
print("Chat server started on port " + sys.argv[1])


def leave(sock, name):
    print("Client (%s) is offline" % name)
    sock.close()
    conns.remove(sock)


names = {}
try:
    while True:
        ready, _, _ = select.select(conns, [], [])
        for sock in ready:
            if sock is srv:
                c, addr = srv.accept()
                conns.append(c)
                names[c] = "%s:%s" % addr
                print("Client (%s) connected" % names[c])
                continue
            try:
                data = sock.recv(RECV)
            except OSError:
                data = b""
            if not data or data.strip() == b"terminate":
                leave(sock, names[sock])
                continue
            print("<%s> %s" % (names[sock], data.decode().rstrip()))
            for other in conns:
                if other is not srv and other is not sock:
                    try:
                        other.send(("<%s> " % names[sock]).encode() + data)
                    except OSError:
                        pass
except KeyboardInterrupt:
    srv.close()
