/* Calls that are made thousands of times a second ask for no memory once all is warm, and never
   call the system: no lock is waited for, no time asked, nothing written. */
#define _DEFAULT_SOURCE /* syscall numbers, MAP_ANONYMOUS */
#include "orders_fixture.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/core.h"

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HAS_TRAP 1
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#else
#define HAS_TRAP 0
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#undef HAS_TRAP
#define HAS_TRAP 0
#endif
#endif

#define FILLS 4

static struct world *w;
static uint64_t taken; /* memory that the book asked for */

static void *take(void *user, size_t size) {
    (void)user;
    taken++;
    return malloc(size);
}

static void give(void *user, void *memory, size_t size) {
    (void)user;
    (void)size;
    free(memory);
}

/* ---- The calls, without a word of Check's, which writes ---------------------------------------
 */

static uint32_t life; /* whose job it is */
static uint64_t orders[2];
static perp_evaluation evaluation;
static perp_tick_result ticked;

static perp_status do_quote(void) {
    const perp_quote quote = {.instrument = w->btc[ALPHA],
                              .time_ns = ++w->now,
                              .bid = BTC_BID,
                              .bid_size = 1000,
                              .ask = BTC_ASK,
                              .ask_size = 1000};
    return perp_market_on_quote(w->market, &quote);
}

static perp_status do_book(void) {
    const perp_book_level bids[] = {{BTC_BID, 500},
                                    {BTC_BID - 1, 500},
                                    {BTC_BID - 2, 500},
                                    {BTC_BID - 3, 500},
                                    {BTC_BID - 4, 500}};
    const perp_book_level asks[] = {{BTC_ASK, 500},
                                    {BTC_ASK + 1, 500},
                                    {BTC_ASK + 2, 500},
                                    {BTC_ASK + 3, 500},
                                    {BTC_ASK + 4, 500}};
    const perp_book book = {.instrument = w->btc[ALPHA],
                            .time_ns = ++w->now,
                            .bids = bids,
                            .n_bids = 5,
                            .asks = asks,
                            .n_asks = 5};
    return perp_market_on_book(w->market, &book);
}

static perp_status do_evaluate(void) {
    const perp_job job = pair_job(1000000, w->btc[ALPHA], w->btc[BETA]);
    perp_status status = perp_risk_evaluate(w->risk, w->now, &job, &evaluation);
    return status == PERP_OK && !evaluation.accepted ? PERP_E_STATE : status;
}

static perp_status do_reserve_release(void) {
    const perp_job job = pair_job(1000000, w->btc[ALPHA], w->btc[BETA]);
    perp_refusal refusal = {.struct_size = sizeof refusal};
    uint64_t ids[PERP_MAX_LEGS];
    uint32_t n = 0;
    perp_status status = perp_capital_reserve_for_job(w->capital, nowc(w), &job, ids, &n, &refusal);
    for (uint32_t i = 0; i < n && status == PERP_OK; i++)
        status = perp_capital_release(w->capital, nowc(w), ids[i], 0);
    return status == PERP_OK && n != 2 ? PERP_E_STATE : status;
}

/* The job that waits is dispatched. */
static perp_status do_decide(void) {
    perp_status status = do_quote();
    if (status == PERP_OK)
        status = perp_scheduler_tick(w->scheduler, nowc(w), &ticked);
    return status == PERP_OK && ticked.dispatched != 1 ? PERP_E_STATE : status;
}

static perp_status do_place(void) {
    perp_status status = PERP_OK;
    for (uint32_t leg = 0; leg < 2 && status == PERP_OK; leg++) {
        const perp_order_request request = limit_order(life, leg, 0.25, BTC_MID);
        perp_order_answer answer;
        perp_order_answer_init(&answer);
        status = perp_orders_place(desk(w), nowc(w), &request, &answer);
        orders[leg] = answer.order;
    }
    return status == PERP_OK && !(orders[0] && orders[1]) ? PERP_E_STATE : status;
}

static perp_status do_fill(void) {
    static const char *const ids[FILLS] = {"a", "b", "c", "d"};
    perp_status status = PERP_OK;
    for (uint32_t i = 0; i < 2 * FILLS && status == PERP_OK; i++) {
        const perp_order_news news = fill_of(orders[i % 2], ids[i / 2], 0.25 / FILLS, BTC_MID);
        status = perp_orders_tell(desk(w), nowc(w), &news, NULL);
    }
    return status;
}

static const struct {
    const char *name;
    perp_status (*run)(void);
} calls[] = {{"quote", do_quote},       {"book5", do_book},
             {"evaluate", do_evaluate}, {"reserve_release", do_reserve_release},
             {"decide", do_decide},     {"place", do_place},
             {"fill", do_fill}};
#define N_CALLS (sizeof calls / sizeof *calls)

/* ---- A life around them -----------------------------------------------------------------------
 */

static void open_world(void) {
    perp_config config;
    world_config(&config);
    config.scheduler.history_size = 4;
    config.orders.repeat_limit = 100;
    config.allocator.allocate = take;
    config.allocator.release = give;
    w = world_open(&config);
    perp_evaluation_init(&evaluation);
    perp_tick_result_init(&ticked);
    ticked.want_items = 0;
    life = 0;
}

static void close_world(void) {
    perp_tick_result_free(&ticked);
    world_close(w);
}

