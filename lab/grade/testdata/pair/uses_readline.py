"""A client with a line editor, which shows what is typed and repaints its prompt around what arrives."""

import readline
import sys

from wellmade_client import LineClient, main


class Edits(LineClient):
    def show(self, data):
        sys.stdout.write("\r\x1b[K\x1b[32m" + data.decode() + "\x1b[0m> " + readline.get_line_buffer())
        sys.stdout.flush()


main(Edits())
