import os
import socket
import socketserver
import sys
import threading
import time

import wire
from wire import Msg

FAULT = os.environ.get("FAULT", "")
subs = []
lock = threading.Lock()


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        me = "%s:%s" % self.client_address
        self.batch, self.open = [], True
        if FAULT == "drops-last":
            threading.Thread(target=self.send_batches, daemon=True).start()
        try:
            while True:
                msg = wire.recv(self.request)
                if msg is None or msg.kind == "terminate":
                    break
                if msg.kind == "subscribe":
                    print(me, "is a SUBSCRIBER of", msg.topic)
                    with lock:
                        subs.append((msg.topic, self.request))
                elif msg.kind == "register":
                    print(me, "is a PUBLISHER")
                elif msg.kind == "publish":
                    print("%s -> %s: %s" % (me, msg.topic, msg.text))
                    msg.sender = me
                    if FAULT == "drops-last":
                        self.batch.append(msg)
                    else:
                        self.spread(msg)
        except (OSError, EOFError):
            pass
        self.open = False
        with lock:
            subs[:] = [s for s in subs if s[1] is not self.request]
        print(me, "has left")

    def send_batches(self):
        """Collects for a while before it sends; what is left when the client goes is forgotten."""
        while True:
            time.sleep(0.3)
            if not self.open:
                return
            batch, self.batch = self.batch, []
            for msg in batch:
                self.spread(msg)

    def spread(self, msg):
        with lock:
            for topic, sock in subs:
                if topic == msg.topic:
                    try:
                        wire.send(sock, msg)
                    except OSError:
                        pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


with Server(("0.0.0.0", int(sys.argv[1])), Handler) as s:
    print("pickle server ready on", sys.argv[1])
    try:
        s.serve_forever()
    except KeyboardInterrupt:
        pass
