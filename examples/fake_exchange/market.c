/* A market that moves: one walk for each base, which each venue follows at a distance of its own
   that opens and closes, and books around it. */
#include <math.h>
#include <string.h>

#include "fx.h"

#define WALK 0.00008       /* of a step */
#define HOME 0.0001        /* of the way back to where the walk began */
#define BASIS_BPS 0.6      /* of a step */
#define BASIS_CLOSES 0.002 /* of the difference, in a step */
#define HALF_SPREAD 0.00005
#define GAP 0.0001 /* between levels */
#define LEVEL_USD 20000

static const struct fx_spec even[FX_INSTRUMENTS] = {
    {"BTCUSDT", "BTC", 60000, 1, 3, 1, 1, 1000000, 100000000, 100, 200, 500},
    {"ETHUSDT", "ETH", 3000, 2, 3, 1, 1, 10000000, 100000000, 10, 200, 500},
    {"SOLUSDT", "SOL", 150, 2, 1, 1, 1, 1000000, 10000000, 1000, 200, 500},
    {"DOGEUSDT", "DOGE", 0.15, 5, 0, 1, 1, 10000000, 10000000, 10, 200, 500}};
static const struct fx_spec odd[FX_INSTRUMENTS] = {
    {"BTCUSDT", "BTC", 60000, 1, 3, 5, 1, 1000000, 100000000, 100, 100, 600},
    {"ETHUSDT", "ETH", 3000, 2, 3, 5, 10, 10000000, 100000000, 10, 100, 600},
    {"SOLUSDT", "SOL", 150, 2, 1, 1, 10, 1000000, 10000000, 1000, 100, 600},
    {"DOGEUSDT", "DOGE", 0.15, 5, 0, 1, 10, 10000000, 10000000, 10, 100, 600}};

void fx_specs(struct fx_venue *venue, bool is_odd) {
    for (int i = 0; i < FX_INSTRUMENTS; i++)
        venue->markets[i].spec = is_odd ? odd[i] : even[i];
}

static double units(const struct fx_spec *spec) {
    static const double powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    return powers[spec->price_digits];
}

int64_t fx_mark(const struct fx_market *market) {
    return (int64_t)(market->mid * units(&market->spec) + 0.5);
}

/* Ten levels of about LEVEL_USD each, of half to one and a half of it. */
static void renew(struct fx_venue *venue, struct fx_market *market) {
    const struct fx_spec *spec = &market->spec;
    double ticks = units(spec) / (double)spec->tick;
    int64_t bid = (int64_t)floor(market->mid * (1 - HALF_SPREAD) * ticks);
    int64_t ask = (int64_t)ceil(market->mid * (1 + HALF_SPREAD) * ticks);
    int64_t gap = (int64_t)(market->mid * GAP * ticks);
    double in_steps =
        LEVEL_USD * 1e6 / ((double)fx_mark(market) * (double)spec->scale) / (double)spec->step;
    ask = ask <= bid ? bid + 1 : ask;
    gap = gap < 1 ? 1 : gap;
    for (int i = 0; i < FX_LEVELS; i++)
        for (int side = 0; side < 2; side++) {
            struct fx_level *level = &market->levels[side][i];
            level->price = (side == 0 ? bid - i * gap : ask + i * gap) * spec->tick;
            level->quantity =
                (1 + (int64_t)(in_steps * sim_random_between(&venue->walk, 0.5, 1.5))) * spec->step;
        }
    market->update_id++;
}

void fx_books_renew(struct fx_venue *venue) {
    for (int i = 0; i < FX_INSTRUMENTS; i++) {
        struct fx_market *market = &venue->markets[i];
        market->mid = venue->exchange->walks[i] * (1 + market->basis_bps * 1e-4) * market->shift;
        renew(venue, market);
    }
}

static void venue_step(struct fx_venue *venue) {
    if (venue->is_stopped)
        return;
    for (int i = 0; i < FX_INSTRUMENTS; i++)
        venue->markets[i].basis_bps += BASIS_BPS * sim_random_normal(&venue->walk) -
                                       BASIS_CLOSES * venue->markets[i].basis_bps;
    fx_books_renew(venue);
    fx_match(venue, true);
    if (fx_chance(venue, FX_down) && !fx_is_down(venue))
        fx_down(venue, fx_some_us(venue, FX_down_ms));
    fx_stream_market(venue);
}

void fx_market_step(struct fx_exchange *exchange) {
    for (int i = 0; i < FX_INSTRUMENTS; i++) {
        double home = exchange->venues[0].markets[i].spec.price;
        exchange->walks[i] *= 1 + WALK * sim_random_normal(&exchange->walk);
        exchange->walks[i] += HOME * (home - exchange->walks[i]);
    }
    for (int i = 0; i < exchange->n_venues; i++)
        venue_step(&exchange->venues[i]);
}
