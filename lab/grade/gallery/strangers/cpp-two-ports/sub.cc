#include "net.hh"
#include <poll.h>

int main(int argc, char **argv) {
    int fd = dial(argc > 1 ? argv[1] : "127.0.0.1", SUB_PORT);
    std::cout << "subscriber connected, waiting" << std::endl;
    pollfd p[2] = {{0, POLLIN, 0}, {fd, POLLIN, 0}};
    char buf[2000];
    while (poll(p, 2, -1) > 0) {
        if (p[1].revents) {
            ssize_t n = recv(fd, buf, sizeof buf, 0);
            if (n <= 0) break;
            std::cout.write(buf, n).flush();
        }
        if (p[0].revents) {
            std::string line;
            if (!std::getline(std::cin, line)) break;
            line += "\n";
            send(fd, line.data(), line.size(), MSG_NOSIGNAL);
            if (line == "terminate\n") break;
        }
    }
    close(fd);
}
