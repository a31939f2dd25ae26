/* Who is connected to the server: until when each must have got on, and who goes where strangers
   are many. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <microhttpd.h>

#include "console_clients.h"

/* Of the connections that libmicrohttpd lets in, each of its threads has half; with no more
   strangers than this there is room even where all of them came to one. */
#define MOST_STRANGERS 400
#define MOST_OF_ADDRESS 100
#define MOST_BAD_TOKENS 10 /* of an address */
#define MOST_BAD_IN_ALL 200
#define BAD_TOKENS_NS (60 * CONSOLE_SECOND)
#define CALLERS 256

struct address {
    unsigned char bytes[16];
};

struct client {
    struct console_clients *clients;
    struct client *older, *newer;
    struct address address;
    int socket;
    int64_t deadline_ns; /* INT64_MAX: none, a stream */
    bool stranger;       /* has shown no token, and may be asked to go */
};

/* Wrong tokens of an address, or of all, since a time. */
struct wrong {
    struct address address;
    int64_t since_ns; /* 0: unused */
    uint32_t count;
};

struct console_clients {
    struct console_figures *figures;
    pthread_mutex_t lock;
    struct client *newest;
    unsigned n_strangers;
    struct wrong callers[CALLERS], all;
};

static int64_t wall_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * CONSOLE_SECOND + time.tv_nsec;
}

static struct client *client_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

/* Of IPv6 the network: a host has as many addresses in it as it likes. */
static struct address address_of(struct MHD_Connection *connection) {
    struct address address = {{0}};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info == NULL || info->client_addr == NULL)
        return address;
    if (info->client_addr->sa_family == AF_INET)
        memcpy(address.bytes,
               &((const struct sockaddr_in *)(const void *)info->client_addr)->sin_addr, 4);
    else if (info->client_addr->sa_family == AF_INET6)
        memcpy(address.bytes,
               &((const struct sockaddr_in6 *)(const void *)info->client_addr)->sin6_addr, 8);
    return address;
}

static bool same_address(const struct address *a, const struct address *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* ---- connections ---- */

static void no_stranger(struct client *client) {
    client->clients->n_strangers -= client->stranger;
    client->stranger = false;
}

/* The client is taken out before its socket is closed, so the socket is that of the client. */
static void end(struct client *client) {
    no_stranger(client);
    shutdown(client->socket, SHUT_RDWR);
}

/* Makes room for a new stranger: the one of its address goes that has waited longest, where that
   has too many, or else of all. */
static void make_room(struct console_clients *clients, const struct address *address) {
    struct client *first = NULL, *first_of_address = NULL;
    unsigned of_address = 0;
    for (struct client *client = clients->newest; client != NULL; client = client->older) {
        if (!client->stranger)
            continue;
        first = client;
        if (same_address(&client->address, address)) {
            first_of_address = client;
            of_address++;
        }
    }
    if (of_address >= MOST_OF_ADDRESS)
        end(first_of_address);
    else if (clients->n_strangers >= MOST_STRANGERS)
        end(first);
}

static void put_in(struct console_clients *clients, struct client *client) {
    pthread_mutex_lock(&clients->lock);
    make_room(clients, &client->address);
    client->stranger = true;
    clients->n_strangers++;
    client->older = clients->newest;
    if (clients->newest != NULL)
        clients->newest->newer = client;
    clients->newest = client;
    pthread_mutex_unlock(&clients->lock);
}

static void take_out(struct console_clients *clients, struct client *client) {
    pthread_mutex_lock(&clients->lock);
    no_stranger(client);
    if (client->newer != NULL)
        client->newer->older = client->older;
    else
        clients->newest = client->older;
    if (client->older != NULL)
        client->older->newer = client->newer;
    pthread_mutex_unlock(&clients->lock);
}

void console_clients_notified(void *user, struct MHD_Connection *connection, void **context,
                              enum MHD_ConnectionNotificationCode code) {
    struct console_clients *clients = user;
    struct client *client = *context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        client = info == NULL ? NULL : calloc(1, sizeof *client);
        *context = client;
        if (client == NULL)
            return; /* the time-out of the server still holds */
        client->clients = clients;
        client->socket = info->connect_fd;
        client->address = address_of(connection);
        client->deadline_ns = wall_ns() + CONSOLE_HEADERS_S * CONSOLE_SECOND;
        atomic_fetch_add(&clients->figures->connections, 1);
        put_in(clients, client);
        return;
    }
    *context = NULL;
    if (client == NULL)
        return;
    take_out(clients, client);
    atomic_fetch_sub(&clients->figures->connections, 1);
    free(client);
}

void console_client_deadline(struct MHD_Connection *connection, int64_t seconds) {
    struct client *client = client_of(connection);
    if (client == NULL)
        return;
    pthread_mutex_lock(&client->clients->lock);
    client->deadline_ns = seconds < 0 ? INT64_MAX : wall_ns() + seconds * CONSOLE_SECOND;
    pthread_mutex_unlock(&client->clients->lock);
}

void console_client_known(struct MHD_Connection *connection) {
    struct client *client = client_of(connection);
    if (client == NULL)
        return;
    pthread_mutex_lock(&client->clients->lock);
    no_stranger(client);
    pthread_mutex_unlock(&client->clients->lock);
}

/* A client that sends or takes a byte now and then never idles: what counts is when it is done. */
void console_clients_end_late(struct console_clients *clients) {
    int64_t now = wall_ns();
    pthread_mutex_lock(&clients->lock);
    for (struct client *client = clients->newest; client != NULL; client = client->older)
        if (now > client->deadline_ns)
            end(client);
    pthread_mutex_unlock(&clients->lock);
}

/* ---- wrong tokens ---- */

/* One more; true: there were `most` already in this minute. */
static bool count_wrong(struct wrong *wrong, int64_t now, uint32_t most) {
    if (wrong->since_ns == 0 || now - wrong->since_ns > BAD_TOKENS_NS) {
        wrong->since_ns = now;
        wrong->count = 0;
    }
    bool many = wrong->count >= most;
    wrong->count += !many;
    return many;
}

bool console_clients_wrong_token(struct console_clients *clients,
                                 struct MHD_Connection *connection) {
    struct address address = address_of(connection);
    int64_t now = wall_ns();
    pthread_mutex_lock(&clients->lock);
    struct wrong *caller = NULL, *earliest = &clients->callers[0];
    for (uint32_t i = 0; i < CALLERS && caller == NULL; i++) {
        struct wrong *row = &clients->callers[i];
        if (row->since_ns != 0 && same_address(&row->address, &address))
            caller = row;
        else if (row->since_ns < earliest->since_ns)
            earliest = row;
    }
    if (caller == NULL) {
        caller = earliest;
        *caller = (struct wrong){.address = address};
    }
    bool many = count_wrong(caller, now, MOST_BAD_TOKENS);
    many = count_wrong(&clients->all, now, MOST_BAD_IN_ALL) || many;
    pthread_mutex_unlock(&clients->lock);
    atomic_fetch_add(&clients->figures->bad_tokens, 1);
    return many;
}

/* ---- opening and closing ---- */

struct console_clients *console_clients_new(struct console_figures *figures) {
    struct console_clients *clients = calloc(1, sizeof *clients);
    if (clients == NULL)
        return NULL;
    clients->figures = figures;
    pthread_mutex_init(&clients->lock, NULL);
    return clients;
}

void console_clients_free(struct console_clients *clients) {
    pthread_mutex_destroy(&clients->lock);
    free(clients);
}
