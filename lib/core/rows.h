/* Stored rows: their structs, and the one way in which a row becomes bytes and bytes a row
   (docs/format.md). What a field is stands in rows.def and events.def; here is what the kinds of
   fields mean. */
#ifndef PERP_CORE_ROWS_H
#define PERP_CORE_ROWS_H

#include <perpcore/perpcore.h>

#include <stdbool.h>
#include <stddef.h>

#include "core/rows.def"

/* How a field is written. */
enum perp_wire {
    PERP_WIRE_UNSIGNED,
    PERP_WIRE_SIGNED,
    PERP_WIRE_REAL,
    PERP_WIRE_BYTES,
    PERP_WIRE_ROW
};

/* K(KIND, wire, ctype): kinds of one value. What makes a value sound is in rows.c. */
#define PERP_KIND_TABLE(K)                                                                         \
    K(BOOL, UNSIGNED, bool)                                                                        \
    K(FLAG, UNSIGNED, uint32_t) /* 0 or 1 */                                                       \
    K(U32, UNSIGNED, uint32_t)                                                                     \
    K(U64, UNSIGNED, uint64_t)                                                                     \
    K(EXCHANGE, UNSIGNED, uint32_t)   /* the id of one */                                          \
    K(ANYWHERE, UNSIGNED, uint32_t)   /* the same, or PERP_ALL_EXCHANGES */                        \
    K(INSTRUMENT, UNSIGNED, uint32_t) /* the id of one */                                          \
    K(BASE, UNSIGNED, uint32_t)                                                                    \
    K(POOL, UNSIGNED, uint32_t)                                                                    \
    K(SIDE, UNSIGNED, uint32_t)                                                                    \
    K(STRATEGY, UNSIGNED, uint32_t)                                                                \
    K(STATE, UNSIGNED, uint32_t)                                                                   \
    K(MODE, UNSIGNED, uint32_t)                                                                    \
    K(REASON, UNSIGNED, uint32_t)                                                                  \
    K(GATE, UNSIGNED, uint32_t) /* perp_gate */                                                    \
    K(KEY, UNSIGNED, uint32_t)  /* perp_key_kind */                                                \
    K(I32, SIGNED, int32_t)                                                                        \
    K(I64, SIGNED, int64_t)                                                                        \
    K(TIME, SIGNED, int64_t)  /* nanoseconds since 1970 UTC */                                     \
    K(SPAN, SIGNED, int64_t)  /* not negative */                                                   \
    K(USD, SIGNED, perp_usd)  /* within PERP_MOST_USD either way */                                \
    K(USD0, SIGNED, perp_usd) /* not negative */                                                   \
    K(USD1, SIGNED, perp_usd) /* above 0 */                                                        \
    K(SUM, SIGNED, perp_usd)  /* of all exchanges: within PERP_MOST_SUM either way */              \
    K(F64, REAL, double)                                                                           \
    K(REAL, REAL, double)  /* finite */                                                            \
    K(REAL0, REAL, double) /* finite, not negative */                                              \
    K(REAL1, REAL, double) /* finite, above 0 */

/* What a key was given with. Their numbers are stored. */
enum perp_key_kind {
    PERP_KEY_RESERVATION,
    PERP_KEY_PNL,
    PERP_KEY_CASH,
    PERP_KEY_FILL,
    PERP_KEY_KIND_COUNT
};

/* So large that sums over all exchanges can't overflow. */
#define PERP_MOST_USD (INT64_MAX / 4 / PERP_MAX_EXCHANGES)
#define PERP_MOST_SUM (INT64_MAX / 4)

/* Kinds of more: texts (NAME, TEXT may be empty), BYTES; rows in place; arrays; lists elsewhere. */
enum perp_field_kind {
#define K(KIND, wire, ctype) PERP_K_##KIND,
    PERP_KIND_TABLE(K)
#undef K
        PERP_K_UUID,
    PERP_K_NAME,
    PERP_K_TEXT,
    PERP_K_LONG,    /* the same, of PERP_LONG_SIZE */
    PERP_K_BYTES,   /* memory elsewhere, and its size */
    PERP_K_ROW,     /* one row in place */
    PERP_K_ARRAY,   /* rows in place, all of them */
    PERP_K_LIST,    /* rows elsewhere, and their number */
    PERP_K_ROOM,    /* the same, in place: of a fixed room so many are taken */
    PERP_K_NUMBERS, /* uint64_t in place */
    PERP_K_REALS    /* double in place */
};

/* R(name, NAME, struct, preset): rows that others hold first. preset: sets what rows.def does not
   say. */
