/* The random life of a book: jobs that wait long, while now nothing changes, now one thing, now
   everything. What a tick then says is held against the decision made anew, and against a twin
   that has kept nothing. */
#ifndef LIFE_H
#define LIFE_H

#include <perpcore/perpcore.h>

#include <stdbool.h>

#define L_MS INT64_C(1000000)
#define L_SECOND (1000 * L_MS)
#define L_MINUTE (60 * L_SECOND)
#define L_HOUR (60 * L_MINUTE)
#define L_DAY (24 * L_HOUR)

#define L_EXCHANGES 8
#define L_INSTRUMENTS 64
#define L_BASES 4
#define L_LEVELS 4
#define L_JOBS 400
#define L_RULES 2
#define L_TROUBLES 80

enum l_feed_kind {
    L_QUOTE,
    L_BOOK,
    L_TRADE,
    L_MARK,
    L_FUNDING,
    L_LATENCY,
    L_STATUS,
    L_RATE,
    L_WITHDRAW
};

/* One event of a feed, kept whole: a book that is made anew has to hear it again. */
struct l_feed {
    enum l_feed_kind kind;
    union {
        perp_quote quote;
        struct {
            perp_book book;
            perp_book_level bids[L_LEVELS], asks[L_LEVELS];
        } book;
        perp_trade trade;
        perp_mark mark;
        perp_funding funding;
        perp_latency latency;
        perp_exchange_status status;
        perp_rate rate;
        perp_withdrawal withdrawal;
    } as;
};

/* What an instrument's feed will say next. */
struct l_instrument {
    perp_exchange_id exchange;
    uint32_t kind, base;
    double apart;                  /* of the base's price: the instrument's own is 1 + this */
    double half_spread, size_usd;  /* as a share of the price; of one level */
    double rate, interval_h;       /* of funding */
    bool continuous, silent, mute; /* no quotes, no marks come */
    bool bad_report;               /* the last report of its position was none */
    int64_t quoted, marked, next;  /* times of the last quote and mark; the next settlement */
    struct l_feed quote, funding;  /* the last that were taken, if any */
    bool has_quote, has_funding;
};

/* What the callbacks of a book are told whose they are. */
struct l_host {
    struct life *life;
    uint32_t book;
    uint64_t rules_asked;
};

/* Of a job that was submitted, the basis that it was submitted at. */
struct l_basis {
    perp_uuid id;
    bool has;
    double bps;
};

/* How much happens between two ticks. */
enum l_pace { L_STILL, L_TRICKLE, L_BUSY, L_STORM, L_PACES };

struct life {
    uint64_t seed, random, aside; /* aside: chance that decides nothing of what the book is told */
    uint64_t step;
    const char *doing;
    perp_core *books[2]; /* the book; its twin, made anew from the book's store now and then */
    uint32_t n_books;
    struct l_host hosts[2];
    perp_status status; /* of the last call */
    perp_config config;
    perp_store memory;         /* outlives the books; or a file */
    char folder[32], path[48]; /* of the file; "": none */
    int64_t now;
    int64_t twin_of; /* the step in which the twin was made */
    enum l_pace pace;
    uint32_t n_exchanges, n_instruments, n_jobs_wanted;
    double prices[L_BASES];
    struct l_instrument instruments[L_INSTRUMENTS];
    int64_t reported[L_EXCHANGES], failed_at[L_EXCHANGES], sampled[L_EXCHANGES];
    uint32_t api[L_EXCHANGES]; /* as was told last, at told_at */
    int64_t told_at[L_EXCHANGES];
    perp_usd equity[L_EXCHANGES];
    bool unreported[L_EXCHANGES];
    int64_t override_until;
    bool failing;        /* jobs fail mostly */
    uint32_t left_alone; /* an instrument that is not kept fresh for the moment; PERP_NO_ID */
    uint64_t rule_phase[L_RULES];
    uint64_t n_job, n_key;
    struct l_feed *journal;
    size_t n_journal, journal_room;
    struct l_basis *bases; /* by number of the job */
    size_t bases_room;
    struct {
        bool on;
        uint32_t number; /* of what it concerns */
        uint64_t until;  /* a step */
    } troubles[L_TROUBLES];
    uint32_t n_troubles;
    perp_tick_result ticks[2];
};

