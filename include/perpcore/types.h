/* Types that every header of libperpcore uses. C99 and C++98 clean; nothing here allocates. */
#ifndef PERPCORE_TYPES_H
#define PERPCORE_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include <perpcore/lists.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PERP_API __attribute__((visibility("default")))
#else
#define PERP_API
#endif

#define PERP_VERSION_MAJOR 0
#define PERP_VERSION_MINOR 2
#define PERP_VERSION_PATCH 0
/* The version of these headers as one number that grows: major × 10,000 + minor × 100 + patch. */
#define PERP_VERSION_NUMBER                                                                        \
    (PERP_VERSION_MAJOR * 10000 + PERP_VERSION_MINOR * 100 + PERP_VERSION_PATCH)

/* Money: integer micro-dollars, 1 USD = 1,000,000. */
typedef int64_t perp_usd;
#define PERP_USD INT64_C(1000000)

/* Times are nanoseconds since the Unix epoch, UTC. PERP_TIME_NONE stands for "not given". */
#define PERP_TIME_NONE INT64_MIN

/* Exchanges and instruments are interned: small ids from 0, in the order they were added. */
typedef uint32_t perp_exchange_id;
typedef uint32_t perp_instrument_id;
#define PERP_NO_ID UINT32_MAX
#define PERP_ALL_EXCHANGES UINT32_MAX
#define PERP_ALL_STRATEGIES UINT32_MAX

#define PERP_MAX_LEGS 8
#define PERP_MAX_LEVELS 32
#define PERP_MAX_METADATA 1024
#define PERP_MAX_EXCHANGES 64
#define PERP_MAX_INSTRUMENTS 16384
#define PERP_MAX_TIERS 256
#define PERP_NAME_SIZE 64 /* of names in structs, with the terminating zero */

/* The sizes of arrays by reason, component and job state. They have room for those that later
   releases add, so that a new one changes no layout; entries that no list names are 0. */
#define PERP_MAX_REASONS 80
#define PERP_MAX_HOST_RULES 16 /* that a book remembers; the last reasons */
#define PERP_MAX_COMPONENTS 16
#define PERP_MAX_JOB_STATES 16
#define PERP_MAX_GATES 32

#define PERP_MAX_ATTEMPTS 255     /* orders of one leg */
#define PERP_MAX_CLIENT_PREFIX 12 /* bytes of client_id_prefix */
#define PERP_LONG_SIZE 128        /* of what an exchange says in words, with the terminating zero */

/* Identities of jobs and keys of reservations: 128 bits, written as a UUID, the first byte first.
 */
typedef struct perp_uuid {
    uint8_t bytes[16];
} perp_uuid;

/* What calls return. PERP_OK is 0, all others are negative; perp_core_error has the message.
   Where several apply: PERP_E_NOT_FOUND of the thing addressed, then PERP_E_INVALID, then the
   others in the order of the list, PERP_E_RANGE last. A call that returns an error has changed
   nothing (perp_core_close, which says so, aside). docs/core.md says when each is returned. */
typedef enum perp_status {
#define PERP_X(name, value) name = value,
    PERP_STATUS_LIST(PERP_X)
#undef PERP_X
        PERP_STATUS_32_BITS = -2147483647 - 1 /* no status: it makes the type 32 bits wide */
} perp_status;

/* The enumerators below go into fields of type uint32_t. */

/* The pools of an exchange's equity: see PERP_POOL_LIST. */
enum perp_pool {
#define PERP_X(name, text) PERP_POOL_##name,
    PERP_POOL_LIST(PERP_X)
#undef PERP_X
        PERP_POOL_COUNT
};

/* What a job is for. WASH is hedged turnover between exchanges, never wash trading. */
enum perp_strategy {
#define PERP_X(name, text) PERP_STRATEGY_##name,
    PERP_STRATEGY_LIST(PERP_X)
#undef PERP_X
        PERP_STRATEGY_COUNT
};

/* The side of a leg, and of a position: BUY is long. */
enum perp_side {
#define PERP_X(name, text) PERP_SIDE_##name,
    PERP_SIDE_LIST(PERP_X)
#undef PERP_X
        PERP_SIDE_COUNT
};

/* How much risk is taken; a looser mode is later in the list. */
enum perp_mode {
#define PERP_X(name, text) PERP_MODE_##name,
    PERP_MODE_LIST(PERP_X)
#undef PERP_X
        PERP_MODE_COUNT
};

/* The kind of an instrument. */
enum perp_kind {
#define PERP_X(name, text) PERP_KIND_##name,
    PERP_KIND_LIST(PERP_X)
#undef PERP_X
        PERP_KIND_COUNT
};

/* Isolated is the default of an exchange; a position report may say PERP_MARGIN_NOT_GIVEN. */
enum perp_margin {
#define PERP_X(name, text) PERP_MARGIN_##name,
    PERP_MARGIN_LIST(PERP_X)
#undef PERP_X
        PERP_MARGIN_COUNT,
    PERP_MARGIN_NOT_GIVEN = 255
};

