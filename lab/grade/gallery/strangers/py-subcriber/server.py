import socket, sys, threading

SUBCRIBERS = []

def client_thread(c, a):
    try:
        r = c.recv(1024).decode('utf-8')
        print('New', r, 'from', a)
        if r == 'SUBCRIBER':
            SUBCRIBERS.append(c)
        elif r != 'PUBLISHER':
            c.send(b'unknown role')
            c.close()
            return
        while 1:
            m = c.recv(1024).decode('utf-8')
            if m == '' or m == 'terminate':
                break
            print('Message from', a, ':', m)
            if r == 'PUBLISHER':
                for s in list(SUBCRIBERS):
                    try:
                        s.send(m.encode('utf-8'))
                    except OSError:
                        SUBCRIBERS.remove(s)
    except (OSError, UnicodeDecodeError) as e:
        print(e)
    if c in SUBCRIBERS:
        SUBCRIBERS.remove(c)
    c.close()
    print(a, 'closed')

s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('', int(sys.argv[1])))
s.listen(5)
print('Server ready')
while 1:
    try:
        c, a = s.accept()
    except KeyboardInterrupt:
        break
    t = threading.Thread(target=client_thread, args=(c, a))
    t.daemon = True
    t.start()
