/* Any text as a job on a small book: it is refused, or evaluated, submitted and ticked; the book
   stays sound, and what failed has changed nothing. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static perp_core *core;
    char metadata[PERP_MAX_METADATA];
    perp_job job;
    perp_evaluation evaluation;
    perp_call call;
    if (core == NULL) {
        core = fuzz_book(NULL);
    }
    perp_job_init(&job);
    uint64_t hash = perp_core_hash(core);
    if (perp_job_from_json(core, (const char *)data, size, &job, metadata) != PERP_OK) {
        must(perp_core_error(core)[0] != 0, core);
        must(perp_core_hash(core) == hash, core);
        return 0;
    }
    perp_evaluation_init(&evaluation);
    perp_status status = perp_risk_evaluate(perp_core_risk(core), FUZZ_START, &job, &evaluation);
    must(perp_core_hash(core) == hash, core);
    perp_call_init(&call);
    call.now_ns = FUZZ_START;
    perp_scheduler *scheduler = perp_core_scheduler(core);
    perp_status submitted = perp_scheduler_submit(scheduler, &call, &job);
    must(status == PERP_OK || submitted != PERP_OK, core);
    if (submitted != PERP_OK) {
        must(perp_core_hash(core) == hash, core);
        return 0;
    }
    must(perp_scheduler_submit(scheduler, &call, &job) == PERP_E_EXISTS, core);
    must(perp_scheduler_tick(scheduler, &call, NULL) == PERP_OK, core);
    must(perp_core_check(core) == PERP_OK, core);
    /* The next input meets the same book: nothing of this job is left but its memory. */
    perp_core_close(core);
    core = NULL;
    return 0;
}
