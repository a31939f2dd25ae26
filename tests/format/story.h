/* A story that brings changes of every kind, for stores that are kept. */
#ifndef FORMAT_STORY_H
#define FORMAT_STORY_H

#include <perpcore/perpcore.h>

/* Plays the story on a store, with a restart in its middle; the store stays open. */
void story_play(const perp_store *store);
/* Only its beginning. */
perp_core *story_begin(const perp_store *store);
/* Opens a book on a store, which stays open when the book is closed; ends the program where that
   fails. from_start: by perp_core_replay. */
perp_core *story_open(const perp_store *store, int from_start);
/* The book as it was after a record; 0: after the last. */
perp_core *story_open_to(const perp_store *store, uint64_t seq);
/* The end of the program, with why. */
void story_end(const char *what, const perp_core *core);

#endif
