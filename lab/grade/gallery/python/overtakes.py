import random
import threading
import time

from faithful_server import Server, main


class Overtakes(Server):
    def broadcast(self, name, message):
        threading.Thread(target=self.deliver, args=(name, message), daemon=True).start()

    def deliver(self, name, message):
        time.sleep(random.choice((0, 0.05)))
        super().broadcast(name, message)


main(Overtakes())
