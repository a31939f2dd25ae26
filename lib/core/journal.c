#include "core/journal.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/events.h"

struct table {
    const char *name;
    uint32_t keys;
};

static const struct table tables[PERP_TABLE_COUNT] = {
#define TABLE(TABLE, name, keys) {#name, keys},
#define COLUMN(TABLE, COLUMN, name, sql)
#include "core/tables.def"
#undef TABLE
#undef COLUMN
};

static const char *const column_names[PERP_TABLE_COLUMN_COUNT] = {
#define TABLE(TABLE, name, keys)
#define COLUMN(TABLE, COLUMN, name, sql) #name,
#include "core/tables.def"
#undef TABLE
#undef COLUMN
};

/* What lies in the journal: entries, each padded to 8 bytes. Pointers are made when it is played:
   the memory moves while it grows. */
enum entry_kind { ENTRY_RECORD, ENTRY_ROW };

struct entry {
    uint32_t size; /* of all of it */
    uint32_t kind;
};

/* Behind it data, detail, actor and reason, each of the three with its zero. */
struct record_entry {
    struct entry entry;
    perp_record record;
    perp_uuid job;
    uint32_t has_job;
    uint32_t n_detail, n_actor, n_reason; /* 0: none */
};

/* Behind it the columns, whose texts are offsets (from the entry) into what follows them. */
struct row_entry {
    struct entry entry;
    uint32_t table, n_columns;
};

static void pad(struct perp_bytes *bytes) {
    static const char zeros[8];
    perp_bytes_put(bytes, zeros, (8 - bytes->size % 8) % 8);
}

/* Ends the entry that began at `start`: its size is known now. */
static void end_entry(struct perp_bytes *bytes, uint32_t start) {
    pad(bytes);
    uint32_t size = bytes->size - start;
    if (!bytes->failed)
        memcpy(bytes->memory + start + offsetof(struct entry, size), &size, sizeof size);
}

static void add_column(struct perp_journal *to, enum perp_table_column column, perp_column value) {
    value.name = column_names[column];
    if (to->n_columns < PERP_MAX_ROW_COLUMNS)
        to->columns[to->n_columns++] = value;
    else
        to->bytes.failed = true;
}

void perp_row_begin(struct perp_journal *to, enum perp_table table) {
    to->table = table;
    to->n_columns = 0;
}

void perp_row_int(struct perp_journal *to, enum perp_table_column column, int64_t value) {
    add_column(to, column, (perp_column){.type = PERP_COLUMN_INTEGER, .integer = value});
}

void perp_row_number(struct perp_journal *to, enum perp_table_column column, double value) {
    add_column(to, column,
               (perp_column){.type = isnan(value) ? PERP_COLUMN_NULL : PERP_COLUMN_NUMBER,
                             .number = value});
}

void perp_row_text(struct perp_journal *to, enum perp_table_column column, const char *text) {
    add_column(to, column,
               (perp_column){.type = text ? PERP_COLUMN_TEXT : PERP_COLUMN_NULL, .text = text});
}

void perp_row_time(struct perp_journal *to, enum perp_table_column column, int64_t time_ns) {
    add_column(
        to, column,
        (perp_column){.type = time_ns == PERP_TIME_NONE ? PERP_COLUMN_NULL : PERP_COLUMN_INTEGER,
                      .integer = time_ns});
}

void perp_row_end(struct perp_journal *to) {
    struct perp_bytes *bytes = &to->bytes;
    struct row_entry row = {{0, ENTRY_ROW}, to->table, to->n_columns};
    uint32_t start = bytes->size;
    size_t text_at = sizeof row + to->n_columns * sizeof *to->columns;
    perp_bytes_put(bytes, &row, sizeof row);
    for (uint32_t i = 0; i < to->n_columns; i++) {
        perp_column column = to->columns[i];
        if (column.type == PERP_COLUMN_TEXT) {
            column.integer = (int64_t)text_at;
            text_at += strlen(column.text) + 1;
            column.text = NULL;
        }
        perp_bytes_put(bytes, &column, sizeof column);
    }
    for (uint32_t i = 0; i < to->n_columns; i++)
        if (to->columns[i].type == PERP_COLUMN_TEXT)
            perp_bytes_put(bytes, to->columns[i].text, strlen(to->columns[i].text) + 1);
    end_entry(bytes, start);
}