#define PERP_ROW_TABLE(R)                                                                          \
    R(figures, FIGURES, perp_day_figures, NULL)                                                    \
    R(tier, TIER, perp_tier, NULL)                                                                 \
    R(need, NEED, struct perp_need, NULL)                                                          \
    R(price, PRICE, struct perp_price, NULL)                                                       \
    R(filled, FILLED, struct perp_filled, NULL)                                                    \
    R(booking, BOOKING, struct perp_booking, NULL)                                                 \
    R(leg, LEG, struct perp_leg_row, NULL)                                                         \
    R(report, REPORT, struct perp_report, NULL)                                                    \
    R(exchange, EXCHANGE, perp_exchange_spec, preset_exchange)                                     \
    R(exchange_limits, EXCHANGE_LIMITS, struct perp_exchange_limits, NULL)                         \
    R(instrument, INSTRUMENT, perp_instrument_spec, preset_instrument)                             \
    R(ledger, LEDGER, struct perp_ledger_row, NULL)                                                \
    R(account, ACCOUNT, struct perp_account_row, NULL)                                             \
    R(reservation, RESERVATION, struct perp_reservation_row, NULL)                                 \
    R(key, KEY, struct perp_key_row, NULL)                                                         \
    R(control, CONTROL, struct perp_control_row, NULL)                                             \
    R(position, POSITION, struct perp_position_row, NULL)                                          \
    R(lot, LOT, struct perp_lot_row, NULL)                                                         \
    R(since, SINCE, struct perp_since_row, NULL)                                                   \
    R(base, BASE, struct perp_base_row, NULL)                                                      \
    R(circuit, CIRCUIT, struct perp_circuit_row, NULL)                                             \
    R(blacklisted, BLACKLISTED, struct perp_blacklisted_row, NULL)                                 \
    R(halted, HALTED, struct perp_halted_row, NULL)                                                \
    R(allowed, ALLOWED, struct perp_allowed_row, NULL)                                             \
    R(collateral, COLLATERAL, struct perp_collateral_row, NULL)                                    \
    R(queue, QUEUE, struct perp_queue_row, NULL)                                                   \
    R(dispatched, DISPATCHED, struct perp_dispatched_row, NULL)                                    \
    R(desk, DESK, struct perp_desk_row, NULL)                                                      \
    R(order, ORDER, struct perp_order_row, NULL)                                                   \
    R(trade, TRADE, struct perp_trade_row, NULL)                                                   \
    R(placed, PLACED, struct perp_placed_row, NULL)                                                \
    R(numbered, NUMBERED, struct perp_numbered_row, NULL)                                          \
    R(past, PAST, struct perp_past_row, NULL)                                                      \
    R(job, JOB, struct perp_job_row, NULL) /* Rows of the configuration, from config.def. */
typedef perp_capital_config perp_struct_capital_config;
typedef perp_risk_config perp_struct_risk_config;
typedef perp_scheduler_config perp_struct_scheduler_config;
typedef perp_orders_config perp_struct_orders_config;

struct perp_row_type;

struct perp_field {
    const char *name;
    uint16_t tag;
    uint8_t kind;   /* perp_field_kind */
    uint8_t column; /* perp_event_column */
    uint16_t most;  /* of rows or numbers */
    uint16_t least;
    uint32_t offset;
    uint32_t count_offset; /* of the number of rows, or the size of bytes */
    const struct perp_row_type *(*row)(void);
};

struct perp_arena;

struct perp_row_type {
    const char *name;
    uint32_t size;
    uint32_t n_fields;
    bool nests;      /* it has rows in place, which have defaults of their own */
    uint16_t always; /* fields up to this tag are written whatever they are: presets may change */
    const struct perp_field *fields;
    /* A row with the defaults that rows.def says; NULL: preset says them, and every field is
       written. */
    const void *defaults;
    void (*preset)(void *row); /* sets what the defaults do not say; NULL: nothing */
    /* Whether every value is one that its field may have in this book; else *what says which is
       not. NULL: any is, as far as a row alone can tell. */
    bool (*sound)(const perp_core *core, const void *row, const char **what);
    /* Copies what it has elsewhere into the arena; false: no memory. NULL: it has nothing there. */
    bool (*copy)(struct perp_arena *arena, void *row);
    uint32_t exchange_at_1; /* where the exchange stands that an event is about, + 1; 0: nowhere */
};

/* The columns of the table of events (perp_record). ENDED: the state that a job ended in, REFUSED:
   the rule that refused it, GATE: what of the gate refused an order; each is the outcome. */
