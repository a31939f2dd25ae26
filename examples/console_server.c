/* The HTTP server: who may ask, in which form, and what keeps it up when strangers try. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "console_clients.h"

#define MOST_BODY 65536
#define MOST_DISCARDED 1048576 /* of a body that is refused: read, so that the answer arrives */
#define MOST_CONNECTIONS 1000
#define THREADS 2
#define IDLE_S 10   /* nothing came or went */
#define BODY_S 20   /* from the end of the headers to that of the body */
#define ANSWER_S 60 /* to take the answer */

struct console_server {
    struct console_host *host;
    struct console_events *events;
    const struct console_token *token;
    struct MHD_Daemon *daemon;
    int socket;
    struct console_clients *clients;
    struct console_streams streams;
    struct console_figures figures;
    atomic_uint busy; /* requests that have no answer yet */
};

struct request {
    bool refused; /* reply has why; the body is not looked at */
    bool is_head;
    char *body;
    size_t length, seen;
    const struct console_route *route;
    const char *job;
    struct console_reply reply;
};

/* ---- who may ask ---- */

static const char *header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static const char *argument(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

/* The right token is let in however many wrong ones came before it: nobody may lock out the person
   who wants to stop the trading. A token of 256 bits is not guessed. */
static bool let_in(struct console_server *server, struct MHD_Connection *connection,
                   struct request *request) {
    const char *value = header(connection, MHD_HTTP_HEADER_AUTHORIZATION);
    bool bearer = value != NULL && strncasecmp(value, "Bearer ", 7) == 0;
    if (bearer && console_token_is(server->token, value + 7 + strspn(value + 7, " "))) {
        console_client_known(connection);
        return true;
    }
    if (!bearer)
        console_reply_error(&request->reply, 401, "a token is needed: Authorization: Bearer TOKEN");
    else if (console_clients_wrong_token(server->clients, connection))
        console_reply_error(&request->reply, 429, "too many wrong tokens: wait a minute");
    else
        console_reply_error(&request->reply, 401, "the token is wrong");
    return false;
}

/* A page of another site may not post, even if it knew the token. */
static bool same_origin(struct MHD_Connection *connection) {
    const char *origin = header(connection, MHD_HTTP_HEADER_ORIGIN);
    const char *host = header(connection, MHD_HTTP_HEADER_HOST);
    if (origin == NULL)
        return true;
    if (host == NULL)
        return false;
    if (strncmp(origin, "http://", 7) == 0)
        return strcasecmp(origin + 7, host) == 0;
    return strncmp(origin, "https://", 8) == 0 && strcasecmp(origin + 8, host) == 0;
}

static bool is_json(const char *type) {
    static const char json[] = "application/json";
    size_t length = sizeof json - 1;
    if (type == NULL || strncasecmp(type, json, length) != 0)
        return false;
    return type[length] == '\0' || type[length] == ';' || type[length] == ' ';
}

static uint64_t announced_length(struct MHD_Connection *connection) {
    const char *text = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return text == NULL ? 0 : strtoull(text, NULL, 10);
}

/* ---- the answer ---- */

static void add_headers(struct MHD_Response *response, const char *type, bool keeps) {
    static const char *const always[][2] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
         "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"}};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        MHD_add_response_header(response, always[i][0], always[i][1]);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
                            keeps ? "no-cache" : "no-store");
    if (type != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
}

static enum MHD_Result queue(struct console_server *server, struct MHD_Connection *connection,
                             struct MHD_Response *response, unsigned status, const char *allow) {
    if (response == NULL)
        return MHD_NO;
    if (status == 401)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (status == 429)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "60");
    if (allow != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    atomic_fetch_add(&server->figures.answers[status / 100 % 6], 1);
    return result;
}

static void free_text(void *user) {
    console_text_drop(user);
}

static enum MHD_Result send_reply(struct console_server *server, struct MHD_Connection *connection,
                                  struct console_reply *reply, const char *allow) {
    struct console_text *text = reply->text;
    const char *type = reply->type;
    if (reply->json != NULL) {
        char *printed = cJSON_PrintUnformatted(reply->json);
        console_text_drop(text);
        text = printed == NULL ? NULL : console_text_new(printed, strlen(printed));
        cJSON_free(printed);
        type = "application/json";
    }
    reply->text = NULL;
    if (text == NULL)
        text = console_text_new("", 0);
    if (text == NULL)
        return MHD_NO;
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        text->length, text->bytes, free_text, text);
    if (response == NULL) {
        console_text_drop(text);
        return MHD_NO;
    }
    add_headers(response, type, false);
    return queue(server, connection, response, reply->status, allow);
}

