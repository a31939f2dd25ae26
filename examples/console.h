/* The web console: a host around the library with a market of its own, and an HTTP server that
   shows it and lets people steer it. See docs/console.md. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <perpcore/perpcore.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <cjson/cJSON.h>

#include "replay_desk.h"

#define CONSOLE_SECOND INT64_C(1000000000)
#define CONSOLE_TOKEN_MIN 16
#define CONSOLE_TOKEN_MAX 512
#define CONSOLE_FEEDS 2
#define CONSOLE_BUCKETS 20

struct console_options {
    char listen[128]; /* ADDRESS:PORT */
    const char *token_file;
    const char *store;
    uint64_t keep_events; /* 0: all */
    const char *market;   /* "sim", or a directory of recorded data */
    double speed;
    uint64_t seed;
};

/* A text that several connections read while it is replaced: the last one frees it. */
struct console_text {
    atomic_uint users;
    size_t length;
    char bytes[];
};
struct console_text *console_text_new(const char *bytes, size_t length);
struct console_text *console_text_hold(struct console_text *text);
void console_text_drop(struct console_text *text);

/* ---- the host ---- */

struct console_market; /* one player of the market */

/* A thread that plays the market of some exchanges into the library. */
struct console_feed {
    struct console_host *host;
    struct console_market *market;
    struct feed feed;
    uint32_t part;
    atomic_llong done_ns; /* all up to here is in the library */
    pthread_t thread;
};

/* Why a job was last refused, or let pass: the numbers, as the library wrote them. */
struct console_decision {
    perp_uuid job_id;
    bool dispatched;
    int64_t time_ns;
    char *detail;
};

struct console_decisions {
    pthread_mutex_t lock;
    struct console_decision *rows; /* a ring */
    uint32_t n;                    /* used */
    uint32_t next;
    struct console_decision *staged; /* of the change that is being stored */
    uint32_t n_staged, staged_room;
    perp_store inner; /* zero: nothing is kept */
};

struct console_host {
    const struct console_options *options;
    perp_core *core;
    struct desk *desk;
    pthread_mutex_t desk_lock;     /* the desk; the decision thread holds it while it works */
    int64_t watched_ns;            /* when alerts of feeds were last looked for */
    struct console_market *market; /* the desk's, with its feed */
    struct feed desk_feed;
    struct console_feed feeds[CONSOLE_FEEDS];
    pthread_mutex_t guards[PERP_MAX_EXCHANGES]; /* of what the library is told of an exchange */
    uint32_t n_feeds;
    pthread_mutex_t clock_lock;
    pthread_cond_t clock_moved;
    int64_t target_ns;    /* under clock_lock: as far as the feeds may play */
    atomic_llong now_ns;  /* as far as the desk has come: the time of all calls */
    atomic_llong beat_ns; /* wall clock of the last round of the decision thread */
    atomic_bool stop, ended, failed;
    char failure[320];            /* written before failed is set */
    atomic_ullong kills;          /* bits of exchanges whose orders are to be taken back */
    pthread_mutex_t figures_lock; /* the two below */
    uint64_t ticks_in[CONSOLE_BUCKETS + 1], ticks;
    double tick_seconds;
    pthread_t decider;
    bool running;
    struct console_decisions decisions;
    struct console_events *events; /* where alerts go */
};

/* 0: error says why. After start the market plays; end stops it, lets orders that are at work come
   to their end, and closes the book. */
int console_host_open(struct console_host *host, const struct console_options *options, char *error,
                      size_t size);
int console_host_start(struct console_host *host);
/* 0: something was wrong at the end; it was said on standard error. */
int console_host_end(struct console_host *host);
int64_t console_host_now(const struct console_host *host);
/* Cancels a job that waits, so that the desk knows of it too. */
perp_status console_host_cancel(struct console_host *host, const perp_call *call,
                                const perp_uuid *job_id);
/* Whether decisions are made; where not, why. */
bool console_host_healthy(const struct console_host *host, const char **why);
extern const double console_bucket_limits[CONSOLE_BUCKETS]; /* seconds */

