/* libperpcore: the capital, risk and scheduling core of hedged perpetual-futures trading.
   This header includes all others. */
#ifndef PERPCORE_PERPCORE_H
#define PERPCORE_PERPCORE_H

#include <perpcore/capital.h>
#include <perpcore/config.h>
#include <perpcore/core.h>
#include <perpcore/market.h>
#include <perpcore/monitor.h>
#include <perpcore/orders.h>
#include <perpcore/positions.h>
#include <perpcore/risk.h>
#include <perpcore/scheduler.h>
#include <perpcore/store.h>
#include <perpcore/types.h>

#endif
