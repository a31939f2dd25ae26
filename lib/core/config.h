/* What the library itself needs of a configuration beyond its public functions. */
#ifndef PERP_CORE_CONFIG_H
#define PERP_CORE_CONFIG_H

#include <perpcore/config.h>

/* Mixes the capital, risk and scheduler parts into a hash, field by field. config is complete: of
   this library's size. */
uint64_t perp_config_hash(uint64_t hash, const perp_config *config);

#endif