/* The columns of the table of events that the payload's fields are shown in. */
static void show_fields(const perp_core *core, const struct perp_event *event,
                        struct record_entry *to) {
    const struct perp_row_type *type = perp_event_shapes[event->kind].payload();
    for (uint32_t i = 0; i < type->n_fields; i++) {
        const struct perp_field *field = &type->fields[i];
        const void *value = (const char *)event->payload + field->offset;
        uint32_t id = 0;
        perp_usd amount = 0;
        if (field->column == PERP_SHOWN__)
            continue;
        if (field->kind != PERP_K_UUID)
            memcpy(&id, value, sizeof id);
        if (field->kind >= PERP_K_I64 && field->kind <= PERP_K_USD1)
            memcpy(&amount, value, sizeof amount);
        switch (field->column) {
        case PERP_SHOWN_JOB:
        case PERP_SHOWN_ANY_JOB:
            memcpy(&to->job, value, sizeof to->job);
            break;
        case PERP_SHOWN_EXCHANGE:
            if (id < perp_n_exchanges(core))
                to->record.exchange = core->exchanges[id].spec.name;
            break;
        case PERP_SHOWN_POOL:
            to->record.pool = id;
            break;
        case PERP_SHOWN_RESERVATION:
            memcpy(&to->record.reservation, value, sizeof to->record.reservation);
            break;
        case PERP_SHOWN_AMOUNT:
            to->record.amount = amount;
            break;
        case PERP_SHOWN_PNL:
            to->record.pnl = amount;
            break;
        case PERP_SHOWN_VOLUME:
            to->record.volume = amount;
            break;
        case PERP_SHOWN_FEES:
            to->record.fees = amount;
            break;
        case PERP_SHOWN_ENDED:
            to->record.outcome = perp_job_state_string(id);
            break;
        case PERP_SHOWN_GATE:
            to->record.outcome = perp_gate_string(id);
            break;
        default: /* PERP_SHOWN_REFUSED */
            to->record.outcome = perp_reason_name(core, id);
        }
    }
}

static uint32_t text_size(const char *text) {
    return text && *text ? (uint32_t)strlen(text) + 1 : 0;
}

void perp_journal_record(struct perp_journal *to, const perp_core *core,
                         const struct perp_event *event, const void *data, size_t size,
                         uint64_t chain) {
    struct perp_bytes *bytes = &to->bytes;
    struct record_entry entry;
    memset(&entry, 0, sizeof entry);
    entry.entry.kind = ENTRY_RECORD;
    entry.record.struct_size = sizeof entry.record;
    entry.record.seq = event->seq;
    entry.record.time_ns = event->time_ns;
    entry.record.kind = perp_event_shapes[event->kind].name;
    entry.record.size = size;
    entry.record.chain = chain;
    show_fields(core, event, &entry);
    const perp_uuid none = {{0}}, *job = perp_event_job(event);
    if (job)
        entry.job = *job;
    entry.has_job = memcmp(&entry.job, &none, sizeof none) != 0;
    entry.n_detail = text_size(event->detail);
    entry.n_actor = text_size(event->actor);
    entry.n_reason = text_size(event->reason);
    uint32_t start = bytes->size;
    perp_bytes_put(bytes, &entry, sizeof entry);
    perp_bytes_put(bytes, data, size);
    perp_bytes_put(bytes, event->detail, entry.n_detail);
    perp_bytes_put(bytes, event->actor, entry.n_actor);
    perp_bytes_put(bytes, event->reason, entry.n_reason);
    end_entry(bytes, start);
    to->n_records++;
}

static perp_status play_record(const char *at, const perp_store *store) {
    struct record_entry entry;
    memcpy(&entry, at, sizeof entry);
    perp_record *record = &entry.record;
    const char *text = at + sizeof entry;
    record->job_id = entry.has_job ? &entry.job : NULL;
    record->data = text;
    text += record->size;
    record->detail = entry.n_detail ? text : NULL;
    text += entry.n_detail;
    record->actor = entry.n_actor ? text : NULL;
    text += entry.n_actor;
    record->reason = entry.n_reason ? text : NULL;
    perp_status status = PERP_E_STORE;
    store->append(store->user, record, &status);
    return status;
}

static perp_status play_row(const char *at, const perp_store *store) {
    struct row_entry entry;
    perp_column columns[PERP_MAX_ROW_COLUMNS];
    memcpy(&entry, at, sizeof entry);
    memcpy(columns, at + sizeof entry, entry.n_columns * sizeof *columns);
    for (uint32_t i = 0; i < entry.n_columns; i++)
        if (columns[i].type == PERP_COLUMN_TEXT) {
            columns[i].text = at + columns[i].integer;
            columns[i].integer = 0;
        }
    const perp_row row = {.struct_size = sizeof row,
                          .n_keys = tables[entry.table].keys,
                          .n_columns = entry.n_columns,
                          .table = tables[entry.table].name,
                          .columns = columns};
    perp_status status = PERP_E_STORE;
    store->row(store->user, &row, &status);
    return status;
}

perp_status perp_journal_play(const struct perp_journal *journal, const perp_store *store) {
    perp_status status = PERP_OK;
    if (!journal->bytes.size)
        return status;
    const char *at = journal->bytes.memory, *end = at + journal->bytes.size;
    while (at < end && status == PERP_OK) {
        struct entry entry;
        memcpy(&entry, at, sizeof entry);
        if (entry.kind == ENTRY_RECORD)
            status = play_record(at, store);
        else if (store->row)
            status = play_row(at, store);
        at += entry.size;
    }
    return status;
}

void perp_journal_clear(struct perp_journal *journal) {
    journal->bytes.size = 0;
    journal->bytes.failed = false;
    journal->n_records = 0;
}