enum perp_event_column {
    PERP_SHOWN__,
    PERP_SHOWN_JOB,
    PERP_SHOWN_ANY_JOB,
    PERP_SHOWN_EXCHANGE,
    PERP_SHOWN_POOL,
    PERP_SHOWN_RESERVATION,
    PERP_SHOWN_AMOUNT,
    PERP_SHOWN_PNL,
    PERP_SHOWN_VOLUME,
    PERP_SHOWN_FEES,
    PERP_SHOWN_ENDED,
    PERP_SHOWN_GATE,
    PERP_SHOWN_REFUSED
};

/* ---- Structs ------------------------------------------------------------------------------------
 */

#define PERP_CONTENT_PARTS 16

/* Bits of a job's `defaulted`. */
#define PERP_DEFAULTED_TTL 0
#define PERP_DEFAULTED_MAX_RUN 1
#define PERP_DEFAULTED_LEVERAGE 8 /* of the first leg */

/* The C type of each kind of one value, and of each row. */
#define K(KIND, wire, ctype) typedef ctype perp_type_##KIND;
PERP_KIND_TABLE(K)
#undef K
#define R(name, NAME, ctype, preset) typedef ctype perp_struct_##name;
PERP_ROW_TABLE(R)
#undef R

/* Members of a struct, from a list of fields. */
#define PERP_MEMBER_ONE(tag, KIND, member, preset) perp_type_##KIND member;
#define PERP_MEMBER_SHOW(tag, KIND, member, preset, column) perp_type_##KIND member;
#define PERP_MEMBER_UUID(tag, member) perp_uuid member;
#define PERP_MEMBER_UUID_SHOW(tag, member, column) perp_uuid member;
#define PERP_MEMBER_TEXT(tag, KIND, member) char member[PERP_NAME_SIZE];
#define PERP_MEMBER_LONG(tag, member) char member[PERP_LONG_SIZE];
#define PERP_MEMBER_BYTES(tag, member, most)                                                       \
    uint32_t member##_size;                                                                        \
    void *member;
#define PERP_MEMBER_NEST(tag, row, member) perp_struct_##row member;
#define PERP_MEMBER_LIST(tag, row, member, least, most)                                            \
    uint32_t n_##member;                                                                           \
    const perp_struct_##row *member;
#define PERP_MEMBER_ROOM(tag, row, member, most)                                                   \
    uint32_t n_##member;                                                                           \
    perp_struct_##row member[most];
#define PERP_MEMBER_NUMBERS(tag, member, most) uint64_t member[most];

struct perp_need {
    PERP_ROW_NEED(PERP_MEMBER_)
};
struct perp_price {
    PERP_ROW_PRICE(PERP_MEMBER_)
};
struct perp_filled {
    PERP_ROW_FILLED(PERP_MEMBER_)
};
struct perp_booking {
    PERP_ROW_BOOKING(PERP_MEMBER_)
};
struct perp_leg_row {
    PERP_ROW_LEG(PERP_MEMBER_)
};
struct perp_report {
    PERP_ROW_REPORT(PERP_MEMBER_)
};
struct perp_position_row {
    PERP_ROW_POSITION(PERP_MEMBER_)
};
struct perp_lot_row {
    PERP_ROW_LOT(PERP_MEMBER_)
};
struct perp_since_row {
    PERP_ROW_SINCE(PERP_MEMBER_)
};
struct perp_base_row {
    PERP_ROW_BASE(PERP_MEMBER_)
};
struct perp_exchange_limits {
    PERP_ROW_EXCHANGE_LIMITS(PERP_MEMBER_)
};
struct perp_ledger_row {
    PERP_ROW_LEDGER(PERP_MEMBER_)
};
struct perp_account_row {
    PERP_ROW_ACCOUNT(PERP_MEMBER_)
};
struct perp_reservation_row {
    PERP_ROW_RESERVATION(PERP_MEMBER_)
};
struct perp_key_row {
    PERP_ROW_KEY(PERP_MEMBER_)
};
struct perp_control_row {
    PERP_ROW_CONTROL(PERP_MEMBER_)
};
struct perp_circuit_row {
    PERP_ROW_CIRCUIT(PERP_MEMBER_)
};
struct perp_blacklisted_row {
    PERP_ROW_BLACKLISTED(PERP_MEMBER_)
};
struct perp_halted_row {
    PERP_ROW_HALTED(PERP_MEMBER_)
};
struct perp_allowed_row {
    PERP_ROW_ALLOWED(PERP_MEMBER_)
};
struct perp_collateral_row {
    PERP_ROW_COLLATERAL(PERP_MEMBER_)
};
struct perp_queue_row {
    PERP_ROW_QUEUE(PERP_MEMBER_)
};
struct perp_dispatched_row {
    PERP_ROW_DISPATCHED(PERP_MEMBER_)
};
struct perp_desk_row {
    PERP_ROW_DESK(PERP_MEMBER_)
};
struct perp_order_row {
    PERP_ROW_ORDER(PERP_MEMBER_)
};
struct perp_trade_row {
    PERP_ROW_TRADE(PERP_MEMBER_)
};
struct perp_placed_row {
    PERP_ROW_PLACED(PERP_MEMBER_)
};
struct perp_numbered_row {
    PERP_ROW_NUMBERED(PERP_MEMBER_)
};
struct perp_job_row {
    PERP_ROW_JOB(PERP_MEMBER_)
};
struct perp_past_row {
    PERP_ROW_PAST(PERP_MEMBER_)
};

