/* What a SUBMIT event carries beyond its columns and legs; the metadata follows it. */
#ifndef PERP_CORE_BLOB_H
#define PERP_CORE_BLOB_H

#include <stdint.h>

struct perp_job_blob {
    int64_t given_created;
    int64_t ttl_ms;
    int64_t ttl_from;
    int64_t max_run_ms;
    double edge_bps;
    double holding_hours;
    int64_t est_volume;
    int32_t priority;
    uint32_t strategy;
    uint32_t metadata_size;
    uint32_t is_repair;
};

#endif
