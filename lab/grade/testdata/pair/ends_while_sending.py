"""A client that ends with an error when it is to send its first message."""

from wellmade_client import LineClient, main


class EndsWhileSending(LineClient):
    def send(self, text):
        if text not in ("PUBLISHER", "SUBSCRIBER"):
            raise RuntimeError("a mistake in sending")
        super().send(text)


main(EndsWhileSending())
