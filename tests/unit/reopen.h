/* A world in a store that is closed and opened again: what came back must be the same book, read
   from its records and from a checkpoint. */
#ifndef TEST_REOPEN_H
#define TEST_REOPEN_H

#include "fixture.h"

#include <stdio.h>
#include <unistd.h>

struct life {
    char folder[64], path[96];
    perp_config config;
};

static inline void life_store(struct life *life) {
    ck_assert_msg(perp_store_sqlite_open(life->path, NULL, &life->config.store) == PERP_OK, "%s",
                  perp_core_error(NULL));
}

/* config: NULL: that of worlds. */
static inline struct world *life_begin(struct life *life, const perp_config *config) {
    snprintf(life->folder, sizeof life->folder, "/tmp/perp-life-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(life->folder));
    snprintf(life->path, sizeof life->path, "%s/book.db", life->folder);
    if (config)
        life->config = *config;
    else
        world_config(&life->config);
    life_store(life);
    return world_open(&life->config);
}

static inline void life_take(struct life *life, struct world *w) {
    life_store(life);
    ck_assert_msg(perp_core_open(&life->config, &w->core) == PERP_OK, "%s", perp_core_error(NULL));
    w->capital = perp_core_capital(w->core);
    w->market = perp_core_market(w->core);
    w->risk = perp_core_risk(w->core);
    w->scheduler = perp_core_scheduler(w->core);
}

static inline void life_again(struct life *life, struct world *w) {
    for (int with_checkpoint = 0; with_checkpoint < 2; with_checkpoint++) {
        uint64_t hash = perp_core_hash(w->core);
        if (with_checkpoint)
            ck_assert_int_eq(perp_core_checkpoint(w->core), PERP_OK);
        ck_assert_int_eq(perp_core_close(w->core), PERP_OK);
        life_take(life, w);
        ck_assert_uint_eq(perp_core_hash(w->core), hash);
        checked(w);
    }
}

static inline void life_end(struct life *life, struct world *w) {
    const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    world_close(w);
    for (int i = 0; i < 4; i++) {
        char name[112];
        snprintf(name, sizeof name, "%s%s", life->path, ends[i]);
        unlink(name);
    }
    rmdir(life->folder);
}

#endif
