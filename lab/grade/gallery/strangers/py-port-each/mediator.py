"""mediator.py PORT: those who publish come to PORT, those who subscribe to PORT+1."""
import collections
import os
import socketserver
import sys
import threading

followers, lock = collections.defaultdict(list), threading.Lock()
FAULT = os.environ.get("FAULT", "")


class Publisher(socketserver.StreamRequestHandler):
    def handle(self):
        print("publisher", self.client_address, flush=True)
        for line in self.rfile:
            topic, _, text = line.decode(errors="replace").rstrip("\n").partition(";")
            print(topic, ":", text, flush=True)
            with lock:
                for f in followers[topic] * (2 if FAULT == "doubles" else 1):
                    try:
                        f.wfile.write((text + "\n").encode())
                    except OSError:
                        pass


class Subscriber(socketserver.StreamRequestHandler):
    def handle(self):
        topic = self.rfile.readline().decode().strip()
        print("subscriber", self.client_address, topic, flush=True)
        with lock:
            followers[topic].append(self)
        try:
            self.rfile.read()
        except OSError:
            pass
        with lock:
            followers[topic].remove(self)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 50


port = int(sys.argv[1])
one, other = Server(("", port), Publisher), Server(("", port + 1), Subscriber)
print("listening on", port, "and", port + 1, flush=True)
threading.Thread(target=other.serve_forever, daemon=True).start()
try:
    one.serve_forever()
except KeyboardInterrupt:
    print("end")
