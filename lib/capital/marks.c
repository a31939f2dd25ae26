/* Marks of an account and of the book: high water, the start of the day, the peak, and what money
   that was moved does to them. */
#include "capital/capital.h"

#include "util/num.h"

void perp_capital_loss(const perp_capital *capital, struct perp_loss *loss) {
    perp_usd booked = capital->booked, starts = capital->starts;
    perp_usd shown = starts - capital->equity;
    perp_usd scaled_booked = booked + capital->booked_apart;
    loss->booked = booked;
    loss->starts = starts;
    loss->scaled_start = starts + capital->start_apart;
    loss->usd = booked > shown ? booked : shown;
    shown += capital->start_apart;
    loss->scaled = scaled_booked > shown ? scaled_booked : shown;
}

bool perp_capital_reports_apart(const perp_core *core, perp_exchange_id exchange, perp_usd equity) {
    const struct perp_account *account = &core->capital->accounts[exchange];
    uint32_t ppm = core->config.capital.max_equity_jump_ppm;
    if (!account->has_equity || ppm == 0 ||
        (account->has_aside && !perp_usd_apart(equity, account->aside, PERP_CONFIRMS_PPM)))
        return false;
    return perp_usd_apart(equity, account->equity, ppm);
}

static perp_usd larger(perp_usd a, perp_usd b) {
    return a > b ? a : b;
}

/* A mark that keeps its ratio to the equity where both are above 0, and moves with it elsewhere. */
static bool move_mark(perp_usd mark, perp_usd before, perp_usd after, perp_usd amount,
                      perp_usd *out) {
    if (before > 0 && after > 0)
        return perp_usd_scale(mark, after, before, out);
    return perp_usd_add(mark, amount, out);
}

/* The marks of the whole book, when money came to it or left it; equity: the total before. */
static bool move_totals(const perp_capital *capital, perp_usd equity, perp_usd amount,
                        struct perp_marks *marks) {
    struct perp_loss loss;
    perp_capital_loss(capital, &loss);
    perp_usd after = equity + amount, booked = loss.booked + capital->booked_apart;
    bool both = equity > 0 && after > 0;
    if (!move_mark(marks->peak, equity, after, amount, &marks->peak) ||
        !move_mark(loss.scaled_start, equity, after, amount, &marks->scaled_start) ||
        (both && !perp_usd_scale(booked, after, equity, &booked)))
        return false;
    marks->scaled_booked = booked;
    marks->peak = larger(marks->peak, after);
    return true;
}

static bool marks_fit(const struct perp_marks *marks) {
    const perp_usd most = PERP_MOST_USD, sum = PERP_MOST_SUM / 2;
    return marks->equity <= most && marks->equity >= -most && marks->high_water <= most &&
           marks->high_water >= -most && marks->day_start <= most && marks->day_start >= -most &&
           marks->peak <= sum && marks->peak >= -sum && marks->scaled_start <= sum &&
           marks->scaled_start >= -sum && marks->scaled_booked <= sum &&
           marks->scaled_booked >= -sum;
}

bool perp_capital_explains(const perp_capital *capital, perp_exchange_id exchange,
                           perp_usd amount) {
    const struct perp_account *account = &capital->accounts[exchange];
    perp_usd sum;
    return account->has_aside && perp_usd_add(account->equity, amount, &sum) &&
           !perp_usd_apart(sum, account->aside, PERP_CONFIRMS_PPM);
}

bool perp_capital_moved(const perp_capital *capital, perp_exchange_id exchange, perp_usd amount,
                        bool in_equity, struct perp_marks *marks) {
    const struct perp_account *account = &capital->accounts[exchange];
    if (amount > 2 * PERP_MOST_USD || amount < -2 * PERP_MOST_USD)
        return false;
    bool explains = perp_capital_explains(capital, exchange, amount);
    bool undo = in_equity && !explains && account->can_undo;
    marks->equity = explains    ? account->aside
                    : in_equity ? account->equity
                                : account->equity + amount;
    marks->high_water = undo ? account->high_before : account->high_water;
    marks->peak = undo ? account->peak_before : capital->peak;
    perp_usd before = marks->equity - amount;
    perp_usd total = capital->equity - account->equity + before;
    if (marks->equity < 0 && before >= 0)
        return false;
    if (!move_mark(marks->high_water, before, marks->equity, amount, &marks->high_water) ||
        !perp_usd_add(account->day_start, amount, &marks->day_start) ||
        !move_totals(capital, total, amount, marks))
        return false;
    marks->high_water = larger(marks->high_water, marks->equity);
    return marks_fit(marks);
}

bool perp_capital_first(const perp_capital *capital, perp_exchange_id exchange, perp_usd equity,
                        struct perp_marks *marks) {
    const struct perp_account *account = &capital->accounts[exchange];
    marks->equity = equity;
    marks->high_water = larger(account->high_water, equity);
    marks->day_start = equity;
    marks->peak = capital->peak;
    return move_totals(capital, capital->equity, equity - account->equity, marks) &&
           marks_fit(marks);
}

static void set_day_start(perp_capital *capital, struct perp_account *account, perp_usd day_start) {
    capital->starts += day_start - account->day_start;
    account->day_start = day_start;
}

void perp_capital_set_marks(perp_core *core, perp_exchange_id exchange,
                            const struct perp_marks *marks) {
    perp_capital *capital = core->capital;
    struct perp_account *account = &capital->accounts[exchange];
    perp_capital_set_equity(capital, exchange, marks->equity);
    account->high_water = marks->high_water;
    set_day_start(capital, account, marks->day_start);
    capital->peak = marks->peak;
    struct perp_loss loss;
    perp_capital_loss(capital, &loss);
    capital->start_apart = marks->scaled_start - loss.starts;
    capital->booked_apart = marks->scaled_booked - loss.booked;
}

void perp_capital_take(perp_core *core, perp_exchange_id exchange, perp_usd equity) {
    perp_capital *capital = core->capital;
    struct perp_account *account = &capital->accounts[exchange];
    account->can_undo = true;
    account->high_before = account->high_water;
    account->peak_before = capital->peak;
    perp_capital_set_equity(capital, exchange, equity);
    account->high_water = larger(account->high_water, equity);
    capital->peak = larger(capital->peak, capital->equity);
}

void perp_capital_corrected(perp_core *core, perp_exchange_id exchange, perp_usd day_start,
                            const perp_usd *high_water) {
    perp_capital *capital = core->capital;
    struct perp_account *account = &capital->accounts[exchange];
    set_day_start(capital, account, day_start);
    account->high_water = high_water ? *high_water : larger(account->equity, day_start);
    account->can_undo = false;
    account->last_update = perp_clock(core);
    capital->start_apart = 0;
    capital->booked_apart = 0;
    struct perp_loss loss;
    perp_capital_loss(capital, &loss);
    capital->peak = larger(capital->equity, loss.starts);
}
