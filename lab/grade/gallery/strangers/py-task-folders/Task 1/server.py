import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("0.0.0.0", int(sys.argv[1])))
server.listen(1)
print(f"Server listening on port {sys.argv[1]}...")
try:
    while True:
        conn, addr = server.accept()
        print("Client connected:", addr)
        while True:
            try:
                data = conn.recv(1024).decode()
            except ConnectionResetError:
                data = ""
            if not data or data == "terminate":
                print("Client disconnected")
                break
            print("Client:", data)
        conn.close()
except KeyboardInterrupt:
    server.close()