static const char no_page[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>perpcore</title>"
    "<p>This console was built without its page. The API is under /api.</html>\n";

static const struct console_file *file_of(const char *path) {
    static const struct console_file nothing = {"index.html", "text/html; charset=utf-8",
                                                "\"none\"", (const unsigned char *)no_page,
                                                sizeof no_page - 1};
    const char *name = strcmp(path, "/") == 0 ? "index.html" : path + (*path == '/');
    for (size_t i = 0; i < console_n_files; i++)
        if (strcmp(name, console_files[i].path) == 0)
            return &console_files[i];
    return strcmp(path, "/") == 0 ? &nothing : NULL;
}

static enum MHD_Result send_file(struct console_server *server, struct MHD_Connection *connection,
                                 const struct console_file *file) {
    const char *known = header(connection, MHD_HTTP_HEADER_IF_NONE_MATCH);
    bool same = known != NULL && (strcmp(known, "*") == 0 || strstr(known, file->etag) != NULL);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        same ? 0 : file->size, (void *)(uintptr_t)file->data, MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    add_headers(response, file->type, true);
    MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, file->etag);
    return queue(server, connection, response, same ? 304 : 200, NULL);
}

static enum MHD_Result send_stream(struct console_server *server, struct MHD_Connection *connection,
                                   struct request *request) {
    const char *last = header(connection, "Last-Event-ID");
    struct MHD_Response *response =
        request->is_head ? MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT)
                         : console_stream_new(&server->streams, connection,
                                              last == NULL ? 0 : strtoull(last, NULL, 10));
    if (response == NULL) {
        console_reply_error(&request->reply, 503, "too many listen already");
        return send_reply(server, connection, &request->reply, NULL);
    }
    add_headers(response, "text/event-stream", false);
    MHD_add_response_header(response, "X-Accel-Buffering", "no");
    console_client_deadline(connection, -1);
    return queue(server, connection, response, 200, NULL);
}

/* ---- one request ---- */

/* All that can be said before the body has been read. */
static void look_at(struct console_server *server, struct MHD_Connection *connection,
                    const char *path, const char *method, struct request *request) {
    bool guarded = strncmp(path, "/api/", 5) == 0 || strcmp(path, "/api") == 0 ||
                   strcmp(path, "/metrics") == 0;
    bool is_get = strcmp(method, "GET") == 0 || request->is_head;
    bool is_post = strcmp(method, "POST") == 0;
    request->route = console_route_of(path, &request->job);
    if (guarded && !let_in(server, connection, request)) {
        request->refused = true;
        return;
    }
    bool posts = request->route != NULL && request->route->get == NULL;
    request->refused = true;
    if (request->route == NULL && file_of(path) == NULL)
        console_reply_error(&request->reply, 404, "there is nothing here");
    else if (strcmp(method, "OPTIONS") == 0)
        request->reply.status = 204;
    else if (posts ? !is_post : !is_get)
        console_reply_error(&request->reply, 405, posts ? "only POST" : "only GET and HEAD");
    else if (posts && !same_origin(connection))
        console_reply_error(&request->reply, 403, "the request comes from another site");
    else if (posts && !is_json(header(connection, MHD_HTTP_HEADER_CONTENT_TYPE)))
        console_reply_error(&request->reply, 415, "the body must be application/json");
    else if (announced_length(connection) > MOST_BODY)
        console_reply_error(&request->reply, 413, "the body is larger than 64 KiB");
    else
        request->refused = false;
}

static enum MHD_Result take_body(struct request *request, const char *data, size_t *size) {
    request->seen += *size;
    if (request->seen > MOST_DISCARDED)
        return MHD_NO;
    if (!request->refused && request->length + *size > MOST_BODY) {
        console_reply_error(&request->reply, 413, "the body is larger than 64 KiB");
        request->refused = true;
    }
    if (!request->refused) {
        if (request->body == NULL)
            request->body = malloc(MOST_BODY);
        if (request->body == NULL)
            return MHD_NO;
        memcpy(request->body + request->length, data, *size);
        request->length += *size;
    }
    *size = 0;
    return MHD_YES;
}

static const char *allowed(const struct request *request) {
    if (request->reply.status != 204 && request->reply.status != 405)
        return NULL;
    return request->route != NULL && request->route->get == NULL ? "POST, OPTIONS"
                                                                 : "GET, HEAD, OPTIONS";
}