/* What cash is that comes or goes without a trade. */
enum perp_cash {
#define PERP_X(NAME, text) PERP_CASH_##NAME,
    PERP_CASH_LIST(PERP_X)
#undef PERP_X
        PERP_CASH_COUNT
};

/* The state of an exchange's API, as the host reports it. */
enum perp_api {
#define PERP_X(name, text) PERP_API_##name,
    PERP_API_LIST(PERP_X)
#undef PERP_X
        PERP_API_COUNT
};

/* The circuit breaker of an exchange: open after failures in a row, half open to try one job. */
enum perp_circuit {
#define PERP_X(name, text) PERP_CIRCUIT_##name,
    PERP_CIRCUIT_LIST(PERP_X)
#undef PERP_X
        PERP_CIRCUIT_COUNT
};

/* The states of a job. */
enum perp_job_state {
#define PERP_X(name, text) PERP_JOB_##name,
    PERP_JOB_STATE_LIST(PERP_X)
#undef PERP_X
        PERP_JOB_STATE_COUNT
};

/* Why a job or a reservation was refused or skipped: the risk rules, whose numbers are below
   PERP_REASON_RULES_END, the others, and from PERP_REASON_HOST_1 on the rules of the host.
   PERP_REASON_NONE is 0: nothing was refused. Not every number below PERP_MAX_REASONS is a reason
   (perp_reason_string says "?" for those). */
enum perp_reason {
    PERP_REASON_NONE = 0,
#define PERP_X(name, number, text, scope, hard, way_out, market, unknown, value, unit, sense,      \
               place, limit, limit_unit)                                                           \
    PERP_REASON_##name = number,
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
        PERP_REASON_RULES_END = 40,
#define PERP_X(name, number, text) PERP_REASON_##name = number,
    PERP_OTHER_REASON_LIST(PERP_X) PERP_HOST_REASON_LIST(PERP_X)
#undef PERP_X
        PERP_REASON_END = PERP_MAX_REASONS
};

/* Which value fails a rule. */
enum perp_sense {
    PERP_SENSE_NONE, /* nothing was said */
#define PERP_X(name, text) PERP_SENSE_##name,
    PERP_SENSE_LIST(PERP_X)
#undef PERP_X
        PERP_SENSE_NOT_HELD /* of a rule of the host: it does not concern the job */
};

/* How many rules there are. */
#define PERP_RULE_ROW(name, number, text, scope, hard, way_out, market, unknown, value, unit,      \
                      sense, place, limit, limit_unit)                                             \
    +1
#define PERP_RULE_COUNT (0 PERP_RULE_LIST(PERP_RULE_ROW))

/* The bit of a rule, of the library or of the host, in a set of rules (uint64_t); 0 for a reason
   that is no rule. The argument is evaluated more than once. */
#define PERP_REASON_BIT(reason)                                                                    \
    ((uint32_t)(reason) < PERP_REASON_RULES_END                                                    \
         ? UINT64_C(1) << ((uint32_t)(reason)&63)                                                  \
         : ((uint32_t)(reason) >= PERP_REASON_HOST_1 && (uint32_t)(reason) < PERP_REASON_END       \
                ? UINT64_C(1) << (((uint32_t)(reason)-16) & 63)                                    \
                : 0))

/* The type of an order. */
enum perp_order_type {
#define PERP_X(name, text) PERP_ORDER_##name,
    PERP_ORDER_TYPE_LIST(PERP_X)
#undef PERP_X
        PERP_ORDER_TYPE_COUNT
};

/* How long an order stands. DEFAULT: a market order is IOC, a limit order GTC. */
enum perp_tif {
#define PERP_X(name, text) PERP_TIF_##name,
    PERP_TIF_LIST(PERP_X)
#undef PERP_X
        PERP_TIF_COUNT,
    PERP_TIF_DEFAULT = 255
};

/* The states of an order; those from FILLED on are ends. */
enum perp_order_state {
#define PERP_X(name, text) PERP_ORDER_##name,
    PERP_ORDER_STATE_LIST(PERP_X)
#undef PERP_X
        PERP_ORDER_STATE_COUNT
};

/* What an exchange says of an order. */
enum perp_news {
#define PERP_X(name, text) PERP_NEWS_##name,
    PERP_NEWS_LIST(PERP_X)
#undef PERP_X
        PERP_NEWS_COUNT
};

/* How an exchange wants client ids written: 32 hexadecimal digits; 0x and those; a UUID; 26
   characters of base32; or the order's number in decimal, for exchanges that take integers. */
enum perp_client_id_format {
#define PERP_X(name, text) PERP_CLIENT_ID_##name,
    PERP_CLIENT_ID_FORMAT_LIST(PERP_X)
#undef PERP_X
        PERP_CLIENT_ID_FORMAT_COUNT
};

/* Why the gate refused an order; NONE: it did not. */
enum perp_gate {
    PERP_GATE_NONE = 0,
#define PERP_X(name, number, text, unit) PERP_GATE_##name = number,
    PERP_GATE_LIST(PERP_X)
#undef PERP_X
        PERP_GATE_END = PERP_MAX_GATES
};

