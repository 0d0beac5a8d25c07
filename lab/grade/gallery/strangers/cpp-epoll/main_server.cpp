// epoll broker. Every line says what it is:  SUBSCRIBER <topic>   or   PUBLISHER <topic> <text>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>

struct Conn {
    std::string in, name;
    bool greeted = false;
};

static std::map<int, Conn> conns;
static std::map<std::string, std::set<int>> topics;

static void forget(int fd) {
    bool sub = false;
    for (auto &t : topics) sub |= t.second.erase(fd) > 0;
    std::cout << conns[fd].name << " disconnected" << std::endl;
    conns.erase(fd);
    close(fd);
    const char *f = getenv("FAULT");
    if (sub && f && std::string(f) == "dies-when-subscriber-leaves") std::abort();
}

static bool onLine(int fd, const std::string &line) {
    std::istringstream is(line);
    std::string verb, topic, text;
    is >> verb;
    if (verb == "terminate") return false;
    is >> topic;
    std::getline(is >> std::ws, text);
    if (!conns[fd].greeted) {
        std::cout << conns[fd].name << " is a " << verb << std::endl;
        conns[fd].greeted = true;
    }
    if (verb == "SUBSCRIBER") {
        topics[topic].insert(fd);
    } else if (verb == "PUBLISHER" && !text.empty()) {
        std::cout << conns[fd].name << " " << topic << ": " << text << std::endl;
        std::string out = topic + " " + text + "\n";
        for (int s : topics[topic]) send(s, out.data(), out.size(), MSG_NOSIGNAL);
    }
    return true;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: server PORT\n";
        return 1;
    }
    int ls = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in sa{};
    sa.sin_family = AF_INET;
    sa.sin_port = htons(std::atoi(argv[1]));
    if (bind(ls, (sockaddr *)&sa, sizeof sa) || listen(ls, SOMAXCONN)) {
        perror("listen");
        return 1;
    }
    int ep = epoll_create1(0);
    epoll_event ev{};
    ev.events = EPOLLIN;
    ev.data.fd = ls;
    epoll_ctl(ep, EPOLL_CTL_ADD, ls, &ev);
    std::cout << "epoll server up on " << argv[1] << std::endl;
    for (;;) {
        epoll_event evs[32];
        int n = epoll_wait(ep, evs, 32, -1);
        for (int i = 0; i < n; i++) {
            int fd = evs[i].data.fd;
            if (fd == ls) {
                socklen_t len = sizeof sa;
                int c = accept(ls, (sockaddr *)&sa, &len);
                if (c < 0) continue;
                conns[c].name = std::string(inet_ntoa(sa.sin_addr)) + ":" + std::to_string(ntohs(sa.sin_port));
                std::cout << conns[c].name << " connected" << std::endl;
                ev.events = EPOLLIN;
                ev.data.fd = c;
                epoll_ctl(ep, EPOLL_CTL_ADD, c, &ev);
                continue;
            }
            char buf[4096];
            ssize_t r = recv(fd, buf, sizeof buf, 0);
            bool ok = r > 0;
            if (ok) {
                std::string &in = conns[fd].in;
                in.append(buf, r);
                for (size_t p; ok && (p = in.find('\n')) != std::string::npos;) {
                    std::string line = in.substr(0, p);
                    in.erase(0, p + 1);
                    ok = onLine(fd, line);
                }
            }
            if (!ok) forget(fd);
        }
    }
}
