#include <stdint.h>
#include <unistd.h>
#include <arpa/inet.h>
enum { REG_PUB = 1, REG_SUB = 2, DATA = 3, BYE = 4 };
struct hdr { uint8_t type; char topic[31]; uint32_t len; } __attribute__((packed));
static int readn(int fd, void *p, size_t n) { char *c = p; while (n) { ssize_t k = read(fd, c, n); if (k <= 0) return -1; c += k; n -= k; } return 0; }
static int writen(int fd, const void *p, size_t n) { const char *c = p; while (n) { ssize_t k = write(fd, c, n); if (k <= 0) return -1; c += k; n -= k; } return 0; }
