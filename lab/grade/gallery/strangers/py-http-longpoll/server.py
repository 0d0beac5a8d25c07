#!/usr/bin/env python3
"""HTTP middleware: POST /register, POST /publish, GET /poll?id=N (waits up to 20 s), POST /leave."""
import itertools
import json
import queue
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

ids = itertools.count(1)
clients = {}


class Client:
    def __init__(self, role, topic):
        self.role, self.topic, self.inbox = role, topic, queue.Queue()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, code, doc):
        raw = json.dumps(doc).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_POST(self):
        doc = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if self.path == "/register":
            n = next(ids)
            clients[n] = Client(doc["role"], doc.get("topic", "all"))
            print(f"client #{n} registered as {doc['role']} for {doc.get('topic', 'all')}", flush=True)
            return self.answer(200, {"id": n})
        me = clients.get(doc.get("id"))
        if me is None:
            return self.answer(404, {"error": "who are you?"})
        if self.path == "/publish":
            print(f"client #{doc['id']}: {doc['text']}", flush=True)
            if me.role == "PUBLISHER":
                for c in list(clients.values()):
                    if c.role == "SUBSCRIBER" and c.topic == me.topic:
                        c.inbox.put({"from": doc["id"], "text": doc["text"]})
            return self.answer(200, {"ok": True})
        if self.path == "/leave":
            del clients[doc["id"]]
            print(f"client #{doc['id']} left", flush=True)
            return self.answer(200, {"ok": True})
        self.answer(404, {"error": "no such path"})

    def do_GET(self):
        n = int(parse_qs(urlparse(self.path).query).get("id", ["0"])[0])
        if n not in clients:
            return self.answer(404, {"error": "who are you?"})
        got = []
        try:
            got.append(clients[n].inbox.get(timeout=20))
            while True:
                got.append(clients[n].inbox.get_nowait())
        except queue.Empty:
            pass
        self.answer(200, {"messages": got})


httpd = ThreadingHTTPServer(("", int(sys.argv[1])), Handler)
httpd.daemon_threads = True
print(f"HTTP server listening on port {sys.argv[1]}", flush=True)
try:
    httpd.serve_forever()
except KeyboardInterrupt:
    pass
