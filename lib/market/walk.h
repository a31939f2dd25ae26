/* Taking a quantity from the levels of one side of a book, best first. */
#ifndef PERP_MARKET_WALK_H
#define PERP_MARKET_WALK_H

#include <stdbool.h>

struct perp_walked {
    double best;   /* price of the first level */
    double left;   /* quantity that is still to be taken */
    double filled; /* what was taken */
    double excess; /* sum of (price − best) × taken: a walk that ends in the first level has exactly
                      its price */
    double worst; /* price of the last level that something was taken from */
};

static inline void perp_walk_start(struct perp_walked *walked, double best, double quantity) {
    walked->best = best;
    walked->left = quantity;
    walked->filled = 0;
    walked->excess = 0;
    walked->worst = best;
}

/* Takes what the next level has; true where nothing is left to be taken. */
static inline bool perp_walk_level(struct perp_walked *walked, double price, double size) {
    double taken = size < walked->left ? size : walked->left;
    if (taken > 0) {
        walked->excess += (price - walked->best) * taken;
        walked->filled += taken;
        walked->worst = price;
        walked->left -= taken;
    }
    return walked->left <= 0;
}

#endif