struct console_market *console_market_open(const struct console_options *options, int64_t start_ns,
                                           char *error, size_t size);
perp_status console_market_enter(struct console_market *market, perp_core *core);
void console_market_feed(struct console_market *market, struct feed *feed);
void console_market_close(struct console_market *market);
bool console_market_generated(const struct console_options *options);

/* Puts itself between the book and its store (zero: there is none). */
int console_decisions_open(struct console_decisions *decisions, perp_store *store);
void console_decisions_close(struct console_decisions *decisions);
/* The last refusal and dispatch of a job, as JSON texts to be freed, or NULL. */
void console_decisions_of(struct console_decisions *decisions, const perp_uuid *job_id,
                          char **refusal, int64_t *refused_ns, char **dispatch,
                          int64_t *dispatched_ns);

/* ---- the changes ---- */

#define CONSOLE_RING 128
#define CONSOLE_CONTROLS 100

enum console_event_kind { CONSOLE_STATE, CONSOLE_CONTROL, CONSOLE_ALERT };

struct console_event {
    uint64_t id;
    uint32_t kind;
    struct console_text *frame; /* as it goes out */
};

struct console_control {
    int64_t time_ns; /* of the market */
    int64_t wall_ns;
    perp_status status;
    int enabled; /* of a switch: 1 on, 0 off; -1: it is none */
    char action[32], actor[128], reason[256];
    char subject[96]; /* what it was about */
    char result[256]; /* why it was refused */
};

struct console_events {
    pthread_mutex_t lock;
    struct console_host *host;
    struct console_event ring[CONSOLE_RING];
    uint64_t first_id, next_id;
    uint64_t state_id; /* of the newest state */
    struct console_text *state;
    int64_t state_wall_ns;        /* when it was looked at */
    struct console_text *metrics; /* under `building`, with its time */
    int64_t metrics_wall_ns;
    struct console_text *published; /* under `building`: the last one in the ring */
    struct console_control controls[CONSOLE_CONTROLS];
    uint64_t n_controls;
    void (*wake)(void *user); /* there is something new */
    void *wake_user;
    pthread_mutex_t building; /* one at a time makes a state */
    atomic_bool urgent, stop;
    pthread_t thread;
    bool running;
};

int console_events_open(struct console_events *events, struct console_host *host);
int console_events_start(struct console_events *events, void (*wake)(void *user), void *user);
void console_events_end(struct console_events *events);
void console_events_close(struct console_events *events);
/* The state as it is, at most a twentieth of a second old. To be dropped. NULL: no memory. */
struct console_text *console_events_state(struct console_events *events);
void console_events_control(struct console_events *events, const struct console_control *control);
void console_events_alert(struct console_events *events, const perp_alert *alert);
/* The next frame for a reader that has seen *id (0: nothing), which moves on. NULL: none yet. */
struct console_text *console_events_next(struct console_events *events, uint64_t *id);

/* ---- JSON and metrics ---- */

bool console_add_job(cJSON *json, perp_core *core, const perp_job_info *info);
cJSON *console_jobs_json(struct console_host *host, const uint32_t *states, uint32_t n_states);
/* PERP_E_NOT_FOUND: no such job. */
perp_status console_job_json(struct console_host *host, const perp_uuid *id, cJSON **json);
cJSON *console_capital_json(struct console_host *host);

/* What of a list is asked for; NULL: not said. */
struct console_query {
    const char *job, *state, *exchange;
};
#define CONSOLE_MOST_ORDERS 1000

bool console_add_order(cJSON *json, const perp_core *core, const perp_order_info *order,
                       int64_t now_ns);
/* The newest `most` orders that a filter lets pass; there (may be NULL): how many there are.
   PERP_E_NOT_FOUND: no such job; PERP_E_NOMEM. */
perp_status console_add_orders(cJSON *list, const perp_core *core, const perp_order_filter *filter,
                               uint32_t most, int64_t now_ns, uint32_t *there);
