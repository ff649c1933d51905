/* Reach anything: a listener of the host, a packet out, a socket of a family with a bad record. */
#define _GNU_SOURCE
#include "attack.h"
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static int opened(int family, int type, int protocol) {
    int fd = socket(family, type | SOCK_NONBLOCK, protocol);
    if (fd < 0) stopped("socket");
    return fd;
}

static struct sockaddr_in address(const char *host, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &to.sin_addr);
    return to;
}

/* Asks twice: the first answer may only be that it is under way. */
static int connected(int fd, void *to, socklen_t size) {
    if (connect(fd, to, size) == 0) return 1;
    if (errno != EINPROGRESS) return 0;
    rest(50);
    return connect(fd, to, size) == 0 || errno == EISCONN || errno == EALREADY;
}

static int reaches_loopback(const char *port) {
    struct sockaddr_in to = address("127.0.0.1", atoi(port));
    return connected(opened(AF_INET, SOCK_STREAM, 0), &to, sizeof to);
}

static void tcp(char *port) {
    if (!reaches_loopback(port)) stopped("connect");
    worked("connect", 0);
}

static void tcp6(char *port) {
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(atoi(port))};
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.sin6_addr);
    int fd = opened(AF_INET6, SOCK_STREAM, 0);
    if (!connected(fd, &to, sizeof to)) stopped("connect");
    worked("connect", 0);
}

static void tcp_listen(char *argument) {
    struct sockaddr_in here = address("127.0.0.1", 0);
    int fd = opened(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (void *)&here, sizeof here)) stopped("bind");
    judge("listen", listen(fd, 1));
}

static void tcp_fast_open(char *port) {
    struct sockaddr_in to = address("127.0.0.1", atoi(port));
    int fd = opened(AF_INET, SOCK_STREAM, 0);
    if (sendto(fd, "x", 1, MSG_FASTOPEN, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        stopped("sendto");
    worked("sendto", 0);
}

static void udp(char *port) {
    struct sockaddr_in to = address("127.0.0.1", atoi(port));
    int fd = opened(AF_INET, SOCK_DGRAM, 0);
    judge("sendto", sendto(fd, "x", 1, 0, (void *)&to, sizeof to));
}

/* Nothing is sent unless the host's own loopback was out of reach: a sandbox that is open lets no
 * packet of this test out. */
static void metadata(char *port) {
    if (reaches_loopback(port)) worked("loopback, so the address too", 0);
    struct sockaddr_in to = address("169.254.169.254", 80);
    int fd = opened(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (void *)&to, sizeof to) && errno != EINPROGRESS) stopped("connect");
    worked("connect", 0);
}

static void unix_socket(const char *name, int is_abstract) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if (length + 1 >= sizeof to.sun_path) stopped_because("name too long", length);
    memcpy(to.sun_path + is_abstract, name, length);
    int fd = opened(AF_UNIX, SOCK_STREAM, 0);
    /* One more byte either way: the NUL before an abstract name, or the one after a path. */
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + length + 1;
    judge("connect", connect(fd, (void *)&to, size));
}

static void unix_path(char *path) { unix_socket(path, 0); }
static void unix_abstract(char *name) { unix_socket(name, 1); }

static void socket_of(int family, int type, int protocol) {
    judge("socket", socket(family, type, protocol));
}
static void socket_inet(char *argument) { socket_of(AF_INET, SOCK_DGRAM, 0); }
static void socket_inet6(char *argument) { socket_of(AF_INET6, SOCK_DGRAM, 0); }
static void socket_netlink(char *argument) { socket_of(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); }
static void socket_raw(char *argument) { socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP); }
static void socket_ping(char *argument) { socket_of(AF_INET, SOCK_DGRAM, IPPROTO_ICMP); }
static void socket_packet(char *argument) { socket_of(AF_PACKET, SOCK_RAW, 0); }
static void socket_vsock(char *argument) { socket_of(AF_VSOCK, SOCK_STREAM, 0); }
static void socket_crypto(char *argument) { socket_of(AF_ALG, SOCK_SEQPACKET, 0); }

static void socket_pair(char *argument) {
    int both[2];
    judge("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, both));
}

const struct attack network[] = {
    {"tcp", tcp},
    {"tcp6", tcp6},
    {"tcp-listen", tcp_listen},
    {"tcp-fast-open", tcp_fast_open},
    {"udp", udp},
    {"metadata", metadata},
    {"unix-path", unix_path},
    {"unix-abstract", unix_abstract},
    {"socket-inet", socket_inet},
    {"socket-inet6", socket_inet6},
    {"socket-netlink", socket_netlink},
    {"socket-raw", socket_raw},
    {"socket-ping", socket_ping},
    {"socket-packet", socket_packet},
    {"socket-vsock", socket_vsock},
    {"socket-crypto", socket_crypto},
    {"socket-pair", socket_pair},
    {NULL, NULL},
};
