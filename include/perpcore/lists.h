/* The closed lists of the library: every name is written here once, and the enums, the texts in
   JSON, the tables of the store and the documentation are made from it. X(IDENTIFIER, "text") or
   more columns. */
#ifndef PERPCORE_LISTS_H
#define PERPCORE_LISTS_H

/* X(NAME, value): the results of calls. Values are never renumbered. */
#define PERP_STATUS_LIST(X)                                                                        \
    X(PERP_OK, 0)                                                                                  \
    X(PERP_E_INVALID, -1)                                                                          \
    X(PERP_E_RANGE, -2)                                                                            \
    X(PERP_E_NOT_FOUND, -3)                                                                        \
    X(PERP_E_EXISTS, -4)                                                                           \
    X(PERP_E_CONFLICT, -5)                                                                         \
    X(PERP_E_STATE, -6)                                                                            \
    X(PERP_E_STALE, -7)                                                                            \
    X(PERP_E_CONFIG, -8)                                                                           \
    X(PERP_E_NOMEM, -9)                                                                            \
    X(PERP_E_STORE, -10)                                                                           \
    X(PERP_E_BUSY, -11)                                                                            \
    X(PERP_E_CORRUPT, -12)

/* S1 hedged turnover between exchanges (the name is historical: it is never wash trading), S2
   arbitrage, S3 rescue. */
#define PERP_POOL_LIST(X) X(WASH, "wash") X(ARB, "arb") X(RESERVE, "reserve")

#define PERP_STRATEGY_LIST(X) X(WASH, "wash") X(ARB, "arb") X(HEDGE_REBALANCE, "hedge_rebalance")

#define PERP_SIDE_LIST(X) X(BUY, "buy") X(SELL, "sell")

#define PERP_MODE_LIST(X)                                                                          \
    X(CONSERVATIVE, "conservative") X(BALANCED, "balanced") X(AGGRESSIVE, "aggressive")

#define PERP_KIND_LIST(X) X(PERP, "perp") X(SPOT, "spot") X(FUTURE, "future")

#define PERP_MARGIN_LIST(X) X(ISOLATED, "isolated") X(CROSS, "cross")

#define PERP_CASH_LIST(X)                                                                          \
    X(FUNDING, "funding")                                                                          \
    X(INTEREST, "interest")                                                                        \
    X(REBATE, "rebate")                                                                            \
    X(LIQUIDATION, "liquidation")                                                                  \
    X(DELEVERAGING, "deleveraging")                                                                \
    X(OTHER, "other")

#define PERP_API_LIST(X) X(UP, "up") X(DEGRADED, "degraded") X(DOWN, "down")

#define PERP_CIRCUIT_LIST(X) X(CLOSED, "closed") X(OPEN, "open") X(HALF_OPEN, "half_open")

#define PERP_JOB_STATE_LIST(X)                                                                     \
    X(PENDING, "pending")                                                                          \
    X(RUNNING, "running")                                                                          \
    X(IN_DOUBT, "in_doubt")                                                                        \
    X(OPEN, "open")                                                                                \
    X(PARTIAL, "partial")                                                                          \
    X(COMPLETED, "completed")                                                                      \
    X(FAILED, "failed")                                                                            \
    X(REJECTED, "rejected")                                                                        \
    X(EXPIRED, "expired")                                                                          \
    X(CANCELLED, "cancelled")                                                                      \
    X(CLOSED, "closed")

/* The risk rules in their order, one row each. A host that uses the list takes the columns that it
   doesn't need as "...". The columns:
   - name, number, text. A number never changes, whatever the order becomes: a new rule takes the
     lowest below PERP_REASON_RULES_END that is free.
   - scope, what the rule looks at: book, exchange, base, instrument, leg or job.
   - HARD, or SOFT: an override passes it.
   - way out, how a reducing or repair job that fails it fares: PASSES; STOPPED; CIRCUIT, PRICED:
     passes where the value is 1; NEEDS_NONE: a reducing job can't fail it, a repair is stopped.
   - ALWAYS held against a job, or MARKET: not where a leg has no quote.
   - what a value or limit that is not known (NaN) does: FAILS or PASSES.
   - value, what is measured, and its unit ("": 1 where it is so, else 0).
   - sense, which value fails: one ABOVE, AT_LEAST, BELOW, AT_MOST the limit, or one that IS_TRUE.
   - where the limit's setting is: MODE, RISK (RISK_USD: money), SCHEDULER, the daily
     LOSS, or NONE.
   - the setting, which is the limit or what makes it (docs/risk.md), and its unit. */
