/* Numbers, money and times as digits, written where they are to stand. What text.h offers, for
   those who write many. */
#ifndef PERP_UTIL_DIGITS_H
#define PERP_UTIL_DIGITS_H

#include <perpcore/types.h>

/* Each writes at `to`, where there is room for PERP_DIGITS_ROOM bytes, and returns the end of what
   it wrote; past that it may have left bytes of its own. Nothing is ended with a zero. */
#define PERP_DIGITS_ROOM 40
/* The shortest decimal text that reads back as the same double; finite. */
char *perp_digits_double(char *to, double value);
char *perp_digits_int64(char *to, int64_t value);
char *perp_digits_uint64(char *to, uint64_t value);
/* Money in USD with at most six decimals, exact, no trailing zeros. */
char *perp_digits_usd(char *to, perp_usd amount);
/* ISO 8601 in UTC with nanoseconds. */
char *perp_digits_time(char *to, int64_t time_ns);

#endif
