/* A small seeded generator: the same seed gives the same numbers on every machine and compiler, for
   it uses integers and exactly rounded arithmetic only. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdint.h>

typedef struct sim_random {
    uint64_t state;
} sim_random;

/* Different streams of one seed are independent, so that the market stays as it is when the host
   makes other decisions. */
static inline void sim_random_seed(sim_random *random, uint64_t seed, uint64_t stream) {
    random->state = seed * UINT64_C(0x9E3779B97F4A7C15) ^ stream * UINT64_C(0xD1B54A32D192ED03);
    if (random->state == 0)
        random->state = 1;
}

/* xorshift64*, whose multiplication hides the weak low bits. */
static inline uint64_t sim_random_next(sim_random *random) {
    uint64_t x = random->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    random->state = x;
    return x * UINT64_C(0x2545F4914F6CDD1D);
}

/* In [0, 1). */
static inline double sim_random_unit(sim_random *random) {
    return (double)(sim_random_next(random) >> 11) * 0x1p-53;
}

static inline double sim_random_between(sim_random *random, double low, double high) {
    return low + (high - low) * sim_random_unit(random);
}

static inline int sim_random_chance(sim_random *random, double probability) {
    return sim_random_unit(random) < probability;
}

static inline uint32_t sim_random_below(sim_random *random, uint32_t bound) {
    return (uint32_t)(sim_random_unit(random) * bound);
}

/* Nearly normal, mean 0, deviation 1: the sum of four uniform numbers, scaled. It has no far tails;
   jumps are drawn apart. */
static inline double sim_random_normal(sim_random *random) {
    uint64_t bits = sim_random_next(random);
    double sum = (double)(bits & 0xFFFF) + (double)(bits >> 16 & 0xFFFF) +
                 (double)(bits >> 32 & 0xFFFF) + (double)(bits >> 48);
    return (sum * 0x1p-16 - 2.0) * 1.7320508075688772;
}

#endif
