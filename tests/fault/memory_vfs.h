/* An SQLite VFS whose files are memory of this process, so that a fork has files of its own. */
#ifndef FAULT_MEMORY_VFS_H
#define FAULT_MEMORY_VFS_H

/* The default one from then on. */
void memory_vfs_register(void);

#endif
