import pickle
import struct


class Msg:
    def __init__(self, kind, topic="", text="", sender=""):
        self.kind, self.topic, self.text, self.sender = kind, topic, text, sender


def send(sock, msg):
    raw = pickle.dumps(msg)
    sock.sendall(struct.pack("!I", len(raw)) + raw)


def recv(sock):
    """Returns None at the end of the stream."""
    head = _exactly(sock, 4)
    if head is None:
        return None
    raw = _exactly(sock, struct.unpack("!I", head)[0])
    return None if raw is None else pickle.loads(raw)


def _exactly(sock, n):
    buf = b""
    while len(buf) < n:
        part = sock.recv(n - len(buf))
        if not part:
            return None
        buf += part
    return buf
