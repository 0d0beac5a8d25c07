import sys
import zmq

context = zmq.Context()
frontend = context.socket(zmq.XSUB)
frontend.bind(f"tcp://*:{sys.argv[1]}")
backend = context.socket(zmq.XPUB)
backend.bind(f"tcp://*:{int(sys.argv[1]) + 1}")
print("zmq proxy running")
zmq.proxy(frontend, backend)
