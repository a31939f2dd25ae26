/* The HTTP server. A request that lags is suspended until its time has come. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"
#include "websocket.h"

#define MOST_BODY 65536
#define MOST_CONNECTIONS 900 /* select knows 1024 files */
#define IDLE_S 60

enum state { BEGUN, READING, WAITING, ANSWERED };

struct request {
    struct fx_http *http;
    struct MHD_Connection *connection;
    struct fx_call call;
    size_t length; /* of the body */
    enum state state;
    bool is_large, runs_first;
    struct fx_wanted wanted;
    struct request *next, *previous; /* those that wait */
};

struct fx_http {
    struct fx_exchange *exchange;
    struct MHD_Daemon *daemon;
    struct request *waiting;
    int file;
};

static char *copy_of(const char *text, size_t n) {
    char *copy = fx_memory(NULL, n + 1);
    memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

/* Of a path, percent signs are only taken out where a stream's name has them. */
static void split_uri(struct fx_call *call, const char *uri) {
    size_t n = strcspn(uri, "?");
    call->path = copy_of(uri, n);
    if (uri[n] == '?')
        call->query = copy_of(uri + n + 1, strlen(uri + n + 1));
    for (char *at; (at = strstr(call->path, "%40")) != NULL;) {
        *at = '@';
        memmove(at + 1, at + 3, strlen(at + 3) + 1);
    }
}

static void *on_uri(void *user, const char *uri, struct MHD_Connection *connection) {
    struct request *request = calloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    request->http = user;
    request->connection = connection;
    split_uri(&request->call, uri);
    return request;
}

static void on_completed(void *user, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code) {
    struct request *request = *context;
    (void)user;
    (void)connection;
    (void)code;
    *context = NULL;
    if (request == NULL)
        return;
    cJSON_Delete(request->call.reply.json);
    free(request->call.path);
    free(request->call.query);
    free(request->call.body);
    free(request);
}

static const char *header(const struct request *request, const char *name) {
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* ---- the answer ---- */

static enum MHD_Result send_text(struct request *request, unsigned status, char *text,
                                 const char *type) {
    char seconds[16];
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(text);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (request->call.reply.retry_after_s > 0) {
        snprintf(seconds, sizeof seconds, "%d", request->call.reply.retry_after_s);
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (status == MHD_HTTP_UPGRADE_REQUIRED)
        MHD_add_response_header(response, "Sec-WebSocket-Version", "13");
    enum MHD_Result result = MHD_queue_response(request->connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct request *request, unsigned status, const char *message) {
    fx_call_fail(&request->call, -5000, message);
    return send_text(request, status, cJSON_PrintUnformatted(request->call.reply.json),
                     "application/json");
}

/* MHD_NO: the connection is closed without an answer. */
static enum MHD_Result answer(struct request *request) {
    const struct fx_reply *reply = &request->call.reply;
    if (reply->is_lost)
        return MHD_NO;
    if (reply->json == NULL)
        return send_text(request, (unsigned)reply->status,
                         copy_of(reply->text, strlen(reply->text)), "text/html");
    char *text = cJSON_PrintUnformatted(reply->json);
    return text == NULL ? MHD_NO
                        : send_text(request, (unsigned)reply->status, text, "application/json");
}

/* ---- streams ---- */

static bool has_word(const char *list, const char *word) {
    size_t n = strlen(word);
    for (; list != NULL && *list != '\0'; list += strcspn(list, ","), list += *list == ',') {
        list += strspn(list, " \t");
        if (strncasecmp(list, word, n) == 0 && (list[n] == '\0' || strchr(", \t", list[n]) != NULL))
            return true;
    }
    return false;
}

static bool is_key(const char *key) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return key != NULL && strlen(key) == 24 && strspn(key, letters) == 22 &&
           strcmp(key + 22, "==") == 0;
}

static void on_upgrade(void *user, struct MHD_Connection *connection, void *context,
                       const char *bytes, size_t n, MHD_socket file,
                       struct MHD_UpgradeResponseHandle *handle) {
    const struct request *request = context;
    (void)user;
    (void)connection;
    fx_stream_add(request->call.venue, &request->wanted, file, handle, bytes, n);
}

static enum MHD_Result upgrade(struct request *request) {
    const char *key = header(request, "Sec-WebSocket-Key");
    const char *version = header(request, "Sec-WebSocket-Version");
    char accept[WEBSOCKET_ACCEPT];
    if (strcmp(request->call.method, "GET") != 0 || !is_key(key) ||
        !has_word(header(request, MHD_HTTP_HEADER_UPGRADE), "websocket") ||
        !has_word(header(request, MHD_HTTP_HEADER_CONNECTION), "upgrade"))
        return refuse(request, MHD_HTTP_BAD_REQUEST, "This is a stream: a WebSocket is wanted.");
    if (version == NULL || strcmp(version, "13") != 0)
        return refuse(request, MHD_HTTP_UPGRADE_REQUIRED, "WebSocket version 13 is wanted.");
    if (!fx_streams_have_room(request->http->exchange))
        return refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "Too many streams.");
    websocket_accept(key, accept);
    struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgrade, NULL);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_UPGRADE, "websocket");
    MHD_add_response_header(response, "Sec-WebSocket-Accept", accept);
    enum MHD_Result result =
        MHD_queue_response(request->connection, MHD_HTTP_SWITCHING_PROTOCOLS, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- a request ---- */

static void resume(struct request *request) {
    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        request->http->waiting = request->next;
    if (request->next != NULL)
        request->next->previous = request->previous;
    request->state = ANSWERED;
    MHD_resume_connection(request->connection);
}

/* What a suspended request waited for. Its client may have gone: it is carried out all the same. */
static void end_lag(struct fx_venue *venue, void *what, int64_t runs_first) {
    struct request *request = what;
    if (runs_first == 0)
        fx_call_run(venue->exchange, &request->call);
    resume(request);
}

static void suspend(struct request *request, struct fx_plan plan) {
    struct fx_venue *venue = request->call.venue;
    request->state = WAITING;
    request->previous = NULL;
    request->next = request->http->waiting;
    if (request->next != NULL)
        request->next->previous = request;
    request->http->waiting = request;
    MHD_suspend_connection(request->connection);
    fx_later(venue, venue->exchange->now_us + plan.lag_us, end_lag, request, plan.runs_first);
}

static bool is_stream(struct request *request) {
    const char *rest = "";
    struct fx_call *call = &request->call;
    call->venue = fx_venue_below(request->http->exchange, call->path, &rest);
    return call->venue != NULL && fx_wanted_read(call->venue, rest, call, &request->wanted);
}

static enum MHD_Result carry_out(struct request *request) {
    struct fx_exchange *exchange = request->http->exchange;
    struct fx_call *call = &request->call;
    if (request->is_large)
        return refuse(request, 413, "The body is larger than 64 KiB.");
    if (call->body != NULL && strlen(call->body) != request->length)
        return refuse(request, MHD_HTTP_BAD_REQUEST, "The body has a zero byte.");
    call->key = header(request, "X-MBX-APIKEY");
    struct fx_plan plan = fx_call_plan(exchange, call);
    if (call->venue != NULL && !fx_is_down(call->venue) && is_stream(request))
        return upgrade(request);
    if (!plan.is_done && (plan.runs_first || plan.lag_us == 0))
        fx_call_run(exchange, call);
    if (plan.is_done || plan.lag_us == 0)
        return answer(request);
    suspend(request, plan);
    return MHD_YES;
}

static enum MHD_Result take_body(struct request *request, const char *data, size_t *size) {
    request->is_large = request->is_large || request->length + *size > MOST_BODY;
    if (!request->is_large) {
        request->call.body = fx_memory(request->call.body, request->length + *size + 1);
        memcpy(request->call.body + request->length, data, *size);
        request->length += *size;
        request->call.body[request->length] = '\0';
    }
    *size = 0;
    return MHD_YES;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **context) {
    struct request *request = *context;
    (void)user;
    (void)connection;
    (void)path;
    (void)version;
    if (request == NULL)
        return MHD_NO;
    if (request->state == BEGUN) {
        snprintf(request->call.method, sizeof request->call.method, "%.7s", method);
        request->state = READING;
        return MHD_YES;
    }
    if (*size > 0)
        return take_body(request, data, size);
    if (request->state == ANSWERED)
        return answer(request);
    return request->state == READING ? carry_out(request) : MHD_YES;
}

/* ---- opening and closing ---- */

static int listen_at(uint16_t *port, char *error, size_t size) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t length = sizeof address;
    int one = 1, file = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (file >= 0)
        setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (file < 0 || bind(file, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(file, 511) != 0 || getsockname(file, (struct sockaddr *)&address, &length) != 0) {
        snprintf(error, size, "can't listen at 127.0.0.1:%u", *port);
        if (file >= 0)
            close(file);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return file;
}

struct fx_http *fx_http_open(struct fx_exchange *exchange, uint16_t *port, char *error,
                             size_t size) {
    struct fx_http *http = fx_memory(NULL, sizeof *http);
    *http = (struct fx_http){.exchange = exchange, .file = listen_at(port, error, size)};
    if (http->file < 0) {
        free(http);
        return NULL;
    }
    http->daemon = MHD_start_daemon(
        MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE, 0, NULL, NULL, on_request, http,
        MHD_OPTION_LISTEN_SOCKET, http->file, MHD_OPTION_URI_LOG_CALLBACK, on_uri, http,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)MOST_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768, MHD_OPTION_END);
    if (http->daemon == NULL) {
        snprintf(error, size, "the HTTP server can't be started");
        close(http->file);
        free(http);
        return NULL;
    }
    return http;
}

void fx_http_close(struct fx_http *http) {
    while (http->waiting != NULL) {
        http->waiting->call.reply.is_lost = true;
        resume(http->waiting);
    }
    MHD_run(http->daemon);
    MHD_stop_daemon(http->daemon);
    free(http);
}

void fx_http_wait(const struct fx_http *http, struct fx_files *files) {
    MHD_get_fdset(http->daemon, &files->reads, &files->writes, &files->fails, &files->most);
}

int fx_http_timeout(const struct fx_http *http) {
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(http->daemon, &ms) != MHD_YES)
        return -1;
    return ms > 1000 ? 1000 : (int)ms;
}

void fx_http_work(struct fx_http *http, const struct fx_files *files) {
    MHD_run_from_select(http->daemon, &files->reads, &files->writes, &files->fails);
}
