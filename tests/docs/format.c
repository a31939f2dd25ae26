/* What the library says of its stored format, a line each, the parts tab by tab; format.py makes
   the tables of docs/format.md of it. Defaults are those that a row has before it is read. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/chain.h"
#include "core/events.h"

static const char *const kinds[] = {
#define K(KIND, wire, ctype) #KIND,
    PERP_KIND_TABLE(K)
#undef K
        "UUID",
    "NAME",
    "TEXT",
    "BYTES",
    "ROW",
    "ARRAY",
    "LIST",
    "ROOM",
    "NUMBERS",
    "REALS"};

static const char *const wires[] = {
#define K(KIND, wire, ctype) #wire,
    PERP_KIND_TABLE(K)
#undef K
        "BYTES",
    "BYTES",
    "BYTES",
    "BYTES",
    "ROW",
    "ROW",
    "ROW",
    "ROW",
    "UNSIGNED",
    "REAL"};

static const char *const columns[] = {
    [PERP_SHOWN__] = "",
    [PERP_SHOWN_JOB] = "job",
    [PERP_SHOWN_ANY_JOB] = "job",
    [PERP_SHOWN_EXCHANGE] = "exchange",
    [PERP_SHOWN_POOL] = "pool",
    [PERP_SHOWN_RESERVATION] = "reservation",
    [PERP_SHOWN_AMOUNT] = "amount",
    [PERP_SHOWN_PNL] = "pnl",
    [PERP_SHOWN_VOLUME] = "volume",
    [PERP_SHOWN_FEES] = "fees",
    [PERP_SHOWN_ENDED] = "outcome",
    [PERP_SHOWN_REFUSED] = "outcome",
};

static void print_default(const struct perp_field *field, const char *row) {
    const char *at = row + field->offset;
    uint64_t number = 0;
    uint32_t small = 0;
    int32_t sign = 0;
    int64_t whole = 0;
    double real = 0;
    switch (field->kind) {
    case PERP_K_BOOL:
        printf("%d", *at);
        break;
    case PERP_K_U64:
        memcpy(&number, at, sizeof number);
        printf("%" PRIu64, number);
        break;
    case PERP_K_I32:
        memcpy(&sign, at, sizeof sign);
        printf("%" PRId32, sign);
        break;
    case PERP_K_F64:
    case PERP_K_REAL:
    case PERP_K_REAL0:
    case PERP_K_REAL1:
        memcpy(&real, at, sizeof real);
        printf("%g", real);
        break;
    default:
        if (field->kind > PERP_K_I32 && field->kind < PERP_K_F64) {
            memcpy(&whole, at, sizeof whole);
            if (whole == PERP_TIME_NONE)
                printf("none");
            else
                printf("%" PRId64, whole);
        } else if (field->kind < PERP_K_I32) {
            memcpy(&small, at, sizeof small);
            if (small == PERP_NO_ID)
                printf("none");
            else
                printf("%" PRIu32, small);
        }
    }
}

/* F: tag, name, kind, default, row that it holds, least, most, column of events. */
static void print_fields(const struct perp_row_type *type) {
    char row[8192] = {0};
    if (type->size > sizeof row)
        return;
    if (type->defaults)
        memcpy(row, type->defaults, type->size);
    if (type->preset)
        type->preset(row);
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const struct perp_field *field = &type->fields[i];
        printf("F\t%u\t%s\t%s\t", field->tag, field->name, kinds[field->kind]);
        if (type->defaults || type->preset)
            print_default(field, row);
        printf("\t%s\t%u\t%u\t%s\n", field->row ? field->row()->name : "", field->least,
               field->most, columns[field->column]);
    }
}

/* R: name, name in rows.def. */
static void print_row(const struct perp_row_type *type, const char *name) {
    printf("R\t%s\t%s\n", type->name, name);
    print_fields(type);
}

/* The worked example: bytes of a record, and the chain's value after it. */
static void print_example(perp_core *core) {
    const struct perp_ev_equity payload = {.exchange = 1, .amount = 250 * PERP_USD};
    const struct perp_event event = {.kind = PERP_EVENT_EQUITY,
                                     .seq = 1,
                                     .time_ns = INT64_C(1767225600000000000),
                                     .actor = "ops",
                                     .payload = &payload};
    struct perp_bytes bytes = {.core = core};
    perp_event_write(&bytes, &event, PERP_CHAIN_START);
    printf("X\t");
    for (uint32_t i = 0; i < bytes.size; i++)
        printf("%02x", (unsigned char)bytes.memory[i]);
    printf("\n");
    perp_bytes_free(&bytes);
}

int main(void) {
    perp_core *core = NULL;
    perp_config config;
    perp_config_init(&config);
    if (perp_core_open(&config, &core) != PERP_OK)
        return 1;
    for (uint32_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        printf("K\t%s\t%s\n", kinds[i], wires[i]);
#define R(NAME, number, type) printf("B\t%d\t%s\t%s\n", number, #NAME, #type);
    PERP_BOOK_ROW_LIST(R)
#undef R
#define R(name, NAME, ctype, preset) print_row(perp_row_##name(), #NAME);
    PERP_ROW_TABLE(R)
#undef R
    print_row(perp_row_capital_config(), "");
    print_row(perp_row_risk_config(), "");
    const struct perp_row_type *risk = perp_row_risk_config();
    for (uint32_t i = 0; i < risk->n_fields; i++)
        if (risk->fields[i].row)
            print_row(risk->fields[i].row(), "");
    print_row(perp_row_scheduler_config(), "");
    print_row(perp_row_orders_config(), "");
#define X(NAME, name, job)                                                                         \
    printf("E\t%d\t%s\t%s\n", PERP_EVENT_##NAME, #name, #NAME);                                    \
    print_fields(perp_row_ev_##name());
    PERP_EVENT_LIST(X)
#undef X
    print_example(core);
    return perp_core_close(core) != PERP_OK;
}
