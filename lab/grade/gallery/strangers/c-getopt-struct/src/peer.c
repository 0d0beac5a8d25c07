#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netdb.h>
#include "proto.h"
static void *receive(void *v)
{
    int fd = *(int *)v; struct hdr h; char b[66001];
    while (readn(fd, &h, sizeof h) == 0) { uint32_t n = ntohl(h.len); if (n > 66000 || readn(fd, b, n)) break; b[n] = 0; printf("%s\n", b); fflush(stdout); }
    printf("broker went away\n"); exit(0);
}
static void out(int fd, int type, const char *topic, const char *text)
{
    struct hdr h; memset(&h, 0, sizeof h); h.type = type; strncpy(h.topic, topic, 30); h.len = htonl(strlen(text));
    writen(fd, &h, sizeof h); writen(fd, text, strlen(text));
}
int main(int argc, char **argv)
{
    char *host = 0, *port = 0, *role = 0, *topic = "default"; int o;
    while ((o = getopt(argc, argv, "h:p:r:t:")) != -1) switch (o) {
        case 'h': host = optarg; break; case 'p': port = optarg; break; case 'r': role = optarg; break; case 't': topic = optarg; break;
    }
    if (!host || !port || !role) { fprintf(stderr, "Usage: %s -h host -p port -r pub|sub [-t topic]\n", argv[0]); return 2; }
    struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *ai;
    if (getaddrinfo(host, port, &hints, &ai)) { fprintf(stderr, "unknown host\n"); return 1; }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, ai->ai_addr, ai->ai_addrlen)) { perror("connect"); return 1; }
    int pub = !strcmp(role, "pub");
    out(fd, pub ? REG_PUB : REG_SUB, topic, "");
    pthread_t t; pthread_create(&t, 0, receive, &fd);
    char line[65536];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (!strcmp(line, "terminate")) break;
        if (pub) out(fd, DATA, topic, line);
    }
    out(fd, BYE, topic, "");
    close(fd);
    return 0;
}
