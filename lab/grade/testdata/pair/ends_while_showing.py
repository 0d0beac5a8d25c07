"""A client that ends with an error when it is to show its first message."""

import os

from wellmade_client import LineClient, main


class EndsWhileShowing(LineClient):
    def show(self, data):
        if b"FROM" in data:
            print("a mistake in showing", flush=True)
            os._exit(1)
        super().show(data)


main(EndsWhileShowing())
