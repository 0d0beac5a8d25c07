#include "net.hh"
#include <algorithm>
#include <mutex>
#include <thread>
#include <vector>

std::vector<int> subs;
std::mutex m;

int listenOn(int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    if (bind(fd, (sockaddr *)&a, sizeof a) < 0 || listen(fd, 8) < 0) {
        perror("bind");
        exit(1);
    }
    return fd;
}

void say(const std::string &s) {
    static std::mutex out;
    std::lock_guard<std::mutex> g(out);
    std::cout << s << std::endl;
}

void client(int fd, std::string who, bool pub) {
    say(who + " connected (" + (pub ? "publisher" : "subscriber") + ")");
    if (!pub) {
        std::lock_guard<std::mutex> g(m);
        subs.push_back(fd);
    }
    std::string buf;
    char c;
    while (recv(fd, &c, 1, 0) == 1) {
        if (c != '\n') {
            buf += c;
            continue;
        }
        if (buf == "terminate") break;
        say(who + " sent: " + buf);
        if (pub) {
            std::lock_guard<std::mutex> g(m);
            for (int s : subs) {
                std::string line = who + " => " + buf + "\n";
                send(s, line.data(), line.size(), MSG_NOSIGNAL);
            }
        }
        buf.clear();
    }
    {
        std::lock_guard<std::mutex> g(m);
        subs.erase(std::remove(subs.begin(), subs.end(), fd), subs.end());
    }
    close(fd);
    say(who + " disconnected");
}

void acceptAll(int ls, bool pub) {
    for (;;) {
        sockaddr_in a{};
        socklen_t n = sizeof a;
        int fd = accept(ls, (sockaddr *)&a, &n);
        if (fd < 0) continue;
        std::string who = std::string(inet_ntoa(a.sin_addr)) + ":" + std::to_string(ntohs(a.sin_port));
        std::thread(client, fd, who, pub).detach();
    }
}

int main() {
    int p = listenOn(PUB_PORT), s = listenOn(SUB_PORT);
    std::cout << "middleware: publishers on " << PUB_PORT << ", subscribers on " << SUB_PORT << std::endl;
    std::thread(acceptAll, p, true).detach();
    acceptAll(s, false);
}
