/* What exchanges report of positions, against what the book believes: drift. */
#include "positions/positions.h"

#include <math.h>
#include <string.h>

#include "util/num.h"

/* A report against the book. */
struct comparison {
    double later;       /* fills after the time it is taken to be of */
    double extra;       /* what it shows beyond the book */
    double unexplained; /* of that, what no running leg and nothing expected explains */
};

/* What running legs of one side may yet fill and no report has shown. */
static double room_of(const struct perp_core *core, const struct perp_sheet *sheet,
                      perp_instrument_id instrument, uint32_t side) {
    double room = 0;
    const struct perp_run_leg *leg = core->positions->at[instrument].first;
    for (; leg; leg = leg->next)
        if (leg->side == side)
            room += perp_leg_unseen(perp_sheet_leg_row(sheet, leg));
    return room;
}

static double seen_of(const struct perp_core *core, const struct perp_sheet *sheet,
                      perp_instrument_id instrument, uint32_t side) {
    double seen = 0;
    const struct perp_run_leg *leg = core->positions->at[instrument].first;
    for (; leg; leg = leg->next)
        if (leg->side == side)
            seen += perp_sheet_leg_row(sheet, leg)->seen;
    return seen;
}

static double take_from(double *rest, double most) {
    double size = fabs(*rest), sign = *rest > 0 ? 1 : -1;
    double taken = perp_at_most(size, most) ? size : most;
    *rest = sign * perp_max(0, perp_quantity_sum(size, -taken));
    return taken;
}

static struct comparison compare(struct perp_sheet *sheet,
                                 const struct perp_sheet_position *position,
                                 const struct perp_report *report, int64_t time_ns) {
    const struct perp_core *core = sheet->core;
    const struct perp_position_entry *entry = &core->positions->at[position->instrument];
    struct comparison found = {0, 0, 0};
    for (uint32_t i = 0; i < entry->n_since; i++)
        if (entry->since[i].time_ns > time_ns)
            found.later = perp_quantity_sum(found.later, entry->since[i].quantity);
    double believed = perp_quantity_sum(position->row.quantity, -found.later);
    found.extra = perp_quantity_sum(report->quantity, -believed);
    double rest = found.extra;
    if (rest != 0) {
        uint32_t side = rest > 0 ? PERP_SIDE_BUY : PERP_SIDE_SELL;
        take_from(&rest, room_of(core, sheet, position->instrument, side));
        if (rest != 0)
            take_from(&rest, seen_of(core, sheet, position->instrument,
                                     side == PERP_SIDE_BUY ? PERP_SIDE_SELL : PERP_SIDE_BUY));
    }
    const struct perp_sheet_base *base =
        rest != 0 ? perp_sheet_base_of(sheet, perp_instrument_at(core, position->instrument)->base)
                  : NULL;
    if (base && base->row.expected != 0 && (base->row.expected > 0) == (rest > 0))
        take_from(&rest, fabs(base->row.expected));
    found.unexplained = rest;
    return found;
}

/* The times that a report may be of, where at its own it leaves too much unexplained: the nearest
   that leaves no more than the tolerance; else its own. */
static int64_t time_taken(struct perp_sheet *sheet, const struct perp_sheet_position *position,
                          const struct perp_report *report, int64_t time_ns,
                          struct comparison *found) {
    const struct perp_core *core = sheet->core;
    const struct perp_position_entry *entry = &core->positions->at[position->instrument];
    int64_t window = core->config.capital.drift_window_ms * PERP_NS_PER_MS;
    int64_t earliest = time_ns < INT64_MIN + window ? INT64_MIN : time_ns - window;
    int64_t best = time_ns;
    uint64_t best_apart = UINT64_MAX;
    for (uint32_t i = 0; i <= entry->n_since; i++) {
        int64_t at = i < entry->n_since ? entry->since[i].time_ns : earliest;
        uint64_t apart =
            at > time_ns ? (uint64_t)at - (uint64_t)time_ns : (uint64_t)time_ns - (uint64_t)at;
        if (apart > (uint64_t)window || apart > best_apart || (apart == best_apart && at >= best))
            continue;
        struct comparison tried = compare(sheet, position, report, at);
        if (perp_above_drift_tolerance(core, tried.unexplained, report->price))
            continue;
        best = at;
        best_apart = apart;
        *found = tried;
    }
    return best;
}

/* Gives what a report shows to running legs: those of its sign have it as seen, in order of
   dispatch; what is left takes back what those of the other sign had seen, latest first. */