#define PERP_RULE_LIST(X)                                                                          \
    X(KILLED, 1, "killed", exchange, HARD, STOPPED, ALWAYS, PASSES, "killed", "", IS_TRUE, NONE,   \
      none, "")                                                                                    \
    X(SELF_TRADE, 2, "self_trade", job, HARD, STOPPED, ALWAYS, PASSES, "self_trade", "", IS_TRUE,  \
      NONE, none, "")                                                                              \
    X(BLACKLISTED, 3, "blacklisted", instrument, HARD, PASSES, ALWAYS, PASSES, "blacklisted", "",  \
      IS_TRUE, NONE, none, "")                                                                     \
    X(NOT_ALLOWED, 37, "not_allowed", leg, HARD, PASSES, ALWAYS, PASSES, "not_allowed", "",        \
      IS_TRUE, NONE, none, "")                                                                     \
    X(UNRESOLVED_LEG, 4, "unresolved_leg", base, HARD, PASSES, ALWAYS, PASSES, "naked", "",        \
      IS_TRUE, NONE, none, "")                                                                     \
    X(POSITION_DRIFT, 26, "position_drift", base, HARD, PASSES, ALWAYS, PASSES, "drifting",        \
      "instruments", ABOVE, NONE, none, "")                                                        \
    X(EXCHANGE_DOWN, 5, "exchange_down", exchange, HARD, CIRCUIT, ALWAYS, PASSES, "outage",        \
      "level", ABOVE, NONE, none, "")                                                              \
    X(NO_ACCOUNT_DATA, 27, "no_account_data", leg, HARD, PASSES, ALWAYS, FAILS, "unknown", "",     \
      IS_TRUE, NONE, none, "")                                                                     \
    X(NO_MARKET_DATA, 6, "no_market_data", instrument, HARD, PRICED, ALWAYS, FAILS, "no_quote",    \
      "", IS_TRUE, NONE, none, "")                                                                 \
    X(STALE_QUOTE, 7, "stale_quote", instrument, HARD, PASSES, MARKET, PASSES, "quote_age", "ms",  \
      ABOVE, RISK, max_quote_age_ms, "ms")                                                         \
    X(NOTIONAL_MISMATCH, 8, "notional_mismatch", leg, HARD, PASSES, MARKET, FAILS, "deviation",    \
      "usd", ABOVE, RISK, notional_tolerance, "share")                                             \
    X(EXCHANGE_LIMITS, 28, "exchange_limits", leg, HARD, PASSES, MARKET, FAILS, "refused", "",     \
      IS_TRUE, NONE, none, "")                                                                     \
    X(POSITION_LIMIT, 29, "position_limit", leg, HARD, PASSES, ALWAYS, PASSES, "position", "usd",  \
      ABOVE, NONE, none, "")                                                                       \
    X(DAILY_LOSS, 9, "daily_loss", book, HARD, PASSES, ALWAYS, PASSES, "reached", "", IS_TRUE,     \
      LOSS, daily_loss_limit, "usd")                                                               \
    X(LIQUIDATION_DISTANCE, 10, "liquidation_distance", leg, HARD, PASSES, MARKET, PASSES,         \
      "distance", "share", BELOW, RISK, min_liquidation_distance, "share")                         \
    X(ACCOUNT_LEVERAGE, 30, "account_leverage", leg, HARD, PASSES, MARKET, FAILS, "positions",     \
      "usd", ABOVE, RISK, max_account_leverage, "ratio")                                           \
    X(NO_INVENTORY, 31, "no_inventory", leg, HARD, STOPPED, ALWAYS, FAILS, "quantity", "base",     \
      ABOVE, NONE, none, "")                                                                       \
    X(INSUFFICIENT_CAPITAL, 11, "insufficient_capital", job, HARD, NEEDS_NONE, ALWAYS, FAILS,      \
      "refused", "", IS_TRUE, NONE, none, "")                                                      \
    X(AUTO_HALT, 12, "auto_halt", book, SOFT, PASSES, ALWAYS, PASSES, "halted", "", IS_TRUE, RISK, \
      max_consecutive_failures, "results")                                                         \
    X(STRATEGY_HALT, 35, "strategy_halt", job, SOFT, PASSES, ALWAYS, PASSES, "halted", "",         \
      IS_TRUE, RISK, strategy_failures, "results")                                                 \
    X(UNHEDGED, 36, "unhedged", book, SOFT, PASSES, ALWAYS, PASSES, "unhedged", "usd", ABOVE,      \
      RISK_USD, max_unhedged_usd, "usd")                                                           \
    X(EDGE_TOO_SMALL, 13, "edge_too_small", job, SOFT, PASSES, ALWAYS, PASSES, "edge", "bps",      \
      BELOW, MODE, min_edge_bps, "bps")                                                            \
    X(NOT_REBALANCING, 14, "not_rebalancing", leg, SOFT, PASSES, ALWAYS, FAILS, "net_after",       \
      "base", AT_LEAST, SCHEDULER, hedge_tolerance, "share")                                       \
    X(COST_EXCEEDS_EDGE, 15, "cost_exceeds_edge", job, SOFT, PASSES, MARKET, FAILS, "edge", "bps", \
      BELOW, MODE, max_acceptable_loss_bps, "bps")                                                 \
    X(FUNDING_CARRY, 16, "funding_carry", job, SOFT, PASSES, MARKET, FAILS, "carry", "bps", ABOVE, \
      MODE, max_funding_carry_bps, "bps")                                                          \
    X(FUNDING_BLACKOUT, 17, "funding_blackout", instrument, SOFT, PASSES, MARKET, PASSES,          \
      "settlement_distance", "ns", AT_MOST, RISK, blackout_minutes, "minutes")                     \
    X(DEPEG, 32, "depeg", instrument, SOFT, PASSES, ALWAYS, PASSES, "off_usd", "bps", ABOVE, RISK, \
      max_depeg_bps, "bps")                                                                        \
    X(INSUFFICIENT_DEPTH, 18, "insufficient_depth", leg, SOFT, PASSES, MARKET, PASSES, "quantity", \
      "base", ABOVE, NONE, none, "")                                                               \
    X(SLIPPAGE, 19, "slippage", leg, SOFT, PASSES, MARKET, FAILS, "slippage", "bps", ABOVE, MODE,  \
      max_slippage_bps, "bps")                                                                     \
    X(SPREAD_BLOWOUT, 20, "spread_blowout", instrument, SOFT, PASSES, MARKET, FAILS, "spread",     \
      "bps", ABOVE, MODE, max_spread_ratio, "ratio")                                               \
    X(FAST_MARKET, 21, "fast_market", instrument, SOFT, PASSES, MARKET, PASSES, "volatility",      \
      "share", AT_LEAST, MODE, volatility_threshold, "share")                                      \
    X(LATENCY, 22, "latency", exchange, SOFT, PASSES, ALWAYS, PASSES, "mean", "ms", ABOVE, MODE,   \
      max_latency_ms, "ms")                                                                        \
    X(LEVERAGE, 23, "leverage", leg, SOFT, PASSES, ALWAYS, PASSES, "leverage", "ratio", ABOVE,     \
      MODE, max_leverage, "ratio")                                                                 \
    X(NET_EXPOSURE, 33, "net_exposure", leg, SOFT, PASSES, MARKET, PASSES, "net", "usd", ABOVE,    \
      RISK_USD, max_net_exposure_usd, "usd")                                                       \
    X(GROSS_EXPOSURE, 34, "gross_exposure", leg, SOFT, PASSES, MARKET, PASSES, "gross", "usd",     \
      ABOVE, RISK_USD, max_gross_exposure_usd, "usd")                                              \
    X(DRAWDOWN, 24, "drawdown", book, SOFT, PASSES, ALWAYS, PASSES, "drawdown", "share", ABOVE,    \
      RISK, max_drawdown_pct, "share")                                                             \
    X(LOW_SAFETY, 25, "low_safety", job, SOFT, PASSES, MARKET, FAILS, "safety_score", "points",    \
      BELOW, MODE, min_safety_score, "points")

