/* An SQLite VFS over the default one whose n-th write, sync, truncate or open fails. */
#ifndef FAULT_VFS_SHIM_H
#define FAULT_VFS_SHIM_H

#include <stdint.h>

#define SHIM_NAME "fault-shim"

enum shim_kind { SHIM_WRITE, SHIM_SYNC, SHIM_TRUNCATE, SHIM_OPEN, SHIM_KINDS };

/* SHIM_FAILS: nothing of it is done, the disk is full. SHIM_CUT: half of it is done, then an I/O
   error. SHIM_DIES: as SHIM_CUT, and from then on nothing is written any more: what a process that
   was killed there leaves behind. SHIM_STAYS: as SHIM_FAILS, and so do all later ones of the kind.
   What was written before a sync that fails stays in the file, as in the system's memory: a process
   that is killed then leaves it there. */
enum shim_way { SHIM_FAILS, SHIM_CUT, SHIM_DIES, SHIM_STAYS };

void shim_register(void);
/* The n-th operation of this kind from now on goes wrong; n 0: none does. Counts begin anew. */
void shim_arm(enum shim_kind kind, enum shim_way way, uint32_t n);
/* From now on nothing is written any more: the process was killed. */
void shim_die(void);
/* All works again. */
void shim_heal(void);
uint32_t shim_count(enum shim_kind kind);
/* Whether the operation that was to go wrong has come. */
int shim_hit(void);
/* From now on the shim knows what of the files that are opened is on disk: what a sync that worked
   found written since the last sync. One that failed leaves what it should have written in the
   file, but nothing comes back to it: that is on disk only once it is written again. */
void shim_watch(void);
/* After shim_die, once the files are closed: the machine failed. They become what was on disk;
   luck: 0, and nothing else of them is; else a seed that says which other sectors got there. */
void shim_lose(unsigned luck);
/* Files that are open through the shim. */
int shim_open_files(void);

#endif
