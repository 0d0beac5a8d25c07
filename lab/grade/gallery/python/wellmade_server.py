"""A server for lines that lets nobody wait for a slow reader: what a subscriber has not taken yet queues up for it alone."""

import asyncio
import signal
import sys

LONGEST_LINE = 1 << 20
LONGEST_QUEUE = 64 << 20  # bytes; a subscriber with more than that to take is disconnected


class Server:
    def __init__(self):
        self.subscribers = set()  # their writers
        self.sessions = set()  # tasks

    async def run(self, port):
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        listener = await asyncio.start_server(self.serve, "0.0.0.0", port, limit=LONGEST_LINE, backlog=1024)
        print(f"listening on port {port}", flush=True)
        await stop.wait()
        listener.close()
        for session in self.sessions:
            session.cancel()
        if self.sessions:
            await asyncio.wait(self.sessions, timeout=5)
        print("stopped", flush=True)

    async def serve(self, reader, writer):
        self.sessions.add(asyncio.current_task())
        name = "%s:%d" % writer.get_extra_info("peername")[:2]
        print(f"{name} connected", flush=True)
        try:
            await self.talk(reader, writer, name)
            writer.close()
            await writer.wait_closed()
        except (OSError, ValueError) as error:
            print(f"{name} lost: {error}", flush=True)
        except asyncio.CancelledError:  # the server stops: what was accepted is still delivered
            writer.close()
            await writer.wait_closed()
        finally:
            writer.close()
            self.subscribers.discard(writer)
            self.sessions.discard(asyncio.current_task())
            print(f"{name} disconnected", flush=True)

    async def talk(self, reader, writer, name):
        writer.write(b"Enter your role (PUBLISHER/SUBSCRIBER) : ")
        role = (await reader.readline()).strip().upper().decode(errors="replace")
        if role not in ("PUBLISHER", "SUBSCRIBER"):
            writer.write(b"error: the role must be PUBLISHER or SUBSCRIBER\n")
            return
        print(f"{name} registered as {role}", flush=True)
        writer.write(f"registered as {role}\n".encode())
        if role == "SUBSCRIBER":
            self.subscribers.add(writer)
        while line := await reader.readline():
            message = line.rstrip(b"\r\n")
            if message.strip() == b"terminate":
                return
            if role == "PUBLISHER":
                print(f"{name} : {message.decode(errors='replace')}", flush=True)
                self.broadcast(f"[FROM {name}] : ".encode() + message + b"\n")

    def broadcast(self, data):
        for writer in list(self.subscribers):
            writer.write(data)
            if writer.transport.get_write_buffer_size() > LONGEST_QUEUE:
                writer.transport.abort()


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        sys.exit(f"usage: {sys.argv[0]} PORT")
    asyncio.run(Server().run(int(sys.argv[1])))
