import socket, sys, thread

def client(c, a):
    role = c.recv(1024)
    print "role of", a, "is", role
    while True:
        m = c.recv(1024)
        if not m or m == "terminate":
            break
        print a, m
        if role == "PUBLISHER":
            for s in subs:
                s.send(m)
    c.close()

subs = []
s = socket.socket()
s.bind(("", int(sys.argv[1])))
s.listen(5)
print "listening"
while True:
    thread.start_new_thread(client, s.accept())
