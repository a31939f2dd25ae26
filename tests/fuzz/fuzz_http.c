/* Bytes as what a client sends to the console: the real server, on one end of a pair of sockets and
   without threads, over a book that has something of everything. Who does not show the token
   changes nothing and learns nothing; whatever comes, the book stays sound, answers are HTTP and
   JSON, and what is printed for the operator has no control characters. The first byte says how:
   below 128 the rest is sent as it is, else it is made into requests. */
#define _GNU_SOURCE 1 /* for memmem */
#include "fuzz.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>

#include <cjson/cJSON.h>

#include "util/text.h"

#include "../../examples/console_server.c"

#define TOKEN "0123456789abcdef"
#define MOST_SENT 200000 /* more than a body may have */

/* ---- The book -----------------------------------------------------------------------------------
 */

static void execute(void *user, const perp_execution *job, uint32_t *outcome) {
    (void)user;
    (void)job;
    *outcome = PERP_OUTCOME_ACCEPTED;
}

static void submit(perp_core *core, const perp_call *call, uint8_t number, uint32_t instrument,
                   double quantity) {
    const double price = instrument % 2 == 0 ? 50002.5 : 2500.125;
    perp_job job;
    perp_job_init(&job);
    job.job_id.bytes[15] = number;
    job.strategy = PERP_STRATEGY_ARB;
    job.expected_edge_bps = 100;
    job.n_legs = 2;
    job.notional = (perp_usd)(quantity * price * 1e6);
    for (uint32_t i = 0; i < 2; i++) {
        job.legs[i].instrument = instrument + 2 * i;
        job.legs[i].side = i;
        job.legs[i].quantity = quantity;
        job.legs[i].notional = job.notional;
    }
    must(perp_scheduler_submit(perp_core_scheduler(core), call, &job) == PERP_OK, core);
}

/* Job 1 ended with one leg only, so that its base is naked and a position open; job 2 runs and has
   an order; job 3 waits. An account says something else than the book: it drifts. */
static perp_core *open_book(const perp_store *store) {
    perp_config config;
    perp_call call;
    perp_job_result result;
    perp_order_request request;
    perp_order_answer placed;
    perp_position_report report = {0, PERP_MARGIN_ISOLATED, 0, 0, 0, 0};
    perp_config_init(&config);
    config.callbacks.execute = execute;
    config.store = *store;
    config.risk.account_max_age_ms = 0;
    for (int i = 0; i < PERP_MODE_COUNT; i++) {
        config.risk.modes[i].min_safety_score = 0;
    }
    perp_core *core = fuzz_book(&config);
    perp_scheduler *scheduler = perp_core_scheduler(core);
    perp_call_init(&call);
    call.now_ns = FUZZ_START;
    submit(core, &call, 1, 0, 0.01);
    must(perp_scheduler_tick(scheduler, &call, NULL) == PERP_OK, core);
    perp_job_result_init(&result);
    result.status = PERP_RESULT_FAILED;
    result.n_legs = 2;
    result.legs[0] = (perp_leg_result){.filled = 0.01, .price = 50000, .known = 1};
    result.legs[0].time_ns = result.legs[1].time_ns = PERP_TIME_NONE;
    result.legs[1].known = 1;
    const perp_uuid first = {.bytes = {[15] = 1}}, second = {.bytes = {[15] = 2}};
    must(perp_scheduler_finish(scheduler, &call, &first, &result, NULL) == PERP_OK, core);
    submit(core, &call, 2, 1, 0.1);
    must(perp_scheduler_tick(scheduler, &call, NULL) == PERP_OK, core);
    perp_order_request_init(&request);
    perp_order_answer_init(&placed);
    request.job_id = second;
    request.quantity = 0.1;
    request.type = PERP_ORDER_LIMIT;
    request.price = 2500;
    must(perp_orders_place(perp_core_orders(core), &call, &request, &placed) == PERP_OK, core);
    submit(core, &call, 3, 0, 0.02);
    report.quantity = 5;
    must(perp_position(core, &call, &report, FUZZ_START) == PERP_OK, core);
    return core;
}

