import os
import signal
import socket
import sys
import threading
from datetime import datetime


class PubSubServer:
    def __init__(self, host, port):
        self.host = host
        self.port = port
        self.subscribers = {}
        self.lock = threading.RLock()
        self.order = []
        self.fault = os.environ.get("FAULT")

    def log(self, level, msg):
        print(f"{datetime.now().strftime('%Y-%m-%d %H:%M:%S')} - {level} - {msg}")

    def start(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((self.host, self.port))
        self.sock.listen(50)
        self.log("INFO", f"Server started on {self.host}:{self.port}")
        while True:
            client, address = self.sock.accept()
            self.log("INFO", f"Connection from {address[0]}:{address[1]}")
            threading.Thread(target=self.handle, args=(client, address), daemon=True).start()

    def handle(self, client, address):
        topic = None
        try:
            role = client.recv(1024).decode("utf-8").strip()
            topic = client.recv(1024).decode("utf-8").strip()
            if role not in ("publisher", "subscriber") or not topic:
                self.log("WARN", f"{address} did not introduce itself")
                return
            self.log("INFO", f"{address[0]}:{address[1]} is a {role} on '{topic}'")
            if role == "subscriber":
                with self.lock:
                    self.subscribers.setdefault(topic, []).append(client)
            while True:
                data = client.recv(2048)
                if not data:
                    break
                text = data.decode("utf-8")
                if text == "terminate":
                    break
                self.log("INFO", f"{address[0]}:{address[1]} [{topic}] {text}")
                if role == "publisher":
                    self.deliver(topic, f"{topic}: {text}")
        except OSError as e:
            self.log("ERROR", str(e))
            if self.fault == "dies-at-interrupt":
                os._exit(1)
        finally:
            with self.lock:
                if topic and client in self.subscribers.get(topic, []):
                    self.subscribers[topic].remove(client)
            client.close()
            self.log("INFO", f"{address[0]}:{address[1]} disconnected")

    def deliver(self, topic, text):
        with self.lock:
            for s in self.subscribers.get(topic, []):
                try:
                    s.send(text.encode("utf-8"))
                except OSError:
                    pass


if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *a: os._exit(0))
    PubSubServer("0.0.0.0", int(sys.argv[1])).start()
