#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <string>
#include <thread>

int main(int argc, char **argv) {
    if (argc != 5) {
        std::cerr << "usage: client HOST PORT ROLE TOPIC\n";
        return 1;
    }
    addrinfo hints{}, *res;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(argv[1], argv[2], &hints, &res)) return 1;
    int fd = -1;
    for (; res; res = res->ai_next) {
        fd = socket(res->ai_family, res->ai_socktype, 0);
        if (connect(fd, res->ai_addr, res->ai_addrlen) == 0) break;
        close(fd);
    }
    if (!res) {
        std::cerr << "cannot connect\n";
        return 1;
    }
    const std::string role = argv[3], topic = argv[4];
    auto say = [fd](const std::string &s) { return send(fd, s.data(), s.size(), MSG_NOSIGNAL) > 0; };
    if (role == "SUBSCRIBER") say("SUBSCRIBER " + topic + "\n");
    std::thread([fd] {
        char buf[4096];
        ssize_t n;
        while ((n = recv(fd, buf, sizeof buf, 0)) > 0) std::cout.write(buf, n).flush();
        std::cout << "(server gone)" << std::endl;
    }).detach();
    for (std::string line; std::getline(std::cin, line);) {
        if (line == "terminate") {
            say("terminate\n");
            break;
        }
        if (role == "PUBLISHER" && !say("PUBLISHER " + topic + " " + line + "\n")) break;
    }
    shutdown(fd, SHUT_WR);
    _exit(0);
}