/* The stored part of a struct that has more: as one (row), and its fields by their names. */
#define PERP_STORED(row_struct, FIELDS)                                                            \
    union {                                                                                        \
        struct row_struct row;                                                                     \
        struct {                                                                                   \
            FIELDS(PERP_MEMBER_)                                                                   \
        };                                                                                         \
    }

/* ---- Bytes --------------------------------------------------------------------------------------
 */

struct perp_chaining;

/* Bytes that grow, in the core's memory; or stay in the room that a caller gave; or are only
   counted, or chained, and need none. */
struct perp_bytes {
    perp_core *core;
    char *memory;
    uint32_t size, capacity;
    bool failed; /* no memory, or no room */
    bool given;  /* the memory is the caller's, and does not grow */
    bool counted;
    struct perp_chaining *chaining; /* NULL: they are not */
};
void perp_bytes_put(struct perp_bytes *bytes, const void *data, size_t size);
void perp_bytes_unsigned(struct perp_bytes *bytes, uint64_t value);
void perp_bytes_word(struct perp_bytes *bytes, uint64_t value); /* eight bytes, the lowest first */
/* Puts the length of all that stands behind `at` there, before it. */
void perp_bytes_put_length(struct perp_bytes *bytes, uint32_t at);
void perp_bytes_free(struct perp_bytes *bytes);

/* Bytes being read; failed once they end early or make no sense. */
struct perp_reader {
    const unsigned char *at, *end;
    bool failed;
};
uint64_t perp_read_long(struct perp_reader *reader); /* of any length */
static inline uint64_t perp_read_unsigned(struct perp_reader *reader) {
    /* Most numbers, and nearly all keys, are one byte. */
    if (reader->at < reader->end && *reader->at < 128)
        return *reader->at++;
    return perp_read_long(reader);
}
uint64_t perp_read_word(struct perp_reader *reader);
/* The next `size` bytes; NULL where there are fewer. */
const void *perp_read_bytes(struct perp_reader *reader, uint64_t size);

/* Memory that is given back all at once. */
struct perp_arena_chunk {
    struct perp_arena_chunk *next;
    size_t size; /* of what follows */
};
struct perp_arena {
    perp_core *core;
    struct perp_arena_chunk *first, *now;
    char *free, *end; /* of now */
    size_t total;     /* of all chunks */
    bool failed;
};
/* From the next chunk. */
void *perp_arena_take_more(struct perp_arena *arena, size_t size);
static inline void *perp_arena_take(struct perp_arena *arena, size_t size) {
    size = (size + 7) & ~(size_t)7;
    if (__builtin_expect(size > (size_t)(arena->end - arena->free), 0))
        return perp_arena_take_more(arena, size);
    void *memory = arena->free;
    arena->free += size;
    return memory;
}
/* Chunks stay for the next time, so that what goes on for long allocates nothing. */
static inline void perp_arena_reset(struct perp_arena *arena) {
    arena->now = arena->first;
    arena->free = arena->now ? (char *)(arena->now + 1) : NULL;
    arena->end = arena->now ? arena->free + arena->now->size : NULL;
    arena->failed = false;
}
void perp_arena_free(struct perp_arena *arena);

/* Fields of a row that this release does not know, as they were read: they are written back with
   the row. NULL: none. */
struct perp_kept {
    uint32_t size; /* of the bytes that follow */
};
/* A copy in the core's memory; false: no memory. What *to was is freed. */
bool perp_kept_set(perp_core *core, struct perp_kept **to, const struct perp_kept *kept);
void perp_kept_free(perp_core *core, struct perp_kept **kept);

