/* A generated market: 8 exchanges × 8 perpetuals whose prices wander together, with jumps,
   dislocations of one exchange against the others, outages, slow periods and funding. Everything
   follows from the seed. */
#ifndef SIM_MARKET_H
#define SIM_MARKET_H

#include "replay_feed.h"

#define SIM_EXCHANGES 8
#define SIM_SYMBOLS 8

typedef struct sim_market sim_market;

/* start_ns: a full hour. NULL: no memory. */
sim_market *sim_market_new(uint64_t seed, int64_t start_ns, int64_t end_ns);
void sim_market_free(sim_market *market);

/* Adds the exchanges and instruments to a core that has none, or these. */
perp_status sim_market_register(sim_market *market, perp_core *core);

/* The feed lives as long as the market. */
void sim_market_feed(sim_market *market, struct feed *out);

#endif
