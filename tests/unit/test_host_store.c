/* A store of the host's own, through the public table of functions: what it is given of each
   change, and in which order. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_GOT 256
#define MAX_COLUMNS 32

struct got_column {
    const char *name;
    uint32_t type;
    int64_t integer;
    double number;
    char text[PERP_NAME_SIZE];
};

struct got_row {
    char table[32];
    uint32_t n_keys, n_columns;
    struct got_column columns[MAX_COLUMNS];
};

/* What the store was given since the last begin, and what came of it. */
static struct shelf {
    int open, failing_row; /* which row of a change fails, from 1; 0: none */
    int failing;           /* no change is begun */
    uint32_t n_records, n_rows, commits, rollbacks;
    uint64_t seq, chain;
    char kinds[MAX_GOT][32], outcome[32];
    struct got_row rows[MAX_GOT];
} shelf;

static void shelf_begin(void *user, perp_status *status) {
    struct shelf *s = user;
    ck_assert(!s->open);
    if (s->failing) {
        *status = PERP_E_STORE;
        return;
    }
    s->open = 1;
    s->n_records = s->n_rows = 0;
    s->outcome[0] = '\0';
    *status = PERP_OK;
}

static void shelf_append(void *user, const perp_record *record, perp_status *status) {
    struct shelf *s = user;
    uint64_t last = 0;
    ck_assert(s->open);
    ck_assert_uint_eq(s->n_rows, 0); /* rows come after all records */
    ck_assert_uint_lt(s->n_records, MAX_GOT);
    ck_assert_uint_eq(record->struct_size, sizeof *record);
    ck_assert_uint_eq(record->seq, s->seq + s->n_records + 1);
    ck_assert_uint_gt(record->size, 8);
    /* The chain is what data ends in, the lowest byte first. */
    for (size_t i = 0; i < 8; i++)
        last |= (uint64_t)((const unsigned char *)record->data)[record->size - 8 + i] << (8 * i);
    ck_assert_uint_eq(record->chain, last);
    ck_assert_uint_ne(record->chain, s->chain);
    s->chain = record->chain;
    strncpy(s->kinds[s->n_records++], record->kind, sizeof s->kinds[0] - 1);
    if (record->outcome)
        strncpy(s->outcome, record->outcome, sizeof s->outcome - 1);
    *status = PERP_OK;
}

static void shelf_row(void *user, const perp_row *row, perp_status *status) {
    struct shelf *s = user;
    ck_assert_int_eq(*status, PERP_E_STORE);
    ck_assert(s->open);
    ck_assert_uint_gt(s->n_records, 0);
    ck_assert_uint_lt(s->n_rows, MAX_GOT);
    ck_assert_uint_eq(row->struct_size, sizeof *row);
    ck_assert_uint_eq(row->reserved, 0);
    ck_assert_uint_ge(row->n_keys, 1);
    ck_assert_uint_le(row->n_keys, row->n_columns);
    ck_assert_uint_le(row->n_columns, MAX_COLUMNS);
    struct got_row *got = &s->rows[s->n_rows++];
    memset(got, 0, sizeof *got);
    strncpy(got->table, row->table, sizeof got->table - 1);
    got->n_keys = row->n_keys;
    got->n_columns = row->n_columns;
    for (uint32_t i = 0; i < row->n_columns; i++) {
        const perp_column *column = &row->columns[i];
        ck_assert_uint_eq(column->reserved, 0);
        ck_assert(i >= row->n_keys || column->type != PERP_COLUMN_NULL);
        ck_assert_int_eq(column->type == PERP_COLUMN_TEXT, column->text != NULL);
        got->columns[i] = (struct got_column){.name = column->name,
                                              .type = column->type,
                                              .integer = column->integer,
                                              .number = column->number};
        if (column->text)
            strncpy(got->columns[i].text, column->text, PERP_NAME_SIZE - 1);
    }
    *status = s->failing_row == (int)s->n_rows ? PERP_E_STORE : PERP_OK;
}