/* Sets all of a row to its defaults. */
void perp_row_preset(const struct perp_row_type *type, void *row);
/* Writes a row's fields: those that are not as their defaults, and what was kept. */
void perp_row_write(struct perp_bytes *to, const struct perp_row_type *type, const void *row,
                    const struct perp_kept *kept);
/* Reads all that is left of the reader as a row; what lies elsewhere is taken from the arena, *kept
   too. false: not such a row, or no memory (arena->failed). */
bool perp_row_read(struct perp_reader *reader, const struct perp_row_type *type, void *row,
                   struct perp_arena *arena, struct perp_kept **kept);
/* A copy in the arena; NULL: no memory, or nothing to copy. */
void *perp_arena_copy(struct perp_arena *arena, const void *memory, size_t size);
/* Copies what a row has elsewhere into the arena. false: no memory. */
static inline bool perp_row_copy(struct perp_arena *arena, const struct perp_row_type *type,
                                 void *row) {
    return !type->copy || type->copy(arena, row);
}
/* Whether every value is one that its field may have in this book; else *what says which is not. */
static inline bool perp_row_sound(const perp_core *core, const struct perp_row_type *type,
                                  const void *row, const char **what) {
    return !type->sound || type->sound(core, row, what);
}
/* Whether two rows have the same content, but for the fields whose tags are in the set `but`. */
static inline bool perp_row_same(const struct perp_row_type *type, const void *a, const void *b,
                                 uint64_t but);
/* The first field in which they differ; NULL: none. */
const struct perp_field *perp_row_differs(const struct perp_row_type *type, const void *a,
                                          const void *b, uint64_t but);
static inline bool perp_row_same(const struct perp_row_type *type, const void *a, const void *b,
                                 uint64_t but) {
    return !perp_row_differs(type, a, b, but);
}
/* What a field of a row is, for people. */
void perp_field_show(const struct perp_field *field, const void *row, char *text, size_t size);

/* ---- The rows of a checkpoint -------------------------------------------------------------------
 */

/* What came as an event, an exchange, an instrument, a job, is kept as its event carried it.
   R(NAME, number, row type): numbers on disk never change. index: of an exchange, where the row is
   one of each. */
#define PERP_BOOK_ROW_LIST(R)                                                                      \
    R(CONFIG, 1, ev_configuration)                                                                 \
    R(EXCHANGE, 2, ev_exchange)                                                                    \
    R(EXCHANGE_LIMITS, 3, exchange_limits)                                                         \
    R(INSTRUMENT, 4, ev_instrument)                                                                \
    R(LEDGER, 5, ledger)                                                                           \
    R(ACCOUNT, 6, account)                                                                         \
    R(RESERVATION, 7, reservation)                                                                 \
    R(KEY, 8, key)                                                                                 \
    R(CONTROL, 9, control)                                                                         \
    R(CIRCUIT, 10, circuit)                                                                        \
    R(BLACKLISTED, 11, blacklisted)                                                                \
    R(QUEUE, 12, queue)                                                                            \
    R(DISPATCHED, 13, dispatched)                                                                  \
    R(JOB, 14, ev_submit)                                                                          \
    R(POSITION, 15, position)                                                                      \
    R(LOT, 16, lot)                                                                                \
    R(SINCE, 17, since)                                                                            \
    R(BASE, 18, base)                                                                              \
    R(HALTED, 19, halted)                                                                          \
    R(COLLATERAL, 20, ev_collateral)                                                               \
    R(DESK, 21, desk)                                                                              \
    R(ORDER, 22, order)                                                                            \
    R(TRADE, 23, trade)                                                                            \
    R(PAST, 24, past)                                                                              \
    R(PLACED, 25, placed)                                                                          \
    R(ALLOWED, 26, ev_allow)                                                                       \
    R(HOST_RULE, 27, ev_host_rule)                                                                 \
    R(OWED, 28, lot)

enum perp_book_row {
#define R(NAME, number, type) PERP_BOOK_##NAME = number,
    PERP_BOOK_ROW_LIST(R)
#undef R
        PERP_BOOK_ROW_END
};

/* perp_row_account() and so on: what a row is. */
#define R(name, NAME, ctype, preset) const struct perp_row_type *perp_row_##name(void);
PERP_ROW_TABLE(R)
#undef R
const struct perp_row_type *perp_row_capital_config(void);
const struct perp_row_type *perp_row_risk_config(void);
const struct perp_row_type *perp_row_scheduler_config(void);
const struct perp_row_type *perp_row_orders_config(void);

/* The type of a checkpoint's row; NULL: unknown. */
const struct perp_row_type *perp_book_row_type(uint64_t kind);

#endif
