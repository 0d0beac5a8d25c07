"""Publish / subscribe system. Run `python main.py` and choose from the menu."""
import os
import socket
import threading

subs, lock = [], threading.Lock()

def send_line(sock, text):
    sock.sendall((text + "\n").encode("utf-8"))

def handle_client(conn, addr):
    f = conn.makefile("r", encoding="utf-8", errors="replace")
    role = None
    try:
        role = f.readline().strip()
        print(f"[+] {role} {addr[0]}:{addr[1]}")
        if role == "SUBSCRIBER":
            with lock:
                subs.append(conn)
        for line in f:
            if role == "PUBLISHER":
                text = line.rstrip("\n")
                print(f"[{addr[0]}:{addr[1]}] {text}")
                with lock:
                    for s in subs[:]:
                        try:
                            send_line(s, f"From {addr[0]}:{addr[1]} - {text}")
                        except OSError:
                            subs.remove(s)
    except OSError:
        pass
    with lock:
        if conn in subs:
            subs.remove(conn)
    conn.close()
    print(f"[-] {addr[0]}:{addr[1]}")

def run_server():
    port = int(input("Port number: "))
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", port))
    s.listen()
    print("Server listening on port", port)
    while True:
        conn, addr = s.accept()
        threading.Thread(target=handle_client, args=(conn, addr), daemon=True).start()

def connect(role):
    host = input("Server IP (empty for localhost): ") or "127.0.0.1"
    port = int(input("Server port: "))
    s = socket.create_connection((host, port))
    send_line(s, role)
    print("Connected as", role)
    def listen():
        for line in s.makefile("r", encoding="utf-8"):
            print(line, end="", flush=True)
        print("Server closed the connection.")
        os._exit(0)
    threading.Thread(target=listen, daemon=True).start()
    while True:
        text = input()
        if text == "terminate":
            break
        if role == "PUBLISHER":
            send_line(s, text)
    s.close()

def menu():
    print("=" * 30)
    print("  PUBLISH / SUBSCRIBE SYSTEM")
    print("=" * 30)
    print("1. Start server")
    print("2. Start publisher")
    print("3. Start subscriber")
    print("4. Exit")
    choice = input("Select an option [1-4]: ")
    if choice == "1":
        run_server()
    elif choice == "2":
        connect("PUBLISHER")
    elif choice == "3":
        connect("SUBSCRIBER")

if __name__ == "__main__":
    try:
        menu()
    except (KeyboardInterrupt, EOFError):
        print("\nBye")