static void shelf_commit(void *user, perp_status *status) {
    struct shelf *s = user;
    ck_assert(s->open);
    s->open = 0;
    s->seq += s->n_records;
    s->commits++;
    *status = PERP_OK;
}

static void shelf_rollback(void *user) {
    struct shelf *s = user;
    s->open = 0;
    s->rollbacks++;
}

static void shelf_close(void *user) {
    (void)user;
}

static struct world *open_on_shelf(int with_rows) {
    perp_config config;
    memset(&shelf, 0, sizeof shelf);
    world_config(&config);
    config.store = (perp_store){.user = &shelf,
                                .begin = shelf_begin,
                                .append = shelf_append,
                                .commit = shelf_commit,
                                .rollback = shelf_rollback,
                                .close = shelf_close,
                                .row = with_rows ? shelf_row : NULL};
    return world_open(&config);
}

/* The n-th row of a table in the last change, from 0; NULL: there is none. */
static const struct got_row *row_of(const char *table, uint32_t n) {
    for (uint32_t i = 0; i < shelf.n_rows; i++)
        if (strcmp(shelf.rows[i].table, table) == 0 && n-- == 0)
            return &shelf.rows[i];
    return NULL;
}

static const struct got_row *last_row_of(const char *table) {
    uint32_t n = 0;
    while (row_of(table, n + 1))
        n++;
    return row_of(table, n);
}

static const struct got_column *column_of(const struct got_row *row, const char *name) {
    ck_assert_ptr_nonnull(row);
    for (uint32_t i = 0; i < row->n_columns; i++)
        if (strcmp(row->columns[i].name, name) == 0)
            return &row->columns[i];
    return NULL;
}

static void text_is(const struct got_row *row, const char *name, const char *wanted) {
    const struct got_column *column = column_of(row, name);
    ck_assert_msg(column != NULL && column->type == PERP_COLUMN_TEXT, "%s", name);
    ck_assert_str_eq(column->text, wanted);
}

static void integer_is(const struct got_row *row, const char *name, int64_t wanted) {
    const struct got_column *column = column_of(row, name);
    ck_assert_msg(column != NULL && column->type == PERP_COLUMN_INTEGER, "%s", name);
    ck_assert_int_eq(column->integer, wanted);
}

/* The key that tells the row from others, which comes first. */
static void key_is(const struct got_row *row, const char *name) {
    ck_assert_ptr_nonnull(row);
    ck_assert_str_eq(row->columns[0].name, name);
}

START_TEST(rows_come_after_their_records_with_keys_first) {
    struct world *w = open_on_shelf(1);
    uint64_t id = 0;
    perp_refusal refusal = {.struct_size = sizeof refusal};
    ok(w, perp_capital_reserve(w->capital, nowc(w), ALPHA, PERP_POOL_ARB, USD(1000), NULL, &id,
                               &refusal));
    ck_assert_uint_eq(shelf.n_records, 1);
    ck_assert_str_eq(shelf.kinds[0], "reserve");
    ck_assert_uint_eq(shelf.n_rows, 1);
    const struct got_row *row = row_of("reservations", 0);
    key_is(row, "id");
    ck_assert_uint_eq(row->n_keys, 1);
    integer_is(row, "id", (int64_t)id);
    text_is(row, "exchange", "alpha");
    text_is(row, "pool", "arb");
    integer_is(row, "in_flight", USD(1000));
    integer_is(row, "last_seq", (int64_t)shelf.seq);
    const char *name = row->columns[0].name;
    /* A later change sets what it changes; equal names are equal pointers. */
    ok(w, perp_capital_release(w->capital, nowc(w), id, USD(400)));
    row = row_of("reservations", 0);
    ck_assert_ptr_nonnull(row);
    ck_assert_ptr_eq(row->columns[0].name, name);
    integer_is(row, "id", (int64_t)id);
    integer_is(row, "in_flight", USD(600));
    ck_assert_ptr_null(column_of(row, "pool"));
    world_close(w);
}
END_TEST

