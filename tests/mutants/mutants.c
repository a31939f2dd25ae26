/* Which mutant is in force, and which places were reached: in a file that all processes of a test
   share. A test ends with its first failure. */
#include "mutants.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST 200000

unsigned perp_mutant;
static unsigned char nowhere[MOST];
volatile unsigned char *perp_reached = nowhere;

__attribute__((constructor)) static void mutants_begin(void) {
    const char *given = getenv("PERP_MUTANT"), *path = getenv("PERP_REACHED");
    if (given)
        perp_mutant = (unsigned)strtoul(given, NULL, 10);
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0)
        return;
    void *shared = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (shared != MAP_FAILED)
        perp_reached = shared;
    close(file);
}

/* What Check calls where an assertion fails. */
void __wrap__ck_assert_failed(void);
void __wrap__ck_assert_failed(void) {
    _exit(1);
}
