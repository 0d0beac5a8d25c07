import socket, sys, threading

host = sys.argv[1]
port = int(sys.argv[2])
role = sys.argv[3].lower()

s = socket.socket()
s.connect((host, port))
if role.startswith('sub'):
    s.send(b'SUBCRIBER')
else:
    s.send(b'PUBLISHER')

def get():
    while 1:
        try:
            m = s.recv(1024)
        except OSError:
            break
        if not m:
            break
        print('Received:', m.decode('utf-8'))

t = threading.Thread(target=get)
t.daemon = True
t.start()
try:
    while 1:
        m = input('Message: ')
        if m:
            s.send(m.encode('utf-8'))
        if m == 'terminate':
            break
except (KeyboardInterrupt, EOFError):
    pass
s.close()