static void share_seen(struct perp_sheet *sheet, perp_instrument_id instrument, double extra) {
    const struct perp_position_entry *entry = &sheet->core->positions->at[instrument];
    uint32_t side = extra > 0 ? PERP_SIDE_BUY : PERP_SIDE_SELL;
    for (struct perp_run_leg *leg = entry->first; leg && extra != 0; leg = leg->next) {
        struct perp_sheet_leg *of =
            leg->side == side
                ? perp_sheet_leg_of(sheet, leg->job, (uint32_t)(leg - leg->job->run->legs))
                : NULL;
        if (of)
            of->row.seen =
                perp_quantity_sum(of->row.seen, take_from(&extra, perp_leg_unseen(&of->row)));
    }
    for (struct perp_run_leg *leg = entry->last; leg && extra != 0; leg = leg->previous) {
        struct perp_sheet_leg *of =
            leg->side != side && perp_sheet_leg_row(sheet, leg)->seen > 0
                ? perp_sheet_leg_of(sheet, leg->job, (uint32_t)(leg - leg->job->run->legs))
                : NULL;
        if (of)
            of->row.seen =
                perp_max(0, perp_quantity_sum(of->row.seen, -take_from(&extra, of->row.seen)));
    }
}

/* What a report takes of lots is naked, where it counts; their lots don't show it any more. */
static void set_apart(struct perp_sheet *sheet, perp_instrument_id instrument, double apart,
                      double sizes) {
    struct perp_sheet_base *base =
        sizes > 0 ? perp_sheet_base_of(sheet, perp_instrument_at(sheet->core, instrument)->base)
                  : NULL;
    if (base)
        perp_base_count(&base->row, 0, apart, sizes);
}

/* What vanished is taken from what is no job's, then from lots, oldest first; what of it closed
   lots, with its sign. They are owed it, as far as it is drift. */
static double take_out(struct perp_sheet *sheet, struct perp_sheet_position *position,
                       double foreign, double rest, double drift) {
    double sign = rest > 0 ? 1 : -1, left = fabs(rest), lost = 0, apart = 0, sizes = 0;
    double owed = fabs(drift);
    if (foreign != 0 && (foreign > 0) != (rest > 0))
        left = perp_max(0, perp_quantity_sum(left, -perp_min(left, fabs(foreign))));
    for (uint32_t i = 0; i < position->n_lots && left > 0;) {
        double size = fabs(position->lots[i].quantity);
        if ((position->lots[i].quantity > 0) == (sign > 0)) {
            i++;
            continue;
        }
        const struct perp_lot lot = position->lots[i];
        double taken = perp_at_most(size, left) ? size : left;
        left = perp_max(0, perp_quantity_sum(left, -taken));
        lost += taken;
        sizes += size;
        if (perp_job_counts_in_full(position->lots[i].owner))
            apart += taken;
        bool gone = perp_sheet_shrink_lot(sheet, position, i, taken);
        perp_usd freed = lot.used - (gone ? 0 : position->lots[i].used);
        double back = take_from(&owed, taken);
        perp_sheet_owe(sheet, position, &lot, back, perp_share_of(freed, back, taken));
        i += !gone;
    }
    set_apart(sheet, position->instrument, -sign * apart, sizes);
    return sign * lost;
}

static bool would_close_lots(const struct perp_sheet_position *position, double foreign,
                             double rest) {
    if (!position->n_lots || (position->lots[0].quantity > 0) == (rest > 0))
        return false;
    double theirs = foreign != 0 && (foreign > 0) != (rest > 0) ? fabs(foreign) : 0;
    return !perp_at_most(fabs(rest), theirs);
}

/* Whether a report waits for a second one that says the same. */
static bool put_aside(struct perp_sheet *sheet, struct perp_sheet_position *position,
                      const struct perp_report *report, double rest) {
    struct perp_position_row *row = &position->row;
    if (!perp_above_drift_tolerance(sheet->core, rest, report->price) ||
        !would_close_lots(position, perp_sheet_foreign(sheet, position), rest))
        return false;
    double off = perp_quantity_sum(rest, -row->aside_rest);
    if (row->aside && !perp_above_drift_tolerance(sheet->core, off, report->price))
        return false;
    row->aside = true;
    row->aside_rest = rest;
    return true;
}

/* What of the rest a resolve had announced; the rest that is drift. */
static double take_expected(struct perp_sheet *sheet, perp_instrument_id instrument, double rest) {
    struct perp_sheet_base *base =
        perp_sheet_base_of(sheet, perp_instrument_at(sheet->core, instrument)->base);
    if (!base || rest == 0 || base->row.expected == 0 || (base->row.expected > 0) != (rest > 0))
        return rest;
    double taken = take_from(&rest, fabs(base->row.expected));
    base->row.expected =
        perp_quantity_sum(base->row.expected, base->row.expected > 0 ? -taken : taken);
    return rest;
}

static void set_entry(struct perp_position_row *row, double quantity,
                      const struct perp_report *report) {
    bool turned = row->quantity != 0 && (row->quantity > 0) != (quantity > 0);
    if (quantity == 0)
        row->entry = 0;
    else if (report->entry > 0)
        row->entry = report->entry;
    else if (turned || !(row->entry > 0))
        row->entry = report->mark;
    row->quantity = quantity;
}