/* ---- One connection -----------------------------------------------------------------------------
 */

struct client {
    struct console_server *server;
    int socket;
    uint8_t pieces; /* how much is sent at once; 0: all */
    char *answer;
    size_t length, room;
};

static void run(struct console_server *server) {
    must(MHD_run(server->daemon) == MHD_YES, NULL);
}

/* Takes what was answered; false: the connection has ended. */
static bool hear(struct client *client) {
    for (;;) {
        if (client->room - client->length < 65536) {
            client->room = 2 * client->room + 65536;
            client->answer = realloc(client->answer, client->room + 1);
            must(client->answer != NULL, NULL);
        }
        ssize_t n =
            recv(client->socket, client->answer + client->length, client->room - client->length, 0);
        if (n <= 0) {
            client->answer[client->length] = '\0';
            return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        }
        client->length += (size_t)n;
    }
}

static void send_all(struct client *client, const char *bytes, size_t size) {
    size_t at = 0;
    bool open = true;
    for (int idle = 0; at < size && open && idle < 16; idle++) {
        size_t n = client->pieces == 0 || size - at < client->pieces ? size - at : client->pieces;
        ssize_t sent = send(client->socket, bytes + at, n, MSG_NOSIGNAL);
        if (sent > 0) {
            at += (size_t)sent;
            idle = 0;
        }
        run(client->server);
        open = hear(client);
    }
    shutdown(client->socket, SHUT_WR);
    size_t before = client->length;
    for (int idle = 0; open && idle < 4; idle++) {
        run(client->server);
        open = hear(client);
        idle = client->length != before ? 0 : idle;
        before = client->length;
    }
}

static void talk(struct client *client, const char *bytes, size_t size) {
    int pair[2];
    const perp_alert alert = {.struct_size = sizeof alert};
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = 1};
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0, NULL);
    client->socket = pair[0];
    must(MHD_add_connection(client->server->daemon, pair[1],
                            (const struct sockaddr *)(const void *)&address,
                            sizeof address) == MHD_YES,
         NULL);
    send_all(client, bytes, size);
    close(client->socket);
    for (int i = 0; i < 100 && atomic_load(&client->server->figures.connections) > 0; i++) {
        /* A stream notices that nobody listens when it has something to say. */
        console_events_alert(client->server->events, &alert);
        wake(client->server);
        run(client->server);
    }
    must(atomic_load(&client->server->figures.connections) == 0, NULL);
}

/* ---- What is sent -------------------------------------------------------------------------------
 */

struct text {
    char bytes[MOST_SENT];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int n =
        vsnprintf(text->bytes + text->length, sizeof text->bytes - text->length, format, arguments);
    va_end(arguments);
    text->length += n > 0 && (size_t)n < sizeof text->bytes - text->length ? (size_t)n : 0;
}

static void add_bytes(struct text *text, fuzz_bytes *bytes, size_t n) {
    n = n < bytes->size ? n : bytes->size;
    n = n < sizeof text->bytes - text->length ? n : sizeof text->bytes - text->length;
    memcpy(text->bytes + text->length, bytes->data, n);
    text->length += n;
    bytes->data += n;
    bytes->size -= n;
}

