/* What the library itself needs of a configuration beyond its public functions. */
#ifndef PERP_CORE_CONFIG_H
#define PERP_CORE_CONFIG_H

#include <perpcore/config.h>

#include <stdbool.h>

/* Whether the capital, risk and scheduler parts differ: path is that of the first field that does.
   Both are complete: of this library's size. */
bool perp_config_differs(const perp_config *a, const perp_config *b, char *path, size_t size);

#endif
