/* The store of a replay. */
#ifndef REPLAY_STORE_H
#define REPLAY_STORE_H

#include <perpcore/perpcore.h>

/* Like perp_store_sqlite_open with the defaults. unsynced: a commit does not wait for the disk, so
   that the book survives the end of the process, but a power cut may damage it. That is for a
   market that can be played again; a host that trades has no use for it. */
perp_status replay_store_open(const char *path, int unsynced, perp_store *store);

#endif
