#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX 200
#define BUF 1024

struct client {
    int fd;
    int registered;
    char role[32];
    char topic[64];
    char name[64];
} clients[MAX];

int first_only;

static void publish(struct client *from, const char *text) {
    char out[BUF + 200];
    snprintf(out, sizeof out, "[%s] %s: %s\n", from->topic, from->name, text);
    for (int i = 0; i < MAX; i++) {
        struct client *c = &clients[i];
        if (c->fd < 0 || strcmp(c->role, "SUBSCRIBER") || strcmp(c->topic, from->topic))
            continue;
        send(c->fd, out, strlen(out), MSG_NOSIGNAL);
        if (first_only)
            return;
    }
}

static void drop(struct client *c) {
    printf("%s disconnected\n", c->name);
    close(c->fd);
    memset(c, 0, sizeof *c);
    c->fd = -1;
}

static void handle(struct client *c) {
    char buf[BUF];
    ssize_t n = recv(c->fd, buf, BUF - 1, 0);
    if (n <= 0) {
        drop(c);
        return;
    }
    buf[n] = '\0';
    buf[strcspn(buf, "\r\n")] = '\0';
    if (!c->registered) {
        if (sscanf(buf, "%31s %63s", c->role, c->topic) < 1) {
            drop(c);
            return;
        }
        c->registered = 1;
        printf("%s is %s (topic %s)\n", c->name, c->role, c->topic);
        return;
    }
    if (strcmp(buf, "terminate") == 0) {
        drop(c);
        return;
    }
    printf("%s: %s\n", c->name, buf);
    if (strcmp(c->role, "PUBLISHER") == 0)
        publish(c, buf);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 1;
    }
    const char *fault = getenv("FAULT");
    first_only = fault && strcmp(fault, "first-subscriber-only") == 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    int s = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    if (bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, 10) < 0) {
        perror("bind");
        return 1;
    }
    for (int i = 0; i < MAX; i++)
        clients[i].fd = -1;
    printf("Server waiting on port %s\n", argv[1]);
    for (;;) {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(s, &set);
        int max = s;
        for (int i = 0; i < MAX; i++) {
            if (clients[i].fd < 0)
                continue;
            FD_SET(clients[i].fd, &set);
            if (clients[i].fd > max)
                max = clients[i].fd;
        }
        if (select(max + 1, &set, NULL, NULL, NULL) < 0)
            break;
        for (int i = 0; i < MAX; i++)
            if (clients[i].fd >= 0 && FD_ISSET(clients[i].fd, &set))
                handle(&clients[i]);
        if (FD_ISSET(s, &set)) {
            struct sockaddr_in from;
            socklen_t len = sizeof from;
            int fd = accept(s, (struct sockaddr *)&from, &len), i = 0;
            while (i < MAX && clients[i].fd >= 0)
                i++;
            if (i == MAX) {
                close(fd);
                continue;
            }
            clients[i].fd = fd;
            snprintf(clients[i].name, 64, "%s:%d", inet_ntoa(from.sin_addr), ntohs(from.sin_port));
            printf("%s connected\n", clients[i].name);
        }
    }
    return 0;
}