static void begin_life(void) {
    perp_job job = pair_job(++life, w->btc[ALPHA], w->btc[BETA]);
    pass(w, SECOND);
    submit(w, &job);
}

static void end_life(void) {
    const perp_uuid id = id_of(life);
    ok(w, finishes(w, life, NULL));
    ok(w, perp_scheduler_close(w->scheduler, nowc(w), &id, 0, 0, 0));
}

/* Lives 200 times, and counts what each call asks for. */
static void live(uint64_t asked[N_CALLS]) {
    memset(asked, 0, N_CALLS * sizeof *asked);
    for (int i = 0; i < 200; i++) {
        begin_life();
        for (size_t n = 0; n < N_CALLS; n++) {
            uint64_t before = taken;
            ok(w, calls[n].run());
            asked[n] += taken - before;
        }
        end_life();
    }
}

START_TEST(once_warm_they_ask_for_no_memory) {
    uint64_t asked[N_CALLS], sum = 0;
    open_world();
    live(asked);
    for (size_t n = 0; n < N_CALLS; n++)
        sum += asked[n];
    ck_assert_uint_gt(sum, 0); /* there was something to make */
    live(asked);
    for (size_t n = 0; n < N_CALLS; n++)
        ck_assert_msg(asked[n] == 0, "%s asked for memory %llu times", calls[n].name,
                      (unsigned long long)asked[n]);
    close_world();
}
END_TEST

#if HAS_TRAP
/* Where the child was, and what it called; shared with it. */
static struct {
    volatile int call, number;
    volatile perp_status status;
} * seen;

static void on_trap(int signal, siginfo_t *info, void *context) {
    (void)signal;
    (void)context;
    seen->number = info->si_syscall;
    _exit(2);
}

/* From here on only the end, and the way back out of a signal, pass. false: not here. */
static bool trap_calls(void) {
#define PASS(number)                                                                               \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        PASS(SYS_exit_group),
        PASS(SYS_rt_sigreturn),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO;
    return sigaction(SIGSYS, &action, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* 0: all was quiet, 1: a call failed, 2: one called the system, 3: no filter here. */
static void run_trapped(bool disturb) {
    if (!trap_calls())
        _exit(3);
    for (size_t n = 0; n < N_CALLS; n++) {
        seen->call = (int)n;
        seen->status = calls[n].run();
        if (seen->status != PERP_OK)
            _exit(1);
    }
    if (disturb)
        (void)getppid();
    _exit(0);
}

static int trapped(bool disturb) {
    int status = -1;
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        run_trapped(disturb);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "ended with status %#x", (unsigned)status);
    return WEXITSTATUS(status);
}
#endif

START_TEST(they_never_call_the_system) {
#if HAS_TRAP
    uint64_t asked[N_CALLS];
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(seen, MAP_FAILED);
    open_world();
    live(asked);
    begin_life();
    int noisy = trapped(true);
    if (noisy == 3) {
        fprintf(stderr, "left out: system calls (seccomp: %s)\n", strerror(errno));
    } else {
        ck_assert_int_eq(noisy, 2); /* the trap is one */
        ck_assert_int_eq(seen->number, SYS_getppid);
        int quiet = trapped(false);
        ck_assert_msg(quiet != 1, "%s: %s", calls[seen->call].name,
                      perp_status_string(seen->status));
        ck_assert_msg(quiet == 0, "%s: system call %d", calls[seen->call].name, seen->number);
    }
    munmap(seen, sizeof *seen);
    for (size_t n = 0; n < N_CALLS; n++)
        ok(w, calls[n].run());
    end_life();
    close_world();
#else
    fprintf(stderr,
            "left out: system calls (no seccomp here, or a sanitizer, which calls itself)\n");
#endif
}
END_TEST

/* Feeds write and read other lines of the core than decisions, which write theirs all the time. */
START_TEST(what_feeds_touch_lies_apart_from_what_decisions_write) {
    const size_t read[] = {
        offsetof(struct perp_core, clock),         offsetof(struct perp_core, n_exchanges),
        offsetof(struct perp_core, n_instruments), offsetof(struct perp_core, instruments),
        offsetof(struct perp_core, exchanges),     offsetof(struct perp_core, market)};
    const size_t counted[] = {offsetof(struct perp_core, stale_events),
                              offsetof(struct perp_core, rejected_events)};
    const size_t written[] = {
        offsetof(struct perp_core, lock),     offsetof(struct perp_core, turns),
        offsetof(struct perp_core, seq),      offsetof(struct perp_core, day_ends),
        offsetof(struct perp_core, prepared), offsetof(struct perp_core, jobs)};
#define EACH(i, list) (size_t i = 0; i < sizeof list / sizeof *list; i++)
    for
        EACH(i, read) {
            for
                EACH(k, counted)
            ck_assert_uint_ge(counted[k], read[i] + PERP_APART);
            for
                EACH(k, written)
            ck_assert_uint_ge(written[k], read[i] + PERP_APART);
        }
    for
        EACH(i, counted)
    for
        EACH(k, written)
    ck_assert_uint_ge(written[k], counted[i] + PERP_APART);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("quiet");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, once_warm_they_ask_for_no_memory);
    tcase_add_test(tests, they_never_call_the_system);
    tcase_add_test(tests, what_feeds_touch_lies_apart_from_what_decisions_write);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