START_TEST(a_row_may_have_more_than_one_key) {
    struct world *w = open_on_shelf(1);
    ok(w, perp_capital_record_pnl(w->capital, nowc(w), BETA, USD(1), USD(2), USD(3), NULL));
    const struct got_row *row = row_of("daily", 0);
    key_is(row, "day");
    ck_assert_uint_eq(row->n_keys, 2);
    ck_assert_str_eq(row->columns[1].name, "exchange");
    ck_assert_str_eq(row->columns[1].text, "beta");
    integer_is(row, "pnl", USD(1));
    integer_is(row, "volume", USD(2));
    integer_is(row, "fees", USD(3));
    world_close(w);
}
END_TEST

START_TEST(a_job_has_its_row_in_every_change_of_it) {
    struct world *w = open_on_shelf(1);
    char text[37];
    perp_uuid id = id_of(1);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_uuid_format(&id, text);
    submit(w, &job);
    const struct got_row *row = row_of("jobs", 0);
    key_is(row, "id");
    text_is(row, "id", text);
    text_is(row, "state", "pending");
    text_is(row, "strategy", "wash");
    integer_is(row, "notional", USD(12500));
    ck_assert_uint_eq(column_of(row, "edge_bps")->type, PERP_COLUMN_NUMBER);
    ck_assert(column_of(row, "edge_bps")->number == 20);
    ok(w, perp_scheduler_cancel(w->scheduler, nowc(w), &id));
    row = row_of("jobs", 0);
    text_is(row, "id", text);
    text_is(row, "state", "cancelled");
    world_close(w);
}
END_TEST

START_TEST(how_a_job_ended_is_the_outcome_of_its_record) {
    struct world *w = open_on_shelf(1);
    perp_uuid id = id_of(1);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    perp_job_result result;
    perp_finish_outcome outcome = {.struct_size = sizeof outcome};
    submit(w, &job);
    ck_assert_str_eq(shelf.outcome, "");
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    perp_job_result_init(&result);
    result.has_totals = 1;
    result.pnl = USD(5);
    result.flat = 1;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &id, &result, &outcome));
    ck_assert_str_eq(shelf.outcome, "completed");
    text_is(last_row_of("jobs"), "state", "completed");
    integer_is(row_of("jobs", 0), "pnl", USD(5));
    /* One that leaves something open has not ended yet. */
    job.job_id = id = id_of(2);
    submit(w, &job);
    ck_assert_uint_eq(tick(w)->dispatched, 1);
    result.flat = 0;
    ok(w, perp_scheduler_finish(w->scheduler, nowc(w), &id, &result, &outcome));
    ck_assert_str_eq(shelf.outcome, "open");
    text_is(last_row_of("jobs"), "state", "open");
    world_close(w);
}
END_TEST

static void load_fails(void *user, uint32_t from_start, const perp_loader *loader,
                       perp_status *status) {
    (void)user, (void)from_start, (void)loader;
    *status = PERP_E_STORE;
}

static void why(void *user, char *text, size_t capacity) {
    (void)user;
    snprintf(text, capacity, "the shelf fell down");
}

START_TEST(a_store_that_can_not_be_read_opens_no_book_and_says_why) {
    perp_config config;
    perp_core *core = NULL;
    world_config(&config);
    config.store.load = load_fails;
    for (int said = 0; said < 2; said++) {
        config.store.message = said ? why : NULL;
        ck_assert_int_eq(perp_core_open(&config, &core), PERP_E_STORE);
        ck_assert_ptr_null(core);
        ck_assert_ptr_nonnull(strstr(perp_core_error(NULL), "can't be read"));
        ck_assert_int_eq(strstr(perp_core_error(NULL), "the shelf fell down") != NULL, said);
    }
}
END_TEST

static void never(void *user, const perp_job *job, const perp_evaluation *so_far,
                  perp_rule_answer *answer) {
    (void)user, (void)job, (void)so_far, (void)answer;
}

