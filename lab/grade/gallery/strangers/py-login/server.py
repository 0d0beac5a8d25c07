import asyncio
import sys

clients = {}


class Client:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.name = None
        self.role = None

    def send(self, line):
        self.writer.write((line + "\r\n").encode())


async def heartbeat(c):
    while True:
        await asyncio.sleep(30)
        c.send("PING")


async def handle(reader, writer):
    c = Client(reader, writer)
    peer = writer.get_extra_info("peername")
    print(f"connection from {peer}", flush=True)
    beat = asyncio.create_task(heartbeat(c))
    try:
        c.send("HELLO pubsub/1.0")
        while True:
            raw = await reader.readline()
            if not raw:
                break
            cmd, _, rest = raw.decode().rstrip("\r\n").partition(" ")
            if cmd == "LOGIN":
                c.name = rest
                c.send("OK welcome " + rest)
            elif cmd == "ROLE":
                if not c.name:
                    c.send("ERR login first")
                    continue
                c.role = rest.upper()
                clients[c] = c.role
                print(f"{c.name} is a {c.role}", flush=True)
                c.send("OK role " + c.role)
            elif cmd == "MSG":
                if c.role != "PUBLISHER":
                    c.send("ERR not a publisher")
                    continue
                print(f"{c.name}: {rest}", flush=True)
                for o in list(clients):
                    if o.role == "SUBSCRIBER":
                        o.send(f"MSG {c.name} {rest}")
            elif cmd == "PONG":
                pass
            elif cmd == "QUIT":
                break
            else:
                c.send("ERR what?")
    except (ConnectionError, UnicodeDecodeError):
        pass
    finally:
        beat.cancel()
        clients.pop(c, None)
        print(f"{c.name or peer} left", flush=True)
        writer.close()


async def main():
    srv = await asyncio.start_server(handle, "0.0.0.0", int(sys.argv[1]))
    print("Server started on port", sys.argv[1], flush=True)
    async with srv:
        await srv.serve_forever()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
