#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "proto.h"
struct sub { int fd; char topic[31]; struct sub *next; } *subs;
pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
struct arg { int fd; struct sockaddr_in a; };
static void unsub(int fd) { struct sub **p; for (p = &subs; *p; ) if ((*p)->fd == fd) { struct sub *d = *p; *p = d->next; free(d); } else p = &(*p)->next; }
static void *session(void *v)
{
    struct arg ar = *(struct arg *)v; free(v);
    char id[40]; snprintf(id, sizeof id, "%s:%d", inet_ntoa(ar.a.sin_addr), ntohs(ar.a.sin_port));
    struct hdr h; int pub = 0;
    while (readn(ar.fd, &h, sizeof h) == 0) {
        h.topic[30] = 0;
        uint32_t n = ntohl(h.len);
        if (n > 65536) break;
        char *b = malloc(n + 1);
        if (n && readn(ar.fd, b, n)) { free(b); break; }
        b[n] = 0;
        if (h.type == REG_PUB) { pub = 1; printf("%s: publisher of \"%s\"\n", id, h.topic); }
        else if (h.type == REG_SUB) {
            struct sub *s = malloc(sizeof *s); s->fd = ar.fd; strcpy(s->topic, h.topic);
            pthread_mutex_lock(&mu); s->next = subs; subs = s; pthread_mutex_unlock(&mu);
            printf("%s: subscriber of \"%s\"\n", id, h.topic);
        } else if (h.type == DATA && pub) {
            printf("%s: [%s] %s\n", id, h.topic, b);
            char out[66000]; int k = snprintf(out, sizeof out, "%s %s", id, b);
            struct hdr o = h; o.len = htonl(k);
            pthread_mutex_lock(&mu);
            for (struct sub *s = subs; s; s = s->next) if (!strcmp(s->topic, h.topic)) { writen(s->fd, &o, sizeof o); writen(s->fd, out, k); }
            pthread_mutex_unlock(&mu);
        } else if (h.type == BYE) { free(b); break; }
        free(b); fflush(stdout);
    }
    pthread_mutex_lock(&mu); unsub(ar.fd); pthread_mutex_unlock(&mu);
    printf("%s: gone\n", id); fflush(stdout);
    close(ar.fd);
    return 0;
}
int main(int argc, char **argv)
{
    int o, port = 0, on = 1;
    while ((o = getopt(argc, argv, "p:")) != -1) if (o == 'p') port = atoi(optarg);
    if (!port) { fprintf(stderr, "Usage: %s -p port\n", argv[0]); return 2; }
    signal(SIGPIPE, SIG_IGN);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
    if (bind(s, (void *)&a, sizeof a)) { perror("bind"); return 1; }
    listen(s, 128);
    printf("broker: waiting for connections on port %d\n", port); fflush(stdout);
    for (;;) {
        struct arg *ar = malloc(sizeof *ar); socklen_t l = sizeof ar->a;
        ar->fd = accept(s, (void *)&ar->a, &l);
        pthread_t t; pthread_create(&t, 0, session, ar); pthread_detach(t);
    }
}