/* Further reasons: what the capital ledger refuses with, what a tick skips a job for, and why a job
   that was dispatched ended without being sent. Columns:
   name, number (below 64, never changed), text. */
#define PERP_OTHER_REASON_LIST(X)                                                                  \
    X(SAFE_MODE, 40, "safe_mode")                                                                  \
    X(SINGLE_LIMIT, 41, "single_limit")                                                            \
    X(TOTAL_LIMIT, 42, "total_limit")                                                              \
    X(INSUFFICIENT, 43, "insufficient")                                                            \
    X(GLOBAL_CONCURRENCY, 44, "global_concurrency")                                                \
    X(NOT_REDUCING, 45, "not_reducing")                                                            \
    X(EXCHANGE_CONCURRENCY, 46, "exchange_concurrency")                                            \
    X(EXCHANGE_NOTIONAL, 47, "exchange_notional")                                                  \
    X(DISPATCH_RATE, 48, "dispatch_rate")                                                          \
    X(PAUSED, 55, "paused")                                                                        \
    X(STORE_FAILED, 56, "store_failed")                                                            \
    X(HANDOVER_LATE, 57, "handover_late")                                                          \
    X(DECLINED, 58, "declined")                                                                    \
    X(CANCELLED, 59, "cancelled")

/* Rules of the host (perp_risk_add_rule): numbers that no release gives to anything else. A book
   knows them by the names that the host gave (perp_risk_reason_string); the texts stand in where no
   book is at hand. Columns as above. */
