from faithful_client import main
from wellmade_client import LineClient


class SendsPrompt(LineClient):
    def type(self):
        while True:
            self.send("Enter your message : ")  # where it should print it
            text = input()
            self.send(text)
            if text.strip() == "terminate":
                return


main(SendsPrompt())