START_TEST(a_rule_whose_name_the_store_does_not_take_is_not_added) {
    struct world *w = open_on_shelf(1);
    perp_host_rule rule;
    perp_host_rule_init(&rule);
    rule.name = "never";
    rule.ask = never;
    shelf.failing = 1;
    fails(w, PERP_E_STORE, perp_risk_add_rule(w->risk, &rule));
    shelf.failing = 0;
    world_close(w);
}
END_TEST

START_TEST(a_row_that_fails_takes_the_change_back) {
    struct world *w = open_on_shelf(1);
    uint64_t id = 0;
    perp_refusal refusal = {.struct_size = sizeof refusal};
    uint64_t hash = perp_core_hash(w->core), seq = shelf.seq, chain = shelf.chain;
    shelf.failing_row = 1;
    fails(w, PERP_E_STORE,
          perp_capital_reserve(w->capital, nowc(w), ALPHA, PERP_POOL_ARB, USD(1000), NULL, &id,
                               &refusal));
    ck_assert_uint_eq(shelf.rollbacks, 1);
    ck_assert_uint_eq(shelf.seq, seq);
    ck_assert_uint_eq(perp_core_hash(w->core), hash);
    shelf.failing_row = 0;
    shelf.chain = chain;
    ok(w, perp_scheduler_resume(w->scheduler, signedc(w)));
    ok(w, perp_capital_reserve(w->capital, nowc(w), ALPHA, PERP_POOL_ARB, USD(1000), NULL, &id,
                               &refusal));
    integer_is(row_of("reservations", 0), "id", (int64_t)id);
    world_close(w);
}
END_TEST

START_TEST(a_store_that_wants_no_rows_gets_its_records) {
    struct world *w = open_on_shelf(0);
    perp_job job = pair_job(1, w->btc[ALPHA], w->btc[BETA]);
    submit(w, &job);
    ck_assert_str_eq(shelf.kinds[0], "submit");
    ck_assert_uint_eq(shelf.n_rows, 0);
    ck_assert_uint_eq(shelf.rollbacks, 0);
    world_close(w);
}
END_TEST

static void append_to_damage(void *user, const perp_record *record, perp_status *status) {
    (void)user;
    (void)record;
    *status = PERP_E_CORRUPT;
}

static void say_damage(void *user, char *text, size_t capacity) {
    (void)user;
    snprintf(text, capacity, "shelf 7 broke");
}

/* Damage that a store meets only when it writes, as one that does not look at all of itself. */
START_TEST(a_store_that_turns_out_damaged_while_it_is_opened_is_corrupt) {
    perp_core *core = NULL;
    perp_config config;
    memset(&shelf, 0, sizeof shelf);
    world_config(&config);
    config.store = (perp_store){.user = &shelf,
                                .begin = shelf_begin,
                                .append = append_to_damage,
                                .commit = shelf_commit,
                                .rollback = shelf_rollback,
                                .message = say_damage,
                                .close = shelf_close};
    ck_assert_int_eq(perp_core_open(&config, &core), PERP_E_CORRUPT);
    ck_assert_ptr_null(core);
    ck_assert_msg(strstr(perp_core_error(NULL), "shelf 7 broke") != NULL, "\"%s\"",
                  perp_core_error(NULL));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("host store");
    TCase *cases = tcase_create("host store");
    tcase_add_test(cases, rows_come_after_their_records_with_keys_first);
    tcase_add_test(cases, a_row_may_have_more_than_one_key);
    tcase_add_test(cases, a_job_has_its_row_in_every_change_of_it);
    tcase_add_test(cases, how_a_job_ended_is_the_outcome_of_its_record);
    tcase_add_test(cases, a_store_that_can_not_be_read_opens_no_book_and_says_why);
    tcase_add_test(cases, a_rule_whose_name_the_store_does_not_take_is_not_added);
    tcase_add_test(cases, a_row_that_fails_takes_the_change_back);
    tcase_add_test(cases, a_store_that_wants_no_rows_gets_its_records);
    tcase_add_test(cases, a_store_that_turns_out_damaged_while_it_is_opened_is_corrupt);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
