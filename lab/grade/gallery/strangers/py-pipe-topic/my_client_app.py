import os, socket, sys, threading

GREEN = "\033[92m"; YELLOW = "\033[93m"; RED = "\033[91m"; RESET = "\033[0m"

if len(sys.argv) != 5:
    print("Usage: python my_client_app.py <SERVER_IP> <PORT> <ROLE> <TOPIC>")
    sys.exit(1)
ip, port, role, topic = sys.argv[1:]

try:
    s = socket.create_connection((ip, int(port)))
except OSError as e:
    print(f"{RED}❌ cannot connect: {e}{RESET}")
    sys.exit(1)
s.sendall(f"{role}|{topic}".encode())
print(f"{GREEN}✅ {role} on topic {topic}{RESET}")

def recv_loop():
    while True:
        try:
            m = s.recv(4096)
        except OSError:
            return
        if not m:
            print(f"{RED}server closed the connection{RESET}")
            os._exit(0)
        print(f"\n📩 {m.decode()}")

if role.upper() == "SUBSCRIBER":
    threading.Thread(target=recv_loop, daemon=True).start()
    print("Waiting for messages, type terminate to quit")
try:
    while True:
        msg = input(f"{YELLOW}Enter message: {RESET}" if role.upper() == "PUBLISHER" else "")
        if msg == "":
            continue
        s.sendall(msg.encode())
        if msg.lower() == "terminate":
            break
except (KeyboardInterrupt, EOFError):
    pass
s.close()
print(f"{RED}👋 disconnected{RESET}")