static void add_target(struct text *text, fuzz_bytes *bytes) {
    static const char *const paths[] = {"/",
                                        "/healthz",
                                        "/metrics",
                                        "/api/monitoring/state",
                                        "/api/events",
                                        "/api/capital/snapshot",
                                        "/api/positions",
                                        "/api/orders",
                                        "/api/jobs/running",
                                        "/api/jobs/pending",
                                        "/api/jobs/open",
                                        "/api/risk/rules",
                                        "/api/latches",
                                        "/api/feasibility",
                                        "/api/control/log",
                                        "/api/console",
                                        "/app.js"};
    static const char *const actions[] = {
        "pause",   "resume",        "set_risk_mode",   "kill",    "manual_override", "reset_halt",
        "resolve", "resume_repair", "accept_position", "flatten", "cancel",          "nothing"};
    const size_t n_paths = sizeof paths / sizeof *paths,
                 n_actions = sizeof actions / sizeof *actions;
    const uint8_t which = fuzz_byte(bytes);
    if (which < 100) {
        add(text, "%s", paths[which % n_paths]);
    } else if (which < 220) {
        add(text, "/api/control/%s", actions[which % n_actions]);
    } else if (which < 235) {
        add(text, "/api/jobs/00000000-0000-0000-0000-0000000000%02x", fuzz_byte(bytes) % 8);
    } else if (which < 245) {
        add(text,
            "/api/orders?job=00000000-0000-0000-0000-0000000000%02x&state=", fuzz_byte(bytes) % 8);
        add_bytes(text, bytes, fuzz_byte(bytes) % 16);
    } else {
        add(text, "/api/");
        add_bytes(text, bytes, fuzz_byte(bytes));
    }
}

/* A request from choices, so that what is behind the routes is reached; its body is of the input.
 */
