/* What bindgen reads. It takes over functions, structs, enumerators and macros that are plain
   numbers; for those whose value is made by another macro there is a constant here, named as the
   macro with _VALUE behind it. */
#include <perpcore/perpcore.h>

static const int64_t PERP_USD_VALUE = PERP_USD;
static const int64_t PERP_TIME_NONE_VALUE = PERP_TIME_NONE;
static const uint32_t PERP_RULE_COUNT_VALUE = PERP_RULE_COUNT;
