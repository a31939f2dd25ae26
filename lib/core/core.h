/* The book's foundation: memory, errors, the lock, the clock, the registry, and the one path of
   change (events.h). Modules hang off it by opaque pointers. */
#ifndef PERP_CORE_CORE_H
#define PERP_CORE_CORE_H

#include <perpcore/perpcore.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "core/lock.h"
#include "core/rows.h"
#include "util/chains.h"
#include "util/ids.h"
#include "util/map.h"

#define PERP_NS_PER_S INT64_C(1000000000)
#define PERP_NS_PER_MS INT64_C(1000000)

struct perp_exchange_entry {
    perp_exchange_spec spec; /* as added, venue filled in */
    PERP_STORED(perp_exchange_limits, PERP_ROW_EXCHANGE_LIMITS);
    uint32_t venue;              /* equal for accounts of one venue */
    uint32_t first_instrument_1; /* the first instrument's id + 1; 0: none */
    uint32_t last_instrument_1;
    uint32_t next_in_chain_1; /* see perp_core.exchange_chains */
    struct perp_kept *kept, *limits_kept;
};

/* Margin tiers of an instrument. Those that were replaced stay until close: a host may read them.
 */
struct perp_tiers {
    struct perp_tiers *older;
    uint32_t n;
    perp_tier at[];
};

struct perp_instrument_entry {
    perp_instrument_spec spec; /* base filled in; its tiers are those of tiers */
    struct perp_tiers *tiers;
    struct perp_tiers *coming_tiers;     /* of an update that is not committed */
    uint32_t base;                       /* index into core->bases */
    uint32_t symbol;                     /* index into core->symbols */
    uint32_t contract;                   /* 0: not named; else equal for equal contracts */
    uint32_t book;                       /* equal for equal venue, base and kind */
    perp_instrument_id next_same_book;   /* ring of the instruments with equal `book` */
    perp_instrument_id next_on_exchange; /* PERP_NO_ID: the last */
    perp_instrument_id next_of_base;     /* likewise */
    uint32_t next_in_chain_1;            /* see perp_core.instrument_chains */
    double fee_bps[2];                   /* taker, maker: its own, or its exchange's */
    bool inverse;                        /* its contract is: worth 1 / price */
    struct perp_kept *kept;
};

/* Interned texts; ids are positions. */
struct perp_names {
    char (*items)[PERP_NAME_SIZE];
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots;  /* by hash: an id + 1, 0: empty; at least twice as many as texts */
    uint32_t n_slots; /* a power of two, or 0 */
};

struct perp_event; /* events.h */
struct perp_event_row;

/* What the events of the batch at hand will need, counted while it is prepared. */
struct perp_prepared {
    uint32_t reservations;
    uint32_t keys;
    uint32_t dispatches;
    const struct perp_event *sheet; /* whose effects stand on the positions' sheet; or NULL */
    /* The event whose decision left the sheet as it is; NULL: none has. */
    const struct perp_event *worked_out;
    uint32_t job_notices;
    uint32_t orders, trades, placed;
    uint32_t jobs, ends;
    bool some_run;                         /* perp_scheduler.coming_runs counts */
    const struct perp_job_entry *new_jobs; /* made for it, not yet in the book; by next */
    const struct perp_event *chosen;       /* the first repair that was chosen anew; NULL: none */
};

/* Alerts that monitoring told the host and that stand. */
struct perp_watched {
    perp_alert *alerts;
    uint32_t count, capacity;
};

/* Up to which event the store has what it was given, and up to which that is on disk (batch.c). */
struct perp_durable {
    perp_store_more more; /* what the store offers; zeros where it does not */
    pthread_mutex_t lock; /* of those who sync */
    _Atomic uint64_t staged, on_disk;
    _Atomic uint32_t n_syncs; /* calls that run now, on any thread */
    bool wal_held;            /* as of the last commit; under the book's lock */
    uint64_t wal_bytes;
};

/* Those who read and those who change the book take turns (notices.c). */
struct perp_turns {
    pthread_mutex_t lock;
    pthread_cond_t taken;   /* a reader had its turn */
    _Atomic uint32_t asked; /* readers that wait for a turn or have it */
    uint32_t ahead;         /* decisions that came after they asked and went before them */
    uint64_t n_taken;
};

/* The name of a rule of the host, by its number; empty: none has it. The rule itself is the
   process's and may not be there. */
struct perp_host_name {
    char name[PERP_NAME_SIZE];
    uint64_t refused_today;
    struct perp_kept *kept;
};

struct perp_texts; /* what monitoring keeps from one JSON to the next (monitor/texts.c) */

/* So far apart that no cache line, and no pair of them that is fetched together, has both. */
#define PERP_APART 128

