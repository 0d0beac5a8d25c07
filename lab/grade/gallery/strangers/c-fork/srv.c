/* A process for each client. The parent keeps the subscribers and does the sending;
 * children hand it what they read, through one pipe. */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct note { int fd; char kind; char text[500]; };   /* below PIPE_BUF: atomic */

int subs[256], nsubs;
int conns[1024];

void child(int fd, int out, const char *name) {
    struct note n;
    char role[32] = "";
    memset(&n, 0, sizeof n);
    n.fd = fd;
    FILE *in = fdopen(fd, "r");
    if (fgets(role, sizeof role, in)) {
        role[strcspn(role, "\r\n")] = 0;
        printf("%s registered as %s (pid %d)\n", name, role, getpid());
        if (strcmp(role, "subscriber") == 0) {
            n.kind = 'S';
            write(out, &n, sizeof n);
        }
        char line[480];
        while (fgets(line, sizeof line, in)) {
            line[strcspn(line, "\r\n")] = 0;
            if (strcmp(line, "terminate") == 0)
                break;
            printf("%s: %s\n", name, line);
            if (strcmp(role, "publisher") == 0) {
                n.kind = 'M';
                snprintf(n.text, sizeof n.text, "%s\n", line);
                write(out, &n, sizeof n);
            }
        }
    }
    n.kind = 'Q';
    write(out, &n, sizeof n);
    printf("%s disconnected\n", name);
    exit(0);
}

void note(struct note *n) {
    if (n->kind == 'S')
        subs[nsubs++] = n->fd;
    else if (n->kind == 'M') {
        for (int i = 0; i < nsubs; i++)
            send(subs[i], n->text, strlen(n->text), MSG_NOSIGNAL);
    } else {
        for (int i = 0; i < nsubs; i++)
            if (subs[i] == n->fd) {
                subs[i] = subs[--nsubs];
                break;
            }
        close(n->fd);
    }
}

int main(int argc, char *argv[]) {
    int p[2], on = 1;
    if (argc < 2)
        return printf("usage: srv <port>\n"), 1;
    setlinebuf(stdout);
    signal(SIGCHLD, SIG_IGN);
    int ls = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in sa = {0};
    sa.sin_family = AF_INET;
    sa.sin_port = htons(atoi(argv[1]));
    if (bind(ls, (void *)&sa, sizeof sa) || listen(ls, 5) || pipe(p)) {
        perror("srv");
        return 1;
    }
    printf("listening on port %s\n", argv[1]);
    struct pollfd fds[2] = {{ls, POLLIN, 0}, {p[0], POLLIN, 0}};
    for (;;) {
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents) {
            struct note n;
            if (read(p[0], &n, sizeof n) == sizeof n)
                note(&n);
        }
        if (fds[0].revents) {
            socklen_t len = sizeof sa;
            int fd = accept(ls, (void *)&sa, &len);
            if (fd < 0)
                continue;
            char name[64];
            sprintf(name, "%s:%d", inet_ntoa(sa.sin_addr), ntohs(sa.sin_port));
            printf("%s connected\n", name);
            if (fork() == 0) {
                close(ls);
                child(fd, p[1], name);
            }
        }
    }
}