/* What no leg explains of a report that is taken: out of the book, and drift but for what was
   expected. */
static void settle_rest(struct perp_sheet *sheet, struct perp_sheet_position *position,
                        const struct perp_report *report, double foreign, double rest, bool over) {
    struct perp_position_row *row = &position->row;
    double drift = take_expected(sheet, position->instrument, rest);
    double lost = take_out(sheet, position, foreign, rest, over ? 0 : drift);
    if (over)
        return;
    row->unexplained = perp_quantity_sum(row->unexplained, drift);
    row->lost = perp_quantity_sum(row->lost, fabs(lost) > fabs(drift) ? drift : lost);
    perp_position_explain(sheet->core, row, 0, report->price);
}

void perp_sheet_report(struct perp_sheet *sheet, const struct perp_report *report,
                       int64_t time_ns) {
    struct perp_sheet_position *position = perp_sheet_position_of(sheet, report->instrument);
    if (!position)
        return;
    struct perp_position_row *row = &position->row;
    struct comparison found = compare(sheet, position, report, time_ns);
    int64_t taken = time_ns;
    bool first = !row->reported && !row->traded;
    if (!first && perp_above_drift_tolerance(sheet->core, found.unexplained, report->price))
        taken = time_taken(sheet, position, report, time_ns, &found);
    double rest = 0;
    {
        /* What legs explain of it; the rest, with what was expected still in it. */
        rest = found.extra;
        uint32_t side = rest > 0 ? PERP_SIDE_BUY : PERP_SIDE_SELL;
        if (rest != 0)
            take_from(&rest, room_of(sheet->core, sheet, report->instrument, side));
        if (rest != 0)
            take_from(&rest, seen_of(sheet->core, sheet, report->instrument,
                                     side == PERP_SIDE_BUY ? PERP_SIDE_SELL : PERP_SIDE_BUY));
    }
    if (!first && put_aside(sheet, position, report, found.unexplained))
        return;
    double foreign = perp_sheet_foreign(sheet, position);
    share_seen(sheet, report->instrument, found.extra);
    settle_rest(sheet, position, report, foreign, rest, first);
    perp_sheet_give_back(sheet, position);
    set_entry(row, perp_quantity_sum(report->quantity, found.later), report);
    row->aside = false;
    row->aside_rest = 0;
    row->reported = true;
    row->report_time = time_ns;
    row->report_quantity = report->quantity;
    row->leverage = report->leverage;
    row->margin_mode = report->margin_mode;
    row->liquidation_price = report->liquidation_price;
    position->reported = true;
    position->taken = taken;
}

void perp_sheet_accept(struct perp_sheet *sheet, perp_instrument_id instrument) {
    struct perp_sheet_position *position = perp_sheet_position_of(sheet, instrument);
    struct perp_sheet_base *base =
        perp_sheet_base_of(sheet, perp_instrument_at(sheet->core, instrument)->base);
    if (!position || !base)
        return;
    if (position->row.latched)
        perp_base_count(&base->row, position->row.lost, position->row.lost, 0);
    position->row.unexplained = position->row.lost = 0;
    position->row.latched = false;
    perp_sheet_forget_owed(position, NULL);
}

/* Whether something was heard lately enough; `until` is lowered to the last moment at which it is
   so. */
static bool heard_within(int64_t heard, int64_t age, int64_t now, int64_t *until) {
    if (heard == PERP_TIME_NONE || perp_ns_since(heard, now) > age)
        return false;
    perp_lower(until, perp_ns_after(heard, age));
    return true;
}

bool perp_position_heard(const perp_core *core, perp_instrument_id instrument, int64_t now,
                         int64_t *until) {
    const struct perp_position_entry *entry = &core->positions->at[instrument];
    int64_t age = core->config.risk.account_max_age_ms * PERP_NS_PER_MS;
    return !entry->aside && (age == 0 || heard_within(entry->heard, age, now, until));
}

bool perp_account_heard(const perp_core *core, perp_exchange_id exchange, int64_t now,
                        int64_t *until) {
    int64_t age = core->config.risk.account_max_age_ms * PERP_NS_PER_MS;
    return !core->capital->accounts[exchange].has_aside &&
           (age == 0 || heard_within(core->positions->equity_heard[exchange], age, now, until));
}

bool perp_position_known(const perp_core *core, perp_instrument_id instrument, int64_t now) {
    perp_exchange_id exchange = perp_instrument_at(core, instrument)->spec.exchange;
    int64_t until = INT64_MAX;
    return perp_position_heard(core, instrument, now, &until) &&
           perp_account_heard(core, exchange, now, &until);
}