/* Four parts by who writes them, so that a feed never waits for a line that decisions write. */
struct perp_core {
    /* Written while the book is opened, by a reconfiguration or where something is registered. */
    perp_config config; /* in force; callbacks, store and allocator included */
    struct perp_kept *config_kept;
    struct perp_exchange_entry *exchanges; /* PERP_MAX_EXCHANGES */
    /* PERP_MAX_INSTRUMENTS pointers, so that feeds can look while one is added. */
    _Atomic(struct perp_instrument_entry *) *instruments;
    /* By hash of what is looked up (PERP_MAX_… chains, so that none grows): the id + 1 added last,
       0: none; an entry has the one before it. A chain is only ever added to at its head, after the
       entry and the count are published, so finding needs no lock. */
    _Atomic uint32_t *exchange_chains;
    _Atomic uint32_t *instrument_chains;
    perp_capital *capital;
    perp_market *market;
    perp_positions *positions;
    perp_risk *risk;
    perp_scheduler *scheduler;
    perp_orders *orders;
    struct perp_event_row *event_rows; /* by kind */
    struct perp_batch *batch;          /* batch.h */
    struct perp_notices *notices;      /* batch.h */
    /* The time of the newest event that feeds brought, PERP_TIME_NONE: none; set by the module that
       knows the whole book. */
    int64_t (*newest_feed)(const perp_core *core);
    /* Writes a checkpoint; set by the same. */
    perp_status (*write_checkpoint)(perp_core *core);
    char read_by_feeds[PERP_APART];

    /* What feeds read: written where time moves on, and where something is registered. */
    _Atomic int64_t clock;
    _Atomic bool clock_is_told; /* by a call since the book was opened */
    _Atomic uint32_t n_exchanges;
    _Atomic uint32_t n_instruments;
    char written_by_feeds[PERP_APART];

    _Atomic uint64_t stale_events;
    _Atomic uint64_t rejected_events;
    char written_by_decisions[PERP_APART];

    struct perp_lock lock;
    struct perp_turns turns;
    struct perp_durable durable;
    _Atomic uint32_t n_callbacks; /* of this book that run now, on any thread */
    _Atomic uint32_t n_asked;     /* rules of the host that are asked now, under the lock: 0 or 1 */
    uint64_t late_calls;
    /* The time of a call that was refused for it just before; PERP_TIME_NONE: none was. */
    int64_t refused_call;
    bool behind;              /* the last call came in more than a second behind the clock */
    bool corrupt;             /* an invariant broke: only reading works */
    bool store_failed;        /* no dispatch until resume */
    bool recovering;          /* events come from the store: nothing is told to the host */
    bool reader_asked;        /* whoever has the lock reads, and had to ask for a turn */
    const char *broken;       /* the invariant that PERP_HOLDS found, a static text; NULL: none */
    uint64_t allocated_bytes; /* under the lock, as all that follows */
    uint64_t allocations;
    /* The day that the book is in, by the offset that it began with; PERP_TIME_NONE: the one that
       the clock lies in, by the offset of now. */
    int64_t day;
    int32_t day_offset;
    int64_t day_ends;        /* no day begins before it; INT64_MIN: not known (perp_day_forget) */
    uint64_t seq;            /* of the last event */
    uint64_t chain;          /* of checksums, after it (chain.h) */
    uint64_t checkpoint_seq; /* of the last one */
    /* What events changed since decisions last looked: PERP_TOUCHES_…, the most of it; and whose
       accounts, as bits. */
    uint32_t touched;
    uint64_t touched_accounts;
    struct perp_texts *texts;            /* NULL: none yet */
    void (*free_texts)(perp_core *core); /* set with them */
    struct perp_prepared prepared;
    struct perp_chains jobs; /* by id; ended ones among the last history_size too */
    struct perp_chains past; /* by id: those that are no longer kept, but remembered */
    struct perp_watched watched;
    struct perp_names venues, bases, symbols, contracts, books;
    uint32_t *first_in_book_1; /* by book: its first instrument's id + 1; 0: none */
    uint32_t first_in_book_capacity;
    struct perp_host_name host_names[PERP_MAX_HOST_RULES];
};

/* Memory of the core; NULL where there is none. Only under the lock, or while opening and closing.
 */
void *perp_alloc(perp_core *core, size_t size);
void perp_free(perp_core *core, void *memory, size_t size);
bool perp_grow_more(perp_core *core, void **items, uint32_t *capacity, uint32_t need, size_t size);
/* Grows *items (of `size` bytes each) to hold at least `need`; false where there is no memory. */
static inline bool perp_grow(perp_core *core, void **items, uint32_t *capacity, uint32_t need,
                             size_t size) {
    return need <= *capacity || perp_grow_more(core, items, capacity, need, size);
}

