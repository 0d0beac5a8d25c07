#pragma once
#include <string>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <unistd.h>
constexpr int ANSCHLUSS = 26611;
inline bool sende(int fd, const std::string &s) {
    std::string z = s + "\n";
    size_t o = 0;
    while (o < z.size()) {
        ssize_t k = send(fd, z.data() + o, z.size() - o, MSG_NOSIGNAL);
        if (k <= 0) return false;
        o += k;
    }
    return true;
}
inline bool empfange(int fd, std::string &puffer, std::string &zeile) {
    size_t p;
    while ((p = puffer.find('\n')) == std::string::npos) {
        char b[2048];
        ssize_t k = recv(fd, b, sizeof b, 0);
        if (k <= 0) return false;
        puffer.append(b, k);
    }
    zeile = puffer.substr(0, p);
    puffer.erase(0, p + 1);
    return true;
}
inline int verbinde(const char *adresse) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(ANSCHLUSS);
    inet_pton(AF_INET, adresse, &a.sin_addr);
    if (connect(fd, (sockaddr *)&a, sizeof a) < 0) return -1;
    return fd;
}