/* The components of the safety score. */
enum perp_component {
#define PERP_X(name, field, weight) PERP_COMPONENT_##name,
    PERP_COMPONENT_LIST(PERP_X)
#undef PERP_X
        PERP_COMPONENT_COUNT
};

/* What an alert is about. */
enum perp_alert_code {
#define PERP_X(name, text) PERP_ALERT_##name,
    PERP_ALERT_LIST(PERP_X)
#undef PERP_X
        PERP_ALERT_COUNT
};

/* How bad it is. */
enum perp_level_of_alert { PERP_ALERT_INFO, PERP_ALERT_WARNING, PERP_ALERT_CRITICAL };

/* SERIALIZED: any thread may call. NONE: the host has one thread, or its own lock. */
enum perp_threading { PERP_THREADING_SERIALIZED, PERP_THREADING_NONE };

/* The levels of the log callback. */
enum perp_log_level { PERP_LOG_DEBUG, PERP_LOG_INFO, PERP_LOG_WARNING, PERP_LOG_ERROR };

/* When, by whom and why a call that changes the book is made.
   now_ns: the host's time. Earlier than the latest such call: the latest is used instead, and
   counted. More than an hour past it and the newest event of a feed: PERP_E_RANGE
   (perp_core_advance). The first call after a book was opened sets the clock. actor, reason: NULL
   or UTF-8 of at most 127 and 255 bytes; required (PERP_E_INVALID) where a call takes a protection
   away. Both are stored with the change. */
typedef struct perp_call {
    uint32_t struct_size;
    uint32_t reserved; /* 0 */
    int64_t now_ns;
    const char *actor;
    const char *reason;
} perp_call;

/* Fills size and defaults. perp_call_init(&call); call.now_ns = now; is all that most calls need.
 */
PERP_API void perp_call_init(perp_call *call);

/* What the ledger said no to. reason is PERP_REASON_NONE where it said yes. limit is the most that
   this check would have let pass (0 in safe mode; what is left, at least 0, for the total limit).
 */
typedef struct perp_refusal {
    uint32_t struct_size;
    uint32_t reason;
    perp_exchange_id exchange;
    uint32_t pool;
    perp_usd asked;
    perp_usd limit;
    uint64_t reserved[2]; /* 0 */
} perp_refusal;

/* Opaque: one trading book, and its modules, which it owns. */
typedef struct perp_core perp_core;
typedef struct perp_capital perp_capital;
typedef struct perp_market perp_market;
typedef struct perp_positions perp_positions;
typedef struct perp_risk perp_risk;
typedef struct perp_scheduler perp_scheduler;
typedef struct perp_orders perp_orders;

/* The names of the lists, e.g. perp_reason_string(PERP_REASON_DAILY_LOSS) is "daily_loss". Static
   strings; "?" for a value that is in no list ("none" for PERP_REASON_NONE). */
PERP_API const char *perp_status_string(perp_status status);
PERP_API const char *perp_reason_string(uint32_t reason);
PERP_API const char *perp_pool_string(uint32_t pool);
PERP_API const char *perp_strategy_string(uint32_t strategy);
PERP_API const char *perp_side_string(uint32_t side);
PERP_API const char *perp_mode_string(uint32_t mode);
PERP_API const char *perp_kind_string(uint32_t kind);
PERP_API const char *perp_margin_string(uint32_t margin);
PERP_API const char *perp_cash_string(uint32_t cash);
PERP_API const char *perp_api_string(uint32_t api);
PERP_API const char *perp_circuit_string(uint32_t circuit);
PERP_API const char *perp_job_state_string(uint32_t state);
PERP_API const char *perp_component_string(uint32_t component);
PERP_API const char *perp_alert_string(uint32_t alert);
PERP_API const char *perp_order_type_string(uint32_t type);
PERP_API const char *perp_tif_string(uint32_t tif);
PERP_API const char *perp_order_state_string(uint32_t state);
PERP_API const char *perp_news_string(uint32_t news);
PERP_API const char *perp_client_id_format_string(uint32_t format);
/* Of why the gate refused, and of the unit of what was asked. */
PERP_API const char *perp_gate_string(uint32_t gate);
PERP_API const char *perp_gate_unit(uint32_t gate);

/* The version of the library that is loaded, which may be newer than the headers that a host was
   compiled with: "0.2.0", and as PERP_VERSION_NUMBER. */
PERP_API const char *perp_version_string(void);
PERP_API uint32_t perp_version_number(void);

/* Reads "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" (either case). PERP_E_INVALID: anything else. */
PERP_API perp_status perp_uuid_parse(const char *text, size_t length, perp_uuid *uuid);
/* Writes 36 characters and a zero, in lower case. */
PERP_API void perp_uuid_format(const perp_uuid *uuid, char text[37]);

#ifdef __cplusplus
}
#endif

#endif
