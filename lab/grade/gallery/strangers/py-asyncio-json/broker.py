"""Async message broker. One JSON document per line."""
import argparse
import asyncio
import json
import logging

logging.basicConfig(format="%(asctime)s %(levelname)-7s %(message)s", level=logging.INFO)
log = logging.getLogger("broker")
subscribers: dict[str, set[asyncio.StreamWriter]] = {}


async def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
    peer = writer.get_extra_info("peername")
    topic = None
    try:
        hello = json.loads(await reader.readline())
        role, topic = hello["role"], hello["topic"]
        log.info("hello from %s role=%s topic=%s", peer, role, topic)
        if role == "subscriber":
            subscribers.setdefault(topic, set()).add(writer)
        while line := await reader.readline():
            msg = json.loads(line)
            if msg["type"] == "bye":
                break
            if msg["type"] != "publish" or role != "publisher":
                continue
            log.info("%s published on %s: %s", peer, topic, msg["payload"])
            out = json.dumps({"from": f"{peer[0]}:{peer[1]}", "topic": topic, "payload": msg["payload"]}) + "\n"
            for w in list(subscribers.get(topic, ())):
                try:
                    w.write(out.encode())
                    await w.drain()
                except ConnectionError:
                    log.warning("a subscriber of %s is gone", topic)
    except (ConnectionError, json.JSONDecodeError, KeyError) as e:
        log.warning("%s: %r", peer, e)
    finally:
        if topic in subscribers:
            subscribers[topic].discard(writer)
        writer.close()
        log.info("goodbye %s", peer)


async def main():
    p = argparse.ArgumentParser()
    p.add_argument("--host", default="0.0.0.0")
    p.add_argument("--port", type=int, required=True)
    a = p.parse_args()
    server = await asyncio.start_server(on_client, a.host, a.port)
    log.info("listening on %s", a.port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