static void add_request(struct text *text, fuzz_bytes *bytes) {
    static const char *const methods[] = {"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE"};
    static const char *const types[] = {"application/json", "application/json; charset=utf-8",
                                        "text/plain", "application/jsonx"};
    static const char *const origins[] = {"http://fuzz", "https://fuzz", "null", "http://evil"};
    const uint8_t how = fuzz_byte(bytes), heads = fuzz_byte(bytes);
    add(text, "%s ", methods[how < 224 ? how % 2 : how % 6]);
    add_target(text, bytes);
    add(text, " HTTP/1.1\r\nHost: fuzz\r\n");
    if (heads % 16 != 1) {
        add(text, "Authorization: Bearer %s\r\n", heads % 16 == 2 ? "wrong" : TOKEN);
    }
    if (heads % 16 != 3) {
        add(text, "Content-Type: %s\r\n", types[heads % 16 == 4 ? how % 4 : 0]);
    }
    if (heads % 16 == 5) {
        add(text, "Origin: %s\r\n", origins[how % 4]);
    }
    if (heads % 16 == 6) {
        add(text, "Last-Event-ID: ");
        add_bytes(text, bytes, fuzz_byte(bytes) % 32);
        add(text, "\r\n");
    }
    size_t size = (size_t)fuzz_word(bytes, 2) % 1024;
    size = size < bytes->size ? size : bytes->size;
    if (heads % 16 == 7) {
        add(text, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", size);
        add_bytes(text, bytes, size);
        add(text, "\r\n0\r\n\r\n");
    } else {
        add(text, "Content-Length: %zu\r\n\r\n", heads % 16 == 8 ? size + how : size);
        add_bytes(text, bytes, size);
    }
}

/* ---- What comes back ----------------------------------------------------------------------------
 */

static bool has(const char *bytes, size_t size, const char *word) {
    return memmem(bytes, size, word, strlen(word)) != NULL;
}

/* The first answer: its status, and a body that is JSON where it says so. */
static void look_at_answer(const struct client *client, bool has_body) {
    unsigned status;
    if (client->length == 0) {
        return;
    }
    must(sscanf(client->answer, "HTTP/1.%*1[01] %3u ", &status) == 1, NULL);
    must(status >= 100 && status < 600, NULL);
    const char *body = strstr(client->answer, "\r\n\r\n");
    must(body != NULL, NULL);
    body += 4;
    const size_t head = (size_t)(body - client->answer);
    for (size_t i = 0; i < head; i++) {
        const unsigned char c = (unsigned char)client->answer[i];
        must((c >= ' ' && c < 127) || c == '\r' || c == '\n', NULL);
    }
    const char *length = strstr(client->answer, "Content-Length: ");
    if (has_body && length != NULL && length < body &&
        has(client->answer, head, "Content-Type: application/json")) {
        const size_t size = strtoul(length + 16, NULL, 10);
        if (size > 0 && size <= client->length - head) {
            cJSON *json = cJSON_ParseWithLength(body, size);
            must(json != NULL, NULL);
            cJSON_Delete(json);
        }
    }
}

/* The journal that the operator reads: lines of text that can be shown. */
static void look_at_log(const char *log, size_t length) {
    for (size_t at = 0; at < length;) {
        const char *end = memchr(log + at, '\n', length - at);
        const size_t n = end == NULL ? length - at : (size_t)(end - (log + at));
        char *line = strndup(log + at, n);
        char *shown = malloc(4 * n + 64);
        must(line != NULL && shown != NULL && strlen(line) == n, NULL);
        perp_text_show(line, shown, 4 * n + 64);
        if (strcmp(line, shown) != 0) {
            fprintf(stderr, "shown as: %s\n", shown);
            abort();
        }
        free(line);
        free(shown);
        at += n + 1;
    }
}

static struct console_server *open_server(struct console_host *host, struct console_events *events,
                                          const struct console_token *token) {
    static const struct console_options options = {.listen = "127.0.0.1:0"};
    char error[256];
    unsigned port;
    struct console_server *server = console_server_open(&options, &port, error, sizeof error);
    must(server != NULL, NULL);
    server->host = host;
    server->events = events;
    server->token = token;
    server->streams.events = events;
    server->daemon = start_daemon(server, MHD_NO_FLAG, 0);
    must(server->daemon != NULL, NULL);
    return server;
}

static void put_request(struct text *text, fuzz_bytes *bytes) {
    text->length = 0;
    while (bytes->size > 0) {
        add_request(text, bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct text text;
    static struct console_host host;
    static struct console_events events;
    static const struct console_token token = {.text = TOKEN};
    static const struct console_options options = {.market = "sim", .speed = 1};
    fuzz_bytes bytes = {data, size};
    const uint8_t how = fuzz_byte(&bytes);
    struct client client = {.pieces = how % 128};
    char *log = NULL;
    size_t log_length = 0;
    perp_store store = {0};
    memset(&host, 0, sizeof host);
    memset(&events, 0, sizeof events);
    host.options = &options;
    host.events = &events;
    must(console_decisions_open(&host.decisions, &store), NULL);
    host.core = open_book(&store);
    atomic_store(&host.now_ns, FUZZ_START + CONSOLE_SECOND);
    pthread_mutex_init(&host.desk_lock, NULL);
    pthread_mutex_init(&host.figures_lock, NULL);
    must(console_events_open(&events, &host), NULL);
    /* Who listens hears this first, as if it were a state. */
    console_events_alert(&events, &(perp_alert){.struct_size = sizeof(perp_alert)});
    events.state_id = events.next_id - 1;
    client.server = open_server(&host, &events, &token);
    text.length = 0;
    if (how >= 128) {
        put_request(&text, &bytes);
    } else {
        add_bytes(&text, &bytes, bytes.size);
    }

    const bool shows_token = has(text.bytes, text.length, TOKEN);
    const uint64_t hash = perp_core_hash(host.core);
    FILE *own = stderr;
    stderr = open_memstream(&log, &log_length);
    talk(&client, text.bytes, text.length);
    fclose(stderr);
    stderr = own;

    must(perp_core_check(host.core) == PERP_OK, host.core);
    must(shows_token || perp_core_hash(host.core) == hash, host.core);
    must(shows_token || !has(client.answer, client.length, "in_flight"), host.core);
    look_at_answer(&client, text.length < 4 || memcmp(text.bytes, "HEAD", 4) != 0);
    look_at_log(log, log_length);
    free(log);
    free(client.answer);
    console_server_end(client.server);
    console_events_close(&events);
    must(perp_core_close(host.core) == PERP_OK, NULL);
    console_decisions_close(&host.decisions);
    pthread_mutex_destroy(&host.desk_lock);
    pthread_mutex_destroy(&host.figures_lock);
    return 0;
}
