import socket
import sys

import wire
from wire import Msg

# publisher.py HOST PORT TOPIC
s = socket.socket()
s.connect((sys.argv[1], int(sys.argv[2])))
topic = sys.argv[3]
wire.send(s, Msg("register", topic))
try:
    while True:
        text = input("publish> ")
        if text == "terminate":
            wire.send(s, Msg("terminate"))
            break
        wire.send(s, Msg("publish", topic, text))
except (KeyboardInterrupt, EOFError):
    pass
s.close()
