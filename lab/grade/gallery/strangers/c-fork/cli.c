#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int fd;

void *reader(void *arg) {
    char b[512];
    int n;
    while ((n = read(fd, b, sizeof b)) > 0) {
        fwrite(b, 1, n, stdout);
        fflush(stdout);
    }
    return NULL;
}

/* cli host port publisher|subscriber */
int main(int argc, char *argv[]) {
    struct addrinfo hint = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *res;
    if (argc != 4) {
        fprintf(stderr, "%s host port publisher|subscriber\n", argv[0]);
        return 2;
    }
    if (getaddrinfo(argv[1], argv[2], &hint, &res)) {
        fprintf(stderr, "unknown host\n");
        return 1;
    }
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, res->ai_addr, res->ai_addrlen)) {
        perror("connect");
        return 1;
    }
    dprintf(fd, "%s\n", argv[3]);
    pthread_t t;
    pthread_create(&t, NULL, reader, NULL);
    char line[400];
    while (fgets(line, sizeof line, stdin)) {
        write(fd, line, strlen(line));
        if (strcmp(line, "terminate\n") == 0)
            break;
    }
    return 0;
}
