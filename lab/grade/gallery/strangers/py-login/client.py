import asyncio
import sys


async def read_stdin(queue):
    loop = asyncio.get_running_loop()
    r = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(r), sys.stdin)
    while True:
        line = await r.readline()
        if not line:
            break
        await queue.put(line.decode().rstrip("\n"))
    await queue.put("terminate")


async def main():
    host, port, role = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    reader, writer = await asyncio.open_connection(host, port)
    q = asyncio.Queue()
    asyncio.create_task(read_stdin(q))

    async def incoming():
        while True:
            raw = await reader.readline()
            if not raw:
                print("server gone")
                q.put_nowait("terminate")
                return
            line = raw.decode().rstrip("\r\n")
            if line == "PING":
                writer.write(b"PONG\r\n")
            elif line.startswith("MSG "):
                _, who, text = line.split(" ", 2)
                print(f"<{who}> {text}", flush=True)
            else:
                print("*", line, flush=True)

    asyncio.create_task(incoming())
    print("User name: ", end="", flush=True)
    name = await q.get()
    writer.write(f"LOGIN {name}\r\n".encode())
    writer.write(f"ROLE {role}\r\n".encode())
    while True:
        line = await q.get()
        if line == "terminate":
            break
        if role.upper() == "PUBLISHER":
            writer.write(f"MSG {line}\r\n".encode())
            await writer.drain()
    try:
        writer.write(b"QUIT\r\n")
        await writer.drain()
        writer.close()
    except ConnectionError:
        pass

try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
