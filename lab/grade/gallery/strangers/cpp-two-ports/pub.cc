#include "net.hh"

int main(int argc, char **argv) {
    int fd = dial(argc > 1 ? argv[1] : "127.0.0.1", PUB_PORT);
    std::cout << "publisher connected, go on:" << std::endl;
    std::string line;
    while (std::getline(std::cin, line)) {
        std::string out = line + "\n";
        if (send(fd, out.data(), out.size(), MSG_NOSIGNAL) < 0) break;
        if (line == "terminate") break;
    }
    close(fd);
}
