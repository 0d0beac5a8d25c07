import argparse, socket, sys
p = argparse.ArgumentParser()
p.add_argument("--host", required=True)
p.add_argument("--port", type=int, required=True)
p.add_argument("--topic", required=True)
a = p.parse_args()
s = socket.create_connection((a.host, a.port))
s.sendall(("PUBLISH\n%s\n" % a.topic).encode())
print("Connected. Type messages:")
try:
    while True:
        line = input("> ")
        s.sendall((line + "\n").encode())
        if line == "terminate":
            break
except (KeyboardInterrupt, EOFError):
    print()
s.close()
