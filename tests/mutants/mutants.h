/* In every file of the build that has all mutants: which of them is in force. */
#ifndef PERP_MUTANTS_H
#define PERP_MUTANTS_H

extern unsigned perp_mutant;                 /* 0: none */
extern volatile unsigned char *perp_reached; /* by the first mutant of a place */

#define PERP_PLACE(first, count) (perp_reached[first] = 1, perp_mutant - (first) < (count))

#endif
