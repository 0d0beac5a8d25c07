import asyncio, json, sys
subs = {}
async def client(r, w):
    peer = w.get_extra_info("peername")
    print("connection from", peer, flush=True)
    topic = None
    try:
        hello = json.loads(await r.readline())
        topic = hello["topic"]
        print(peer, "=>", hello["mode"], topic, flush=True)
        if hello["mode"] == "listen": subs.setdefault(topic, set()).add(w)
        while True:
            l = await r.readline()
            if not l: break
            m = json.loads(l)
            if m.get("bye"): break
            if hello["mode"] == "publish":
                print(topic, m["text"], flush=True)
                for s in list(subs.get(topic, ())):
                    s.write(json.dumps({"topic": topic, "text": m["text"]}).encode() + b"\n")
    except (ValueError, KeyError, ConnectionError, asyncio.IncompleteReadError) as e:
        print("error", peer, e, flush=True)
    if topic: subs.get(topic, set()).discard(w)
    w.close()
    print("closed", peer, flush=True)
async def main(port):
    s = await asyncio.start_server(client, "0.0.0.0", port, backlog=100)
    print("ready on port", port, flush=True)
    async with s: await s.serve_forever()
try: asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5050))
except KeyboardInterrupt: pass