#define PERP_HOST_REASON_LIST(X)                                                                   \
    X(HOST_1, 64, "host_1")                                                                        \
    X(HOST_2, 65, "host_2")                                                                        \
    X(HOST_3, 66, "host_3")                                                                        \
    X(HOST_4, 67, "host_4")                                                                        \
    X(HOST_5, 68, "host_5")                                                                        \
    X(HOST_6, 69, "host_6")                                                                        \
    X(HOST_7, 70, "host_7")                                                                        \
    X(HOST_8, 71, "host_8")                                                                        \
    X(HOST_9, 72, "host_9")                                                                        \
    X(HOST_10, 73, "host_10")                                                                      \
    X(HOST_11, 74, "host_11")                                                                      \
    X(HOST_12, 75, "host_12")                                                                      \
    X(HOST_13, 76, "host_13")                                                                      \
    X(HOST_14, 77, "host_14")                                                                      \
    X(HOST_15, 78, "host_15")                                                                      \
    X(HOST_16, 79, "host_16")

/* Which value fails a rule: one above, at least, below, at most its limit; one that is not 0. */
#define PERP_SENSE_LIST(X)                                                                         \
    X(ABOVE, "above")                                                                              \
    X(AT_LEAST, "at_least")                                                                        \
    X(BELOW, "below")                                                                              \
    X(AT_MOST, "at_most")                                                                          \
    X(IS_TRUE, "is_true")

/* The components of the safety score with their default weights. */
#define PERP_COMPONENT_LIST(X)                                                                     \
    X(FUNDING, funding, 0.20)                                                                      \
    X(SPREAD, spread, 0.20)                                                                        \
    X(VOLATILITY, volatility, 0.20)                                                                \
    X(LATENCY, latency, 0.15)                                                                      \
    X(LEVERAGE, leverage, 0.15)                                                                    \
    X(DRAWDOWN, drawdown, 0.05)                                                                    \
    X(FAILURES, failures, 0.05)

/* Limits that a mode presets: name, conservative, balanced, aggressive, smallest, largest. */
#define PERP_MODE_LIMIT_LIST(X)                                                                    \
    X(min_edge_bps, 5, 3, 1.5, -1e4, 1e4)                                                          \
    X(max_acceptable_loss_bps, 1, 2, 3.5, -1e4, 1e4)                                               \
    X(volatility_threshold, 0.004, 0.006, 0.010, 1e-9, 1e3)                                        \
    X(max_latency_ms, 500, 1000, 2000, 1e-3, 1e9)                                                  \
    X(max_funding_carry_bps, 2, 5, 10, 1e-9, 1e6)                                                  \
    X(max_slippage_bps, 5, 10, 20, 1e-9, 1e4)                                                      \
    X(max_spread_ratio, 2, 3, 4, 1e-9, 1e6)                                                        \
    X(max_leverage, 3, 5, 10, 1, 1e3)                                                              \
    X(min_safety_score, 75, 70, 60, 0, 100)                                                        \
    X(safety_weight, 0.8, 0.65, 0.55, 0, 1)                                                        \
    X(volume_weight, 0.2, 0.35, 0.45, 0, 1)