/* PERP_E_INVALID, PERP_E_NOT_FOUND, PERP_E_NOMEM: *why says what is wrong. */
perp_status console_orders_json(const perp_core *core, int64_t now_ns,
                                const struct console_query *query, cJSON **json, const char **why);
cJSON *console_feasibility_json(struct console_host *host);
bool console_add_control(cJSON *json, const struct console_control *control);

/* ---- control ---- */

struct console_answer {
    unsigned status;
    cJSON *json;
};

bool console_control_known(const char *name);
/* Does what a body asks for. */
void console_control(struct console_host *host, struct console_events *events, const char *name,
                     const char *body, size_t length, struct console_answer *answer);

/* ---- token ---- */

struct console_token {
    char text[CONSOLE_TOKEN_MAX + 1];
    char path[512]; /* of the file it was written to, or "" */
    bool given;     /* by the user */
};

/* The token of the options, of PERPCORE_TOKEN, or a new one for a console on this port. */
int console_token_get(struct console_token *token, const struct console_options *options,
                      unsigned port, char *error, size_t size);
bool console_token_given(const struct console_options *options);
bool console_token_is(const struct console_token *token, const char *text);

/* ---- the server ---- */

/* Binds and listens at "127.0.0.1:8787", "[::1]:8787" or "localhost:0"; where other machines could
   connect, only if `beyond` is set. -1: error says why. */
int console_listen(const char *text, bool beyond, unsigned *port, char *error, size_t size);

struct console_server;
/* Binds and listens; nobody is answered yet. *port gets the port. */
struct console_server *console_server_open(const struct console_options *options, unsigned *port,
                                           char *error, size_t size);
int console_server_start(struct console_server *server, struct console_host *host,
                         struct console_events *events, const struct console_token *token);
/* Answers what was asked, then closes. */
void console_server_end(struct console_server *server);

/* What the server met, for the metrics. */
struct console_figures {
    atomic_ullong answers[6]; /* by the first digit of the status */
    atomic_ullong bad_tokens;
    atomic_uint connections, listeners;
};

/* The metrics as they are, at most a tenth of a second old. To be dropped. NULL: no memory. */
struct console_text *console_events_metrics(struct console_events *events,
                                            const struct console_figures *figures);
/* Prometheus text; NULL: no memory. */
struct console_text *console_metrics(struct console_host *host,
                                     const struct console_figures *figures);

/* Streams of events: a response that goes on for as long as the client listens. */
struct MHD_Response;
struct MHD_Connection;
struct console_streams {
    pthread_mutex_t lock;
    struct console_events *events;
    struct console_stream *first;
    atomic_uint count;
    bool stopping;
};
/* NULL: too many, or no memory. last_id: the number that the client saw last, 0: none. */
struct MHD_Response *console_stream_new(struct console_streams *streams,
                                        struct MHD_Connection *connection, uint64_t last_id);
void console_streams_wake(struct console_streams *streams);
void console_streams_stop(struct console_streams *streams);

struct console_reply {
    unsigned status;
    const char *type; /* of text */
    struct console_text *text;
    cJSON *json; /* or this */
};

/* What stands behind a path. */
struct console_route {
    const char *path;
    bool is_public; /* needs no token */
    bool is_stream;
    /* What GET answers; NULL: only POST is allowed, and the last part of the path is the action. */
    void (*get)(struct console_host *host, struct console_events *events,
                const struct console_figures *figures, struct console_reply *reply);
    bool is_orders; /* takes a query */
};

/* NULL: nothing is there. The tail of a path that names a job is in *job. */
const struct console_route *console_route_of(const char *path, const char **job);
void console_reply_job(struct console_host *host, const char *id, struct console_reply *reply);
void console_reply_orders(struct console_host *host, const struct console_query *query,
                          struct console_reply *reply);
void console_reply_error(struct console_reply *reply, unsigned status, const char *why);

/* The files of the page, made by console_embed. */
struct console_file {
    const char *path; /* "app.js" */
    const char *type;
    const char *etag;
    const unsigned char *data;
    size_t size;
};
extern const struct console_file console_files[];
extern const size_t console_n_files;

#endif
