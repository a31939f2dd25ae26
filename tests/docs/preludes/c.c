/* What the parts of programs in the pages may use, by the names that the pages give it. */
#include <perpcore/perpcore.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

perp_core *core;
perp_capital *capital;
perp_market *market;
perp_risk *risk;
perp_scheduler *scheduler;
perp_config config;
perp_call call;
perp_job job;
perp_status status;
perp_exchange_id exchange;
perp_instrument_id instrument;
int64_t now_ns;
const char *text;
size_t length;
void execute(void *user, const perp_execution *job, uint32_t *outcome);

/* FUNCTIONS */

void example(void);
void example(void) {
    /* STATEMENTS */
}
