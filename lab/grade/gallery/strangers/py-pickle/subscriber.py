import os
import socket
import sys
import threading

import wire
from wire import Msg

# subscriber.py HOST PORT TOPIC
s = socket.socket()
s.connect((sys.argv[1], int(sys.argv[2])))
wire.send(s, Msg("subscribe", sys.argv[3]))
print("subscribed to", sys.argv[3])


def pump():
    while True:
        try:
            m = wire.recv(s)
        except OSError:
            return
        if m is None:
            os._exit(0)
        print(m.topic, "|", m.sender, "|", m.text)


threading.Thread(target=pump, daemon=True).start()
try:
    while input() != "terminate":
        pass
    wire.send(s, Msg("terminate"))
except (KeyboardInterrupt, EOFError):
    pass
s.close()