/* Alerts: name, text. */
#define PERP_ALERT_LIST(X)                                                                         \
    X(FEED_SILENT, "feed_silent")                                                                  \
    X(EXCHANGE_DOWN, "exchange_down")                                                              \
    X(CIRCUIT_OPEN, "circuit_open")                                                                \
    X(DELAYED, "delayed")                                                                          \
    X(AUTO_HALT, "auto_halt")                                                                      \
    X(DAILY_LOSS, "daily_loss")                                                                    \
    X(NAKED_BASE, "naked_base")                                                                    \
    X(JOB_OVERDUE, "job_overdue")                                                                  \
    X(JOB_IN_DOUBT, "job_in_doubt")                                                                \
    X(OVERRIDE_ON, "override_on")                                                                  \
    X(SAFE_MODE, "safe_mode")                                                                      \
    X(OVERCOMMITTED, "overcommitted")                                                              \
    X(STORE_FAILED, "store_failed")                                                                \
    X(INFEASIBLE, "infeasible")                                                                    \
    X(POSITION_DRIFT, "position_drift")                                                            \
    X(POSITION_IN_DOUBT, "position_in_doubt")                                                      \
    X(REPAIR_SHORT, "repair_short")                                                                \
    X(CLOCK_AHEAD, "clock_ahead")                                                                  \
    X(UNHEDGED, "unhedged")                                                                        \
    X(STRATEGY_HALT, "strategy_halt")                                                              \
    X(OVERFILLED, "overfilled")                                                                    \
    X(LATE_FILL, "late_fill")                                                                      \
    X(FOREIGN_ORDER, "foreign_order")                                                              \
    X(ORDER_IN_DOUBT, "order_in_doubt")                                                            \
    X(WAL_HELD, "wal_held")

/* Orders: what they are, how long they stand, what became of them (those from FILLED on have
   ended), and what the exchange says of one. */
#define PERP_ORDER_TYPE_LIST(X) X(LIMIT, "limit") X(MARKET, "market")

#define PERP_TIF_LIST(X) X(GTC, "gtc") X(IOC, "ioc") X(FOK, "fok") X(POST_ONLY, "post_only")

#define PERP_ORDER_STATE_LIST(X)                                                                   \
    X(NEW, "new")                                                                                  \
    X(OPEN, "open")                                                                                \
    X(IN_DOUBT, "in_doubt")                                                                        \
    X(FILLED, "filled")                                                                            \
    X(CANCELLED, "cancelled")                                                                      \
    X(EXPIRED, "expired")                                                                          \
    X(DECLINED, "declined")                                                                        \
    X(REJECTED, "rejected")

#define PERP_NEWS_LIST(X)                                                                          \
    X(ACCEPTED, "accepted")                                                                        \
    X(FILL, "fill")                                                                                \
    X(TOTAL, "total")                                                                              \
    X(CANCELLED, "cancelled")                                                                      \
    X(EXPIRED, "expired")                                                                          \
    X(DECLINED, "declined")                                                                        \
    X(REJECTED, "rejected")                                                                        \
    X(UNKNOWN, "unknown")

/* How an exchange wants client ids written. */
#define PERP_CLIENT_ID_FORMAT_LIST(X)                                                              \
    X(HEX, "hex") X(0X, "0x") X(UUID, "uuid") X(B32, "b32") X(U32, "u32")

/* Why the gate refused an order, in the order of its checks: name, number (never changed, below
   PERP_MAX_GATES), text, and the unit of what was asked and of the limit. */
#define PERP_GATE_LIST(X)                                                                          \
    X(KILLED, 1, "killed", "")                                                                     \
    X(EXCHANGE_DOWN, 2, "exchange_down", "")                                                       \
    X(OVER_LEG, 3, "over_leg", "base")                                                             \
    X(QTY_STEP, 4, "qty_step", "base")                                                             \
    X(MIN_QTY, 5, "min_qty", "base")                                                               \
    X(MIN_NOTIONAL, 6, "min_notional", "usd")                                                      \
    X(PRICE_TICK, 7, "price_tick", "price")                                                        \
    X(NO_REFERENCE, 8, "no_reference", "")                                                         \
    X(PRICE_COLLAR, 9, "price_collar", "price")                                                    \
    X(ORDER_VALUE, 10, "order_value", "usd")                                                       \
    X(ORDER_RATE, 11, "order_rate", "ns")                                                          \
    X(REPEATED, 12, "repeated", "orders")

#endif
