#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char buf[1024];
    if (argc != 5) {
        printf("Usage: ./client <server ip> <port> <PUBLISHER/SUBSCRIBER> <topic>\n");
        return 1;
    }
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a;
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_port = htons(atoi(argv[2]));
    if (inet_pton(AF_INET, argv[1], &a.sin_addr) != 1) {
        printf("Invalid address\n");
        return 1;
    }
    if (connect(s, (struct sockaddr *)&a, sizeof a) < 0) {
        perror("connect");
        return 1;
    }
    snprintf(buf, sizeof buf, "%s %s", argv[3], argv[4]);
    send(s, buf, strlen(buf), 0);
    printf("%s> ", argv[3]);
    fflush(stdout);
    while (1) {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(0, &set);
        FD_SET(s, &set);
        select(s + 1, &set, NULL, NULL, NULL);
        if (FD_ISSET(s, &set)) {
            ssize_t n = recv(s, buf, sizeof buf - 1, 0);
            if (n <= 0) {
                printf("Server closed.\n");
                break;
            }
            buf[n] = 0;
            printf("\n%s%s> ", buf, argv[3]);
            fflush(stdout);
        }
        if (FD_ISSET(0, &set)) {
            if (!fgets(buf, sizeof buf, stdin))
                break;
            buf[strcspn(buf, "\n")] = 0;
            if (*buf)
                send(s, buf, strlen(buf), MSG_NOSIGNAL);
            if (strcmp(buf, "terminate") == 0)
                break;
            printf("%s> ", argv[3]);
            fflush(stdout);
        }
    }
    close(s);
    return 0;
}
