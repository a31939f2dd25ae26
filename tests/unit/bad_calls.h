/* For tests of calls that can't be meant: refused, with a message, and nothing has changed. The
   test has a world in `w`. */
#ifndef TEST_BAD_CALLS_H
#define TEST_BAD_CALLS_H

#include "fixture.h"

#define bad(expression)                                                                            \
    do {                                                                                           \
        fails(w, PERP_E_INVALID, expression);                                                      \
        ck_assert_msg(perp_core_error(w->core)[0] != 0, "%s says nothing", #expression);           \
    } while (0)

/* The same without a book, which has no message of its own. */
#define none(expression)                                                                           \
    do {                                                                                           \
        ck_assert_msg((expression) == PERP_E_INVALID, "%s", #expression);                          \
        ck_assert_msg(perp_core_error(NULL)[0] != 0, "%s says nothing", #expression);              \
    } while (0)

#endif
