/* Jobs to execute: hedges between two venues, and when enough of a symbol are open, the jobs that
   close them. Which job is next follows from the book, also after a restart. */
#include <stdlib.h>
#include <string.h>

#include "executor.h"

#define MOST_OPEN 256
#define EXIT_TTL_MS 10000 /* its lots may be gone by then: another job's fills closed them, too */
#define CALM_SWEEPS 12    /* of a venue's instruments, after the last job, before it is over */

static perp_uuid id_of(const executor *ex, uint64_t number, uint64_t kind) {
    perp_uuid id;
    sim_random bits;
    sim_random_seed(&bits, ex->settings->seed ^ number << 20, kind);
    for (int i = 0; i < 2; i++) {
        uint64_t word = sim_random_next(&bits);
        memcpy(id.bytes + 8 * i, &word, sizeof word);
    }
    return id;
}

static uint64_t made(const executor *ex) {
    perp_scheduler_state state = {.struct_size = sizeof state};
    perp_scheduler_query(ex->scheduler, &state);
    return state.submitted_total;
}

static void choose_makers(executor *ex, perp_job *job) {
    if (sim_random_chance(&ex->random, ex->settings->maker_chance))
        job->legs[sim_random_below(&ex->random, job->n_legs)].maker = 1;
}

/* Numbers that an earlier run used are passed over: their content is another. */
static void submit(executor *ex, perp_job *job, uint64_t kind) {
    for (;;) {
        job->job_id = id_of(ex, (uint64_t)ex->next_job++, kind);
        perp_call call = ex_call();
        perp_status status = perp_scheduler_submit(ex->scheduler, &call, job);
        if (status == PERP_E_CONFLICT || status == PERP_E_EXISTS)
            continue;
        ex_ok(ex, status, "submit");
        return;
    }
}

static void make_hedge(executor *ex, uint32_t symbol, int64_t now) {
    perp_job job;
    perp_job_init(&job);
    uint32_t first = sim_random_below(&ex->random, ex->n_venues);
    uint32_t second = (first + 1) % ex->n_venues;
    job.strategy = PERP_STRATEGY_WASH;
    job.notional =
        (perp_usd)(ex->settings->usd * sim_random_between(&ex->random, 0.5, 1.5)) * PERP_USD;
    job.expected_edge_bps = 50;
    if (perp_job_fill_hedge(ex->core, now, ex->venues[first].instruments[symbol].id,
                            ex->venues[second].instruments[symbol].id, &job) != PERP_OK)
        return; /* no fresh quote */
    choose_makers(ex, &job);
    submit(ex, &job, 1);
}

/* ---- what runs and what is open of a symbol ---- */

struct symbol_state {
    uint32_t waiting, running, n_open;
    perp_uuid open[MOST_OPEN];
};

static uint32_t symbol_of(const executor *ex, const perp_job *job) {
    ex_venue *venue;
    const ex_instrument *instrument = ex_instrument_of(ex, job->legs[0].instrument, &venue);
    return instrument == NULL ? 0 : (uint32_t)(instrument - venue->instruments);
}

static void add_jobs(const executor *ex, uint32_t state, struct symbol_state *symbols) {
    static perp_uuid ids[4096];
    uint32_t n = 0;
    if (perp_scheduler_list(ex->scheduler, state, ids, 4096, &n) != PERP_OK)
        return;
    for (uint32_t i = 0; i < n && i < 4096; i++) {
        perp_job_info info = {.struct_size = sizeof info};
        if (perp_scheduler_job(ex->scheduler, &ids[i], &info) != PERP_OK)
            continue;
        struct symbol_state *symbol = &symbols[symbol_of(ex, &info.job)];
        symbol->waiting += state == PERP_JOB_PENDING;
        symbol->running += state == PERP_JOB_RUNNING;
        if ((state == PERP_JOB_OPEN || state == PERP_JOB_PARTIAL) && info.n_lots > 0 &&
            symbol->n_open < MOST_OPEN)
            symbol->open[symbol->n_open++] = ids[i];
    }
}

static void make_exits(executor *ex, const struct symbol_state *symbol, int64_t now) {
    for (uint32_t i = 0; i < symbol->n_open; i++) {
        perp_job job;
        perp_job_init(&job);
        if (perp_job_fill_exit(ex->core, now, &symbol->open[i], 1, &job) != PERP_OK)
            continue;
        job.ttl_ms = EXIT_TTL_MS;
        choose_makers(ex, &job);
        submit(ex, &job, 2);
    }
}

