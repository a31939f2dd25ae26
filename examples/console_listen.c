/* The socket that the console listens on. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "console.h"

static bool is_loopback(const struct sockaddr *address) {
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 ==
               127;
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

static int bind_to(const struct addrinfo *where) {
    int one = 1;
    int file = socket(where->ai_family, SOCK_STREAM, 0);
    if (file < 0)
        return -1;
    setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(file, where->ai_addr, where->ai_addrlen) == 0 && listen(file, 511) == 0)
        return file;
    int error = errno;
    close(file);
    errno = error;
    return -1;
}

/* Names are not asked for: an address is meant. */
static int listen_at(const char *text, bool beyond, char *error, size_t size) {
    char address[128];
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(text, ':');
    size_t length = colon == NULL ? 0 : (size_t)(colon - text);
    if (length == 0 || length >= sizeof address || colon[1] == '\0') {
        snprintf(error, size, "%s: ADDRESS:PORT is wanted", text);
        return -1;
    }
    memcpy(address, text, length);
    address[length] = '\0';
    char *host = address;
    if (*host == '[' && host[length - 1] == ']') {
        host[length - 1] = '\0';
        host++;
    }
    if (strcmp(host, "localhost") == 0)
        snprintf(host, sizeof address - 1, "127.0.0.1");
    int problem = getaddrinfo(host, colon + 1, &hints, &found);
    if (problem != 0 || strtoul(colon + 1, NULL, 10) > 65535) {
        snprintf(error, size, "%s: %s", text,
                 problem != 0 ? gai_strerror(problem) : "no such port");
        if (problem == 0)
            freeaddrinfo(found);
        return -1;
    }
    int file = -1;
    if (!beyond && !is_loopback(found->ai_addr))
        snprintf(error, size,
                 "%s: beyond this machine it listens only with a token of yours: --token-file or "
                 "PERPCORE_TOKEN",
                 text);
    else if ((file = bind_to(found)) < 0)
        snprintf(error, size, "%s: %s", text, strerror(errno));
    freeaddrinfo(found);
    return file;
}

int console_listen(const char *text, bool beyond, unsigned *port, char *error, size_t size) {
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    int file = listen_at(text, beyond, error, size);
    if (file < 0)
        return -1;
    if (getsockname(file, (struct sockaddr *)&address, &length) != 0) {
        snprintf(error, size, "%s: %s", text, strerror(errno));
        close(file);
        return -1;
    }
    *port = ntohs(address.ss_family == AF_INET6
                      ? ((const struct sockaddr_in6 *)(const void *)&address)->sin6_port
                      : ((const struct sockaddr_in *)(const void *)&address)->sin_port);
    return file;
}
