/* Who meets whom, and what it does to the account. */
#include <stdlib.h>

#include "fx.h"

#define AT_TOUCH 0.15 /* that somebody comes, in a step */

static int64_t value_of(const struct fx_market *market, int64_t quantity, int64_t price) {
    return quantity * price * market->spec.scale;
}

/* The side of the book that an order takes from. */
static const struct fx_level *other_side(const struct fx_market *market, enum fx_side side) {
    return market->levels[side == FX_BUY ? 1 : 0];
}

const struct fx_level *fx_best(const struct fx_level levels[FX_LEVELS]) {
    int i = 0;
    while (i < FX_LEVELS - 1 && levels[i].quantity == 0)
        i++;
    return &levels[i];
}

static bool reaches(enum fx_side side, int64_t limit, int64_t price) {
    return limit == 0 || (side == FX_BUY ? price <= limit : price >= limit);
}

int64_t fx_available(const struct fx_market *market, enum fx_side side, int64_t price) {
    const struct fx_level *levels = other_side(market, side);
    int64_t sum = 0;
    for (int i = 0; i < FX_LEVELS && reaches(side, price, levels[i].price); i++)
        sum += levels[i].quantity;
    return sum;
}

bool fx_would_cross(const struct fx_market *market, enum fx_side side, int64_t price) {
    const struct fx_level *level = fx_best(other_side(market, side));
    return level->quantity > 0 && reaches(side, price, level->price);
}

int64_t fx_fillable(const struct fx_venue *venue, const struct fx_order *order) {
    int64_t left = order->quantity - order->filled;
    int64_t against = -venue->markets[order->instrument].position * (int64_t)order->side;
    if (order->reduce_only && left > against)
        left = against < 0 ? 0 : against;
    return left;
}

int64_t fx_unrealized(const struct fx_market *market) {
    return value_of(market, market->position, fx_mark(market)) - market->cost;
}

int64_t fx_margin_used(const struct fx_venue *venue) {
    int64_t sum = 0;
    for (int i = 0; i < FX_INSTRUMENTS; i++) {
        const struct fx_market *market = &venue->markets[i];
        sum += llabs(value_of(market, market->position, fx_mark(market))) / market->leverage;
    }
    return sum;
}

/* Changes the position; what it realises. */
static int64_t change(struct fx_market *market, int64_t quantity, int64_t price) {
    int64_t pnl = 0, position = market->position;
    if ((position > 0 && quantity < 0) || (position < 0 && quantity > 0)) {
        int64_t closed = llabs(quantity) > llabs(position) ? -position : quantity;
        int64_t cost = fx_share(market->cost, -closed, position);
        pnl = -value_of(market, closed, price) - cost;
        market->cost -= cost;
        market->position += closed;
        quantity -= closed;
    }
    market->position += quantity;
    market->cost += value_of(market, quantity, price);
    return pnl;
}

static struct fx_trade *add_trade(struct fx_venue *venue, struct fx_order *order) {
    if (venue->n_trades == venue->room_trades) {
        venue->room_trades = venue->room_trades == 0 ? 1024 : 2 * venue->room_trades;
        venue->trades = fx_memory(venue->trades, venue->room_trades * sizeof *venue->trades);
    }
    struct fx_trade *trade = &venue->trades[venue->n_trades++];
    *trade = (struct fx_trade){.id = (int64_t)venue->n_trades, .order = order};
    if (order->last_trade != 0)
        venue->trades[order->last_trade - 1].next = trade->id;
    else
        order->first_trade = trade->id;
    order->last_trade = trade->id;
    return trade;
}

void fx_fill(struct fx_venue *venue, struct fx_order *order, int64_t quantity, int64_t price,
             bool is_maker) {
    struct fx_market *market = &venue->markets[order->instrument];
    int64_t value = value_of(market, quantity, price);
    struct fx_trade *trade = add_trade(venue, order);
    trade->quantity = quantity;
    trade->price = price;
    trade->is_maker = is_maker;
    trade->time_ms = fx_now_ms(venue);
    trade->fee =
        fx_share(value, is_maker ? market->spec.maker_ppm : market->spec.taker_ppm, 1000000);
    trade->pnl = change(market, (int64_t)order->side * quantity, price);
    venue->wallet += trade->pnl - trade->fee;
    order->filled += quantity;
    order->quote += value;
    order->update_ms = trade->time_ms;
    if (!fx_is_open(order))
        order->is_late = true;
    else if (order->filled == order->quantity)
        fx_order_end(venue, order, FX_FILLED);
    else
        order->status = FX_PARTIALLY_FILLED;
    fx_tell_order(venue, order, "TRADE", trade);
    fx_tell_account(venue, market);
}

/* Takes of one side of the book what reaches the order's price; at its own price, where it rests.
 */
static void sweep(struct fx_venue *venue, struct fx_order *order, int64_t most, bool is_maker) {
    struct fx_market *market = &venue->markets[order->instrument];
    struct fx_level *levels = market->levels[order->side == FX_BUY ? 1 : 0];
    for (int i = 0; i < FX_LEVELS && most > 0; i++) {
        if (!reaches(order->side, order->price, levels[i].price))
            return;
        int64_t quantity = levels[i].quantity < most ? levels[i].quantity : most;
        if (quantity == 0)
            continue;
        levels[i].quantity -= quantity;
        most -= quantity;
        fx_fill(venue, order, quantity, is_maker ? order->price : levels[i].price, is_maker);
    }
}

void fx_take(struct fx_venue *venue, struct fx_order *order, int64_t most) {
    sweep(venue, order, most, false);
}

static void match_one(struct fx_venue *venue, struct fx_order *order, bool at_touch) {
    const struct fx_market *market = &venue->markets[order->instrument];
    int64_t left = fx_fillable(venue, order);
    int64_t touch = market->levels[order->side == FX_BUY ? 0 : 1][0].price;
    if (left == 0) {
        fx_order_end(venue, order, FX_EXPIRED);
        fx_tell_order(venue, order, "EXPIRED", NULL);
    } else if (fx_would_cross(market, order->side, order->price)) {
        sweep(venue, order, left, true);
    } else if (at_touch && reaches(order->side, order->price, touch) &&
               sim_random_chance(&venue->walk, AT_TOUCH)) {
        int64_t steps = left / market->spec.step;
        int64_t part = 1 + (int64_t)(sim_random_unit(&venue->walk) * (double)steps);
        part = part * market->spec.step;
        fx_fill(venue, order, part < left ? part : left, order->price, true);
    }
}

void fx_match(struct fx_venue *venue, bool at_touch) {
    struct fx_order *next;
    if (venue->is_stopped)
        return;
    for (struct fx_order *order = venue->first_open; order != NULL; order = next) {
        next = order->next;
        match_one(venue, order, at_touch);
    }
}
