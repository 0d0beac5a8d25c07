#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* every frame: 4 bytes of length in network order, then the text */

static inline int read_n(int fd, void *p, size_t n) {
    size_t got = 0;
    while (got < n) {
        ssize_t r = read(fd, (char *)p + got, n - got);
        if (r <= 0)
            return -1;
        got += r;
    }
    return 0;
}

static inline int read_frame(int fd, char *buf, size_t max) {
    uint32_t len;
    if (read_n(fd, &len, 4))
        return -1;
    len = ntohl(len);
    if (len >= max || read_n(fd, buf, len))
        return -1;
    buf[len] = 0;
    return len;
}

static inline int write_frame(int fd, const char *text) {
    char out[4096];
    uint32_t len = strlen(text), be = htonl(len);
    memcpy(out, &be, 4);
    memcpy(out + 4, text, len);
    return write(fd, out, len + 4) == (ssize_t)len + 4 ? 0 : -1;
}