static enum MHD_Result answer(struct console_server *server, struct MHD_Connection *connection,
                              const char *path, struct request *request) {
    console_client_deadline(connection, ANSWER_S);
    if (request->refused)
        return send_reply(server, connection, &request->reply, allowed(request));
    if (request->route == NULL)
        return send_file(server, connection, file_of(path));
    if (request->route->is_stream)
        return send_stream(server, connection, request);
    if (request->route->get == NULL) {
        struct console_answer done = {0, NULL};
        console_control(server->host, server->events, strrchr(path, '/') + 1,
                        request->body == NULL ? "" : request->body, request->length, &done);
        request->reply.status = done.status;
        request->reply.json = done.json;
    } else if (request->job != NULL) {
        console_reply_job(server->host, request->job, &request->reply);
    } else if (request->route->is_orders) {
        const struct console_query query = {.job = argument(connection, "job"),
                                            .state = argument(connection, "state"),
                                            .exchange = argument(connection, "exchange")};
        console_reply_orders(server->host, &query, &request->reply);
    } else {
        request->route->get(server->host, server->events, &server->figures, &request->reply);
    }
    return send_reply(server, connection, &request->reply, NULL);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **context) {
    struct console_server *server = user;
    struct request *request = *context;
    (void)version;
    if (request == NULL) {
        request = calloc(1, sizeof *request);
        *context = request;
        if (request == NULL)
            return MHD_NO;
        atomic_fetch_add(&server->busy, 1);
        console_client_deadline(connection, BODY_S);
        request->is_head = strcmp(method, "HEAD") == 0;
        look_at(server, connection, path, method, request);
        if (!request->refused || announced_length(connection) <= MOST_DISCARDED)
            return MHD_YES;
        return send_reply(server, connection, &request->reply, allowed(request));
    }
    if (*size > 0)
        return take_body(request, data, size);
    return answer(server, connection, path, request);
}

static void on_completed(void *user, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code) {
    struct console_server *server = user;
    struct request *request = *context;
    (void)code;
    if (request == NULL)
        return;
    *context = NULL;
    console_client_deadline(connection, CONSOLE_HEADERS_S);
    atomic_fetch_sub(&server->busy, 1);
    console_text_drop(request->reply.text);
    cJSON_Delete(request->reply.json);
    free(request->body);
    free(request);
}

/* ---- opening and closing ---- */

struct console_server *console_server_open(const struct console_options *options, unsigned *port,
                                           char *error, size_t size) {
    struct console_server *server = calloc(1, sizeof *server);
    if (server != NULL)
        server->clients = console_clients_new(&server->figures);
    if (server == NULL || server->clients == NULL) {
        snprintf(error, size, "no memory");
        free(server);
        return NULL;
    }
    server->socket =
        console_listen(options->listen, console_token_given(options), port, error, size);
    if (server->socket < 0) {
        console_clients_free(server->clients);
        free(server);
        return NULL;
    }
    pthread_mutex_init(&server->streams.lock, NULL);
    return server;
}

static void wake(void *user) {
    struct console_server *server = user;
    atomic_store(&server->figures.listeners, atomic_load(&server->streams.count));
    console_streams_wake(&server->streams);
    console_clients_end_late(server->clients);
}

static void allow_files(void) {
    struct rlimit limit;
    rlim_t wanted = 2 * MOST_CONNECTIONS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static struct MHD_Daemon *start_daemon(struct console_server *server, unsigned threading,
                                       unsigned threads) {
    return MHD_start_daemon(
        threading | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, server,
        MHD_OPTION_LISTEN_SOCKET, server->socket, MHD_OPTION_THREAD_POOL_SIZE, threads,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)MOST_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, console_clients_notified, server->clients, MHD_OPTION_END);
}

int console_server_start(struct console_server *server, struct console_host *host,
                         struct console_events *events, const struct console_token *token) {
    server->host = host;
    server->events = events;
    server->token = token;
    server->streams.events = events;
    allow_files();
    server->daemon = start_daemon(server, MHD_USE_AUTO_INTERNAL_THREAD, THREADS);
    return server->daemon != NULL && console_events_start(events, wake, server);
}

void console_server_end(struct console_server *server) {
    if (server == NULL)
        return;
    if (server->daemon != NULL) {
        MHD_socket left = MHD_quiesce_daemon(server->daemon);
        console_events_end(server->events);
        console_streams_stop(&server->streams);
        for (int i = 0; i < 100 && atomic_load(&server->busy) > 0; i++) {
            struct timespec time = {.tv_nsec = 10000000};
            nanosleep(&time, NULL);
        }
        MHD_stop_daemon(server->daemon);
        if (left != MHD_INVALID_SOCKET)
            close(left);
    } else {
        close(server->socket);
    }
    pthread_mutex_destroy(&server->streams.lock);
    console_clients_free(server->clients);
    free(server);
}