/* ---- a person at the desk, who cancels and kills ---- */

static void cancel_one(executor *ex) {
    perp_uuid jobs[EX_WORKS];
    uint32_t n = 0;
    perp_scheduler_list(ex->scheduler, PERP_JOB_RUNNING, jobs, EX_WORKS, &n);
    if (n == 0)
        return;
    perp_call call = ex_call();
    call.actor = "visitor";
    n = n > EX_WORKS ? EX_WORKS : n;
    ex->counts.by_hand += perp_scheduler_cancel(ex->scheduler, &call,
                                                &jobs[sim_random_below(&ex->random, n)]) == PERP_OK;
}

static void kill_now_and_then(executor *ex, int64_t now) {
    perp_call call = ex_call();
    call.actor = "visitor";
    call.reason = "a try of the kill switch";
    if (ex->kill_ns == 0)
        ex->kill_ns = now + ex->settings->kill_every_ns;
    if (now >= ex->kill_ns) {
        ex->kill_ns = now + ex->settings->kill_every_ns;
        ex->unkill_ns = now + EX_S / 2;
        ex->counts.kills++;
        ex_ok(ex, perp_scheduler_kill(ex->scheduler, &call, 1, PERP_ALL_EXCHANGES, NULL, 0, NULL),
              "kill");
    } else if (ex->unkill_ns != 0 && now >= ex->unkill_ns) {
        ex->unkill_ns = 0;
        ex_ok(ex, perp_scheduler_kill(ex->scheduler, &call, 0, PERP_ALL_EXCHANGES, NULL, 0, NULL),
              "kill off");
    }
}

/* A symbol is opened, until so many jobs of it are, then closed: jobs of both directions can't run
   in the same book at once. */
void ex_jobs_make(executor *ex, int64_t now) {
    static struct symbol_state symbols[EX_INSTRUMENTS];
    memset(symbols, 0, sizeof symbols);
    add_jobs(ex, PERP_JOB_PENDING, symbols);
    add_jobs(ex, PERP_JOB_RUNNING, symbols);
    add_jobs(ex, PERP_JOB_OPEN, symbols);
    add_jobs(ex, PERP_JOB_PARTIAL, symbols);
    uint64_t so_far = made(ex), jobs = ex->settings->jobs;
    for (uint32_t s = 0; s < ex->settings->symbols; s++) {
        if (symbols[s].waiting + symbols[s].running > 0)
            continue;
        if (symbols[s].n_open > 0)
            make_exits(ex, &symbols[s], now);
        for (uint32_t i = 0; symbols[s].n_open == 0 && i < ex->settings->symbol_jobs; i++)
            if (so_far++ < jobs)
                make_hedge(ex, s, now);
    }
    if (sim_random_chance(&ex->random, ex->settings->cancel_chance))
        cancel_one(ex);
    if (ex->settings->kill_every_ns > 0)
        kill_now_and_then(ex, now);
}

/* ---- the end ---- */

static bool is_square(const executor *ex) {
    perp_positions *positions = perp_core_positions(ex->core);
    for (uint32_t n = 0; n < perp_positions_base_count(positions); n++) {
        perp_base_state base = {.struct_size = sizeof base};
        if (perp_positions_base(positions, n, ex_now(), &base) == PERP_OK && base.is_naked)
            return false;
    }
    return true;
}

/* All are made and have ended, nothing is open or naked, and since then the exchanges have been
   asked again and again for trades that were missed, and for orders that should not be there. */
bool ex_jobs_done(executor *ex) {
    static uint32_t sweeps[EX_VENUES], matches[EX_VENUES], reports[EX_VENUES];
    perp_scheduler_state state = {.struct_size = sizeof state};
    perp_scheduler_query(ex->scheduler, &state);
    bool calm = state.submitted_total >= ex->settings->jobs && state.pending == 0 &&
                state.running == 0 && state.open == 0 && state.partial == 0 && is_square(ex);
    bool done = calm;
    for (uint32_t i = 0; i < ex->n_venues; i++) {
        ex_venue *venue = &ex->venues[i];
        if (!calm) {
            sweeps[i] = venue->sweeps;
            matches[i] = venue->matches;
            reports[i] = venue->reports;
        }
        done = done && venue->sweeps - sweeps[i] >= CALM_SWEEPS && venue->matches > matches[i] &&
               venue->reports > reports[i] + 1;
    }
    return done;
}
