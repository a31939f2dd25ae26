/* The words in which the calls of the full book are written. */
#ifndef FAULT_FULL_WORDS_H
#define FAULT_FULL_WORDS_H

#include "full.h"
#include "vfs_shim.h"

#define SECOND INT64_C(1000000000)
#define START (INT64_C(1760000000) * SECOND)
#define USD(x) ((x)*PERP_USD)

enum { A, B, C, D };

#define CORE (f->core)
#define CAPITAL perp_core_capital(f->core)
#define MARKET perp_core_market(f->core)
#define POSITIONS perp_core_positions(f->core)
#define RISK perp_core_risk(f->core)
#define SCHEDULER perp_core_scheduler(f->core)
#define ORDERS perp_core_orders(f->core)
#define CALL full_at(f, 0)
#define SIGNED full_at(f, 1)
#define ID(n) full_id(n)
#define REPAIR full_repair(f)

/* Valid until the next one. */
const perp_call *full_at(const struct full *f, int is_signed);
const perp_uuid *full_id(uint8_t n);
const perp_uuid *full_repair(const struct full *f);

extern const perp_market_source full_source;
perp_quote full_quote(perp_instrument_id instrument, int64_t now_ns);
/* Fresh market data of every kind. */
void full_feed(struct full *f);
perp_job full_job(uint8_t n, perp_instrument_id buy, perp_instrument_id sell);

perp_status full_rule(struct full *f, const char *name);
perp_status full_exchange(struct full *f, const char *name, const char *venue);
perp_status full_instrument(struct full *f, perp_exchange_id exchange, const char *symbol,
                            uint32_t kind, const char *contract, uint32_t pulled);
perp_status full_reserve(struct full *f, uint32_t pool, const perp_uuid *key);
perp_status full_submit(struct full *f, uint8_t n, perp_instrument_id buy, perp_instrument_id sell);
perp_status full_submit_exit(struct full *f, uint8_t n, uint8_t of);
perp_status full_finish(struct full *f, uint8_t n, uint32_t status, double bought, double sold);
perp_status full_progress(struct full *f, uint8_t n, double bought, double sold);
perp_status full_place(struct full *f, uint8_t job, uint32_t leg, double quantity);
perp_status full_hear(struct full *f, uint64_t order, uint32_t kind, const char *fill,
                      double quantity);
perp_status full_position(struct full *f, perp_instrument_id instrument, double quantity);
perp_status full_fill_of_ours(struct full *f, uint8_t key, perp_instrument_id instrument);
perp_status full_account(struct full *f, perp_exchange_id exchange);
perp_status full_limits(struct full *f);
perp_status full_reconfigure(struct full *f);
perp_status full_update_exchange(struct full *f, double fee);
perp_status full_update_instrument(struct full *f, double step);

#endif
