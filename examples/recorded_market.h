/* Recorded markets, read from the CSV files of a data directory. docs/demo.md says which files, and
   what was recorded. */
#ifndef RECORDED_MARKET_H
#define RECORDED_MARKET_H

#include "replay_feed.h"

/* Two exchanges for a day at one quote a minute, and three markets of one exchange for 345 s. */
enum recorded_part { RECORDED_TWO_EXCHANGES, RECORDED_ONE_VENUE, RECORDED_PARTS };

typedef struct recorded_market recorded_market;

/* NULL: message (of size bytes) says which file and line. */
recorded_market *recorded_market_new(uint32_t part, const char *directory, char *message,
                                     size_t size);
void recorded_market_free(recorded_market *market);

/* Adds the exchanges and instruments to a core that has none, or these. */
perp_status recorded_market_register(recorded_market *market, perp_core *core);

/* The feed lives as long as the market. */
void recorded_market_feed(recorded_market *market, struct feed *out);

#endif
