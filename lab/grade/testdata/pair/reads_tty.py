"""A client that reads what is typed from the terminal itself, as programs do that ask for a password."""

import sys

from wellmade_client import LineClient, main

sys.stdin = open("/dev/tty")
main(LineClient())
