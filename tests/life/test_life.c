/* A random life of the book, in which jobs wait long: now nothing changes from tick to tick, now
   one thing, now everything. After each tick what it said of each job that waits is held against an
   evaluation of the job at that time, and against a twin: a book that was made anew from the
   records, and has kept nothing.
   environment: PERP_STEPS (20,000), PERP_SEED, PERP_DISK=1: the store is a file; PERP_TWINS=0:
   without twins; PERP_COUNTS=1: how often each rule was what a job waited for. */
#include "life.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define STEPS 20000
#define STEPS_OF_LIFE 2000 /* then another book begins, of another configuration */
#define STEPS_ON_DISK 200

static void change_pace(struct life *life) {
    if (!l_chance(life, 1))
        return;
    static const uint32_t weights[L_PACES] = {30, 30, 28, 12};
    uint32_t pick = l_below(life, 100), pace = 0;
    while (pick >= weights[pace])
        pick -= weights[pace++];
    life->pace = (enum l_pace)pace;
    if (l_chance(life, 60))
        l_tidy(life);
}

/* How much goes on besides ticks, in parts of a hundred. */
static void something(struct life *life) {
    static const uint32_t busy[L_PACES] = {25, 60, 90, 95};
    uint32_t pick = l_below(life, 100);
    if (!l_chance(life, busy[life->pace]))
        return;
    if (pick < 40)
        l_job_step(life);
    else if (pick < 82)
        l_market_step(life);
    else if (pick < 92)
        l_money_step(life);
    else
        l_control_step(life);
}

static void step(struct life *life) {
    change_pace(life);
    l_move_time(life);
    if (!l_chance(life, 3)) {
        life->doing = "keep fresh";
        l_keep_fresh(life, life->pace == L_STORM);
    }
    l_trouble_step(life);
    something(life);
    if (life->pace == L_STORM)
        something(life);
    if (l_chance(life, 70))
        l_tick(life);
    life->doing = "check";
    if (l_aside(life) % 50 == 0 && perp_core_check(life->books[0]) != PERP_OK)
        l_fail(life, "the book is not sound");
    if (l_aside(life) % 150 == 0)
        l_read(life);
    if (l_below(life, 700) == 0)
        l_restart(life);
}

static bool given(const char *name) {
    const char *text = getenv(name);
    return text && text[0] && text[0] != '0';
}

/* The twin is made just after a tick, so that nothing which feeds have told waits to be stored. */
static void twin(struct life *life, bool wanted) {
    if (l_aside(life) % (life->path[0] ? 50 : 80) != 0)
        return;
    if (l_aside(life) % 8 == 0) {
        l_drop_twin(life);
        return;
    }
    l_tick(life);
    if (wanted)
        l_make_twin(life);
}

static void live(uint64_t seed, uint64_t steps, bool on_disk) {
    static struct life life;
    const char *twins = getenv("PERP_TWINS");
    bool wanted = !twins || twins[0] != '0';
    l_open(&life, seed, on_disk);
    for (life.step = 0; life.step < steps; life.step++) {
        step(&life);
        twin(&life, wanted);
    }
    l_close(&life);
}

static void show(void) {
    printf("%-22s %10s %10s %10s\n", "", "waited for", "evaluated", "skipped");
    for (uint32_t r = 1; r < PERP_MAX_REASONS; r++)
        if (l_counts.by_reason[r] || l_counts.evaluated[r] || l_counts.skipped[r] ||
            (r < PERP_REASON_RULES_END && perp_reason_string(r)[0] != '?'))
            printf("%-22s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n", perp_reason_string(r),
                   l_counts.by_reason[r], l_counts.evaluated[r], l_counts.skipped[r]);
}

/* Each rule was what some job waited for; of capital a tick asks later. */
static uint32_t unseen(void) {
    uint32_t n = 0;
    for (uint32_t r = 1; r < PERP_REASON_RULES_END; r++) {
        uint64_t seen =
            r == PERP_REASON_INSUFFICIENT_CAPITAL ? l_counts.evaluated[r] : l_counts.by_reason[r];
        if (perp_reason_string(r)[0] != '?' && seen < 20) {
            printf("no job waited for %s, or hardly any\n", perp_reason_string(r));
            n++;
        }
    }
    return n;
}

int main(void) {
    const char *text = getenv("PERP_SEED");
    uint64_t first = text ? strtoull(text, NULL, 10) : 20251127, seed = first;
    text = getenv("PERP_STEPS");
    uint64_t all = text ? strtoull(text, NULL, 10) : STEPS;
    printf("seed %" PRIu64 ", %" PRIu64 " steps\n", first, all);
    fflush(stdout);
    for (uint64_t left = all; left > 0; seed++) {
        bool on_disk = PERP_WITH_SQLITE && (given("PERP_DISK") || seed % 10 == 9);
        uint64_t most = on_disk && !given("PERP_DISK") ? STEPS_ON_DISK : STEPS_OF_LIFE;
        uint64_t steps = left < most ? left : most;
        live(seed, steps, on_disk);
        left -= steps;
    }
    if (given("PERP_COUNTS"))
        show();
    printf("%" PRIu64 " calls (%" PRIu64 " errors), %" PRIu64 " ticks (%" PRIu64
           " as the one before) of %" PRIu64 " jobs on average, %" PRIu64 " dispatched, %" PRIu64
           " ended, %" PRIu64 " withdrawn, %" PRIu64 " expired, %" PRIu64 " repairs, %" PRIu64
           " orders, %" PRIu64 " fills, %" PRIu64 " restarts, %" PRIu64 " twins, %" PRIu64
           " decisions compared; hash %016" PRIx64 "\n",
           l_counts.calls, l_counts.refused_calls, l_counts.ticks, l_counts.still_ticks,
           l_counts.ticks ? l_counts.pending / l_counts.ticks : 0, l_counts.dispatched,
           l_counts.ended, l_counts.withdrawn, l_counts.expired, l_counts.repairs, l_counts.orders,
           l_counts.fills, l_counts.restarts, l_counts.twins, l_counts.compared, l_counts.hash);
    uint32_t failed = all >= STEPS ? unseen() : 0;
    printf("%u passed, %u failed\n", failed ? 0U : 1U, failed ? 1U : 0U);
    return failed ? 1 : 0;
}