/* What became of all lives: how often each rule was what a job waited for, and more. */
struct l_counts {
    uint64_t by_reason[PERP_MAX_REASONS], evaluated[PERP_MAX_REASONS], skipped[PERP_MAX_REASONS];
    uint64_t ticks, still_ticks, looked_at, dispatched, ended, repairs, withdrawn, expired, orders;
    uint64_t fills, twins, restarts, compared, calls, refused_calls, pending;
    uint64_t hash; /* of all the books there were */
};
extern struct l_counts l_counts;

/* life.c: one life and its books. */
void l_fail(const struct life *life, const char *format, ...) __attribute__((format(printf, 2, 3)))
__attribute__((noreturn));
uint64_t l_random(struct life *life);
/* A number from 0 to below - 1. */
uint32_t l_below(struct life *life, uint64_t below);
int64_t l_within(struct life *life, int64_t below);
bool l_chance(struct life *life, uint32_t percent);
double l_uniform(struct life *life, double low, double high);
/* Chance for what only looks at the book. */
uint64_t l_aside(struct life *life);
perp_uuid l_new_id(struct life *life, uint64_t kind, uint64_t number);
/* A call at the life's time, signed. */
perp_call l_call(const struct life *life);
/* Half of the lives have accounts that age, and cross margin. */
bool l_accounts_age(const struct life *life);
void l_open(struct life *life, uint64_t seed, bool on_disk);
void l_close(struct life *life);
void l_restart(struct life *life);
void l_make_twin(struct life *life);
void l_drop_twin(struct life *life);
/* After a call: books that differ, or are broken, end the run. */
void l_took(struct life *life, uint32_t book, perp_status status);

/* Makes a call on each book, in which `core` is the book; life->status says what came of it. */
#define L_EACH(life, CALL)                                                                         \
    do {                                                                                           \
        for (uint32_t l_book = 0; l_book < (life)->n_books; l_book++) {                            \
            perp_core *core = (life)->books[l_book];                                               \
            l_took(life, l_book, CALL);                                                            \
        }                                                                                          \
    } while (0)

/* world.c: exchanges, instruments and what feeds say. */
void l_world(struct life *life);
void l_feed(struct life *life, const struct l_feed *feed);
/* To a book that was made anew, whose clock is set to that of the one that it is to be. */
void l_feed_again(struct life *life, perp_core *core, int64_t clock);
void l_quote(struct life *life, uint32_t instrument);
void l_mark(struct life *life, uint32_t instrument);
void l_funding(struct life *life, uint32_t instrument);
void l_latency(struct life *life, uint32_t exchange, double ms);
void l_api(struct life *life, uint32_t exchange, uint32_t api);
void l_rate(struct life *life, const char *quote, double usd);
void l_withdraw(struct life *life, uint32_t instrument);
void l_report(struct life *life, uint32_t exchange);
/* One more, while the book is in use. */
void l_new_instrument(struct life *life);
double l_price(const struct life *life, uint32_t instrument);
/* Keeps fresh what is no trouble; with all, also what is fresh still. */
void l_keep_fresh(struct life *life, bool all);
void l_market_step(struct life *life);

/* time.c: how time goes by; ticks where something changes by itself. */
void l_move_time(struct life *life);

/* jobs.c: jobs, what executors tell, money. */
void l_job_step(struct life *life);
void l_money_step(struct life *life);
uint32_t l_list(struct life *life, uint32_t state, perp_uuid *ids);
void l_executes(void *user, const perp_execution *job, uint32_t *outcome);

/* control.c: what goes wrong and is mended, and what persons do. */
void l_control_step(struct life *life);
void l_trouble_step(struct life *life);
/* Most of what troubles have left. */
void l_tidy(struct life *life);
void l_add_rules(struct life *life, uint32_t book);
void l_rules_changed(struct life *life);

/* watch.c: ticks, and what they are held against. */
void l_tick(struct life *life);
/* Reads all that monitoring shows. */
void l_read(struct life *life);
void l_note_basis(struct life *life, const perp_job *job);
void l_evaluate_random(struct life *life, const perp_job *job);

#endif
