/* Sets of jobs that wait, in pieces. Sets in which no job can be twice share their pieces: one that
   grows takes what another has no use for. */
#include <string.h>

#include "scheduler/scheduler.h"

#define PIECE_SIZE (PERP_PIECE * sizeof(struct perp_job_entry *))

/* A set has at most one piece that is not full, and keeps an empty one. */
static uint32_t pieces_for(uint32_t jobs, uint32_t n_sets) {
    return jobs / PERP_PIECE + 2 * n_sets;
}

static void put(struct perp_set_room *room, char *piece) {
    memcpy(piece, &room->spare, sizeof room->spare);
    room->spare = piece;
    room->n_spare++;
}

static char *take(struct perp_set_room *room) {
    char *piece = room->spare;
    memcpy(&room->spare, piece, sizeof room->spare);
    room->n_spare--;
    return piece;
}

bool perp_set_room_reserve(perp_core *core, struct perp_set_room *room, uint32_t jobs,
                           uint32_t n_sets) {
    while (room->n_pieces < pieces_for(jobs, n_sets)) {
        char *piece = perp_alloc(core, PIECE_SIZE);
        if (!piece)
            return false;
        room->n_pieces++;
        put(room, piece);
    }
    return true;
}

void perp_set_room_trim(perp_core *core, struct perp_set_room *room, uint32_t jobs,
                        uint32_t n_sets) {
    while (room->n_spare && room->n_pieces > pieces_for(jobs + jobs / 8, n_sets) + 2) {
        perp_free(core, take(room), PIECE_SIZE);
        room->n_pieces--;
    }
}

void perp_set_room_free(perp_core *core, struct perp_set_room *room) {
    while (room->n_spare)
        perp_free(core, take(room), PIECE_SIZE);
}

bool perp_job_set_reserve(perp_core *core, struct perp_job_set *set, uint32_t jobs) {
    struct perp_map_memory memory = perp_map_memory_of(core);
    return set->room
               ? perp_pieces_list(&set->pieces, perp_pieces_for(jobs) + 1, &memory)
               : perp_pieces_reserve(&set->pieces, jobs, sizeof(struct perp_job_entry *), &memory);
}

void perp_job_set_free(perp_core *core, struct perp_job_set *set) {
    struct perp_map_memory memory = perp_map_memory_of(core);
    perp_pieces_free(&set->pieces, sizeof(struct perp_job_entry *), &memory);
}

void perp_job_set_widen(struct perp_job_set *set) {
    set->pieces.at[set->pieces.n++] = take(set->room);
}

void perp_job_set_narrow(struct perp_job_set *set) {
    put(set->room, set->pieces.at[--set->pieces.n]);
}

void perp_job_set_add(struct perp_job_set *set, struct perp_job_entry *job, uint32_t *place_1) {
    if (*place_1)
        return;
    *perp_job_set_push(set) = job;
    *place_1 = set->n;
}

void perp_job_set_remove(struct perp_job_set *set, struct perp_job_entry *job, uint32_t *place_1) {
    if (!*place_1)
        return;
    struct perp_job_entry *last = perp_job_set_pop(set);
    if (last != job) {
        *perp_set_at(set, *place_1 - 1) = last;
        *(uint32_t *)((char *)last + ((char *)place_1 - (char *)job)) = *place_1;
    }
    *place_1 = 0;
}
