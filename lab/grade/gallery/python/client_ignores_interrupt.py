import signal

from faithful_client import Client, main

signal.signal(signal.SIGINT, lambda *_: print("type terminate to end"))
main(Client())
