#include "common.h"
#include <pthread.h>
#include <signal.h>

#define MAXC 128
static int subs[MAXC];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *session(void *arg) {
    int fd = (int)(intptr_t)arg;
    char role[64], buf[2048], out[2200];
    struct sockaddr_in a;
    socklen_t al = sizeof a;
    getpeername(fd, (struct sockaddr *)&a, &al);
    int port = ntohs(a.sin_port);
    if (read_frame(fd, role, sizeof role) < 0)
        goto end;
    printf("client %d: role %s\n", port, role);
    if (!strcmp(role, "SUBSCRIBER")) {
        pthread_mutex_lock(&lock);
        for (int i = 0; i < MAXC; i++)
            if (subs[i] == 0) {
                subs[i] = fd;
                break;
            }
        pthread_mutex_unlock(&lock);
    }
    while (read_frame(fd, buf, sizeof buf) >= 0) {
        if (!strcmp(buf, "terminate"))
            break;
        printf("client %d: %s\n", port, buf);
        if (strcmp(role, "PUBLISHER"))
            continue;
        snprintf(out, sizeof out, "%d says %s", port, buf);
        pthread_mutex_lock(&lock);
        for (int i = 0; i < MAXC; i++)
            if (subs[i])
                write_frame(subs[i], out);
        pthread_mutex_unlock(&lock);
    }
end:
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MAXC; i++)
        if (subs[i] == fd)
            subs[i] = 0;
    pthread_mutex_unlock(&lock);
    close(fd);
    printf("client %d left\n", port);
    const char *fault = getenv("FAULT");
    if (fault && !strcmp(fault, "dies-when-subscriber-leaves") && !strcmp(role, "SUBSCRIBER"))
        abort();
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        printf("%s PORT\n", argv[0]);
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    int s = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = INADDR_ANY, .sin_port = htons(atoi(argv[1]))};
    if (bind(s, (struct sockaddr *)&a, sizeof a)) {
        perror("bind");
        return 1;
    }
    listen(s, 16);
    printf("pubsub_server: port %s\n", argv[1]);
    while (1) {
        int c = accept(s, NULL, NULL);
        if (c < 0)
            continue;
        printf("somebody connected\n");
        pthread_t t;
        pthread_create(&t, NULL, session, (void *)(intptr_t)c);
        pthread_detach(t);
    }
}
