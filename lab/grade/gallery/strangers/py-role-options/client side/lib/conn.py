import json, socket
class Conn:
    def __init__(self, host, port): self.s = socket.create_connection((host, port)); self.f = self.s.makefile("rb")
    def send(self, obj): self.s.sendall(json.dumps(obj).encode() + b"\n")
    def recv(self):
        l = self.f.readline()
        return json.loads(l) if l else None
