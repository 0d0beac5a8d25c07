#include "common.h"
#include <poll.h>

int main(int argc, char **argv) {
    if (argc != 4) {
        printf("%s IP PORT ROLE\n", argv[0]);
        return 1;
    }
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    inet_pton(AF_INET, argv[1], &a.sin_addr);
    if (connect(s, (struct sockaddr *)&a, sizeof a)) {
        perror("connect");
        return 1;
    }
    write_frame(s, argv[3]);
    struct pollfd p[2] = {{0, POLLIN, 0}, {s, POLLIN, 0}};
    char buf[2048];
    while (poll(p, 2, -1) > 0) {
        if (p[1].revents) {
            if (read_frame(s, buf, sizeof buf) < 0) {
                puts("server hung up");
                return 1;
            }
            puts(buf);
        }
        if (p[0].revents) {
            if (!fgets(buf, sizeof buf, stdin))
                break;
            buf[strcspn(buf, "\n")] = 0;
            write_frame(s, buf);
            if (!strcmp(buf, "terminate"))
                break;
        }
    }
    close(s);
    return 0;
}
