import sys
import zmq

host, port, role, topic = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
ctx = zmq.Context()
if role == "PUBLISHER":
    s = ctx.socket(zmq.PUB)
    s.connect(f"tcp://{host}:{port}")
    while (line := input()) != "terminate":
        s.send_string(f"{topic} {line}")
else:
    s = ctx.socket(zmq.SUB)
    s.connect(f"tcp://{host}:{port + 1}")
    s.setsockopt_string(zmq.SUBSCRIBE, topic)
    while True:
        print(s.recv_string())
