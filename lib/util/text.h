/* Numbers, money, times and UUIDs as text, whatever the locale of the host; checks of text from
 * outside. */
#ifndef PERP_UTIL_TEXT_H
#define PERP_UTIL_TEXT_H

#include <perpcore/types.h>

#include <stdbool.h>

/* Whether text is valid UTF-8 of 1 to max bytes without control characters (C0, DEL, C1). */
bool perp_text_is_name(const char *text, size_t max);
/* Whether text is valid UTF-8; a zero byte is not. */
bool perp_text_is_utf8(const char *text, size_t length);
/* Takes the part of a character off that a text was cut in. */
void perp_text_end_whole(char *text);

/* The shortest decimal text that reads back as the same double; finite. Buffer of 32. */
void perp_text_double(double value, char text[32]);
void perp_text_int64(int64_t value, char text[32]);
void perp_text_uint64(uint64_t value, char text[32]);
/* Money in USD with at most six decimals, exact, no trailing zeros ("12.5", "-0.000001", "7"). */
void perp_text_usd(perp_usd amount, char text[32]);
/* The same inside a call that prints it: the text is there until the end of the block. */
const char *perp_show_usd(perp_usd amount, char text[32]);
#define PERP_SHOW_USD(amount) perp_show_usd(amount, (char[32]){0})
/* ISO 8601 in UTC with nanoseconds: "2022-12-13T00:00:00.000000000Z". */
void perp_text_time(int64_t time_ns, char text[40]);
/* Text from outside as one line of a message or a terminal: characters that control, that are not
   seen, or that turn the direction of others become '?', and what is longer than fits is cut
   between characters and ends in "...". size is at least 8. */
void perp_text_show(const char *text, char *shown, size_t size);

/* Of the text of a JSON number (its grammar was checked): the nearest double. false: not finite. */
bool perp_text_to_double(const char *text, double *out);
enum perp_exact { PERP_EXACT_OK, PERP_EXACT_DECIMALS, PERP_EXACT_RANGE };
/* Of the same: value × 10^decimals as an exact integer. PERP_EXACT_DECIMALS: it is not whole;
   PERP_EXACT_RANGE: it does not fit 64 bits. -0 is 0 and not negative. */
enum perp_exact perp_text_to_exact(const char *text, int decimals, bool *negative,
                                   uint64_t *magnitude);
/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" in either case; false: anything else. */
bool perp_text_to_uuid(const char *text, size_t length, perp_uuid *uuid);

#endif