/* The same of a table, whose new rows are zero. */
bool perp_grow_zero(perp_core *core, void **items, uint32_t *capacity, uint32_t need, size_t size);

struct perp_map_memory perp_map_memory_of(perp_core *core);

/* The numbers of the risk rules in their order. */
extern const uint32_t perp_rules[PERP_RULE_COUNT];
/* The name of a reason, of a rule of the host as the book knows it. */
const char *perp_reason_name(const perp_core *core, uint32_t reason);
/* Whether a text can name a rule of the host: a to z, 0 to 9 and '_', a letter first. */
bool perp_rule_name_is_one(const char *name);

/* Sets this thread's message for the core (NULL: none) and returns status. Formatting text costs
   more than most calls, so nothing that succeeds comes here. */
perp_status perp_fail(const perp_core *core, perp_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Forgets this thread's message. */
void perp_no_error(const perp_core *core);

/* Poisons the book: what did not hold. false. */
bool perp_broken(perp_core *core, const char *what) __attribute__((cold));
/* PERP_E_CORRUPT, with the message that says what broke. */
perp_status perp_corrupt(const perp_core *core);

/* An invariant of money or state, looked at where it is about to change, always. Where it does not
   hold the book is poisoned: calls that change it return PERP_E_CORRUPT from then on, that at hand
   included, and reading works. The process goes on. Its value is the condition's. */
static inline bool perp_holds(perp_core *core, bool condition, const char *what) {
    return __builtin_expect(condition, 1) || perp_broken(core, what);
}
#define PERP_HOLDS(core, condition, what) perp_holds((core), (condition), (what))

void perp_lock_open(perp_core *core);
void perp_lock_close(perp_core *core);

static inline int64_t perp_clock(const perp_core *core) {
    return atomic_load_explicit(&core->clock, memory_order_acquire);
}

static inline uint32_t perp_n_exchanges(const perp_core *core) {
    return atomic_load_explicit(&core->n_exchanges, memory_order_acquire);
}

static inline uint32_t perp_n_instruments(const perp_core *core) {
    return atomic_load_explicit(&core->n_instruments, memory_order_acquire);
}

static inline const struct perp_instrument_entry *perp_instrument_at(const perp_core *core,
                                                                     perp_instrument_id id) {
    return atomic_load_explicit(&core->instruments[id], memory_order_acquire);
}

/* Takes the lowest of the bits, which are not none, and gives its number. */
static inline uint32_t perp_bit_take(uint64_t *bits) {
    uint32_t lowest = (uint32_t)__builtin_ctzll(*bits);
    *bits &= *bits - 1;
    return lowest;
}

/* How long after `then` now is, negative where before; saturates at the ends of time. */
static inline int64_t perp_ns_since(int64_t then, int64_t now) {
    int64_t since;
    if (!__builtin_sub_overflow(now, then, &since))
        return since;
    return now > then ? INT64_MAX : INT64_MIN;
}

/* The time `ns` later, at most the end of time; ns is not negative. */
static inline int64_t perp_ns_after(int64_t time_ns, int64_t ns) {
    return time_ns > INT64_MAX - ns ? INT64_MAX : time_ns + ns;
}

/* Lowers the last moment up to which something holds. */
static inline void perp_lower(int64_t *until, int64_t to) {
    if (to < *until)
        *until = to;
}

/* The later of now and the clock: the time of a query. */
static inline int64_t perp_query_time(const perp_core *core, int64_t now_ns) {
    int64_t clock = perp_clock(core);
    return now_ns > clock ? now_ns : clock;
}

/* Interned texts: the id of a text (PERP_NO_ID: not there); room for one more; adding, which can't
   fail after room was made. */
#define PERP_SPARE_NAMES 8 /* while there is memory there is room for a few more than needed */
uint32_t perp_names_find(const struct perp_names *names, const char *text);
bool perp_names_reserve(perp_core *core, struct perp_names *names);
uint32_t perp_names_add(struct perp_names *names, const char *text);
void perp_names_free(perp_core *core, struct perp_names *names);
/* A hash of a name of at most PERP_NAME_SIZE - 1 bytes. */
uint64_t perp_text_hash(const char *text);

/* Eight bytes, the highest first. */
static inline uint64_t perp_eight_bytes(const uint8_t bytes[8]) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}
/* An identity as 32 digits, with nothing behind them. */
void perp_hex_digits(const perp_uuid *uuid, char digits[32]);

/* The chain that an exchange (instrument) is in. */
_Atomic uint32_t *perp_exchange_chain(const perp_core *core, const char *name);
_Atomic uint32_t *perp_instrument_chain(const perp_core *core, perp_exchange_id exchange,
                                        const char *symbol);

/* Whether orders in two instruments could meet in one book. */
bool perp_same_book(const perp_core *core, perp_instrument_id a, perp_instrument_id b);

#endif
