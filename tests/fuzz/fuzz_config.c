/* Any text as a configuration: it is refused and changes nothing, or it is read, can be opened, and
   written as JSON reads back to the same. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char text[1 << 16], second[1 << 16];
    perp_config before, config, again;
    size_t length = 0;
    perp_config_init(&config);
    before = config;
    perp_status status = perp_config_from_json((const char *)data, size, &config);
    must(status == PERP_OK || status == PERP_E_INVALID || status == PERP_E_CONFIG, NULL);
    if (status != PERP_OK) {
        must(memcmp(&before, &config, sizeof config) == 0, NULL);
        must(perp_core_error(NULL)[0] != 0, NULL);
        return 0;
    }
    must(perp_config_check(&config) == PERP_OK, NULL);
    must(perp_config_to_json(&config, text, sizeof text, &length) == PERP_OK, NULL);
    must(strlen(text) == length, NULL);
    perp_config_init(&again);
    must(perp_config_from_json(text, length, &again) == PERP_OK, NULL);
    must(perp_config_to_json(&again, second, sizeof second, &length) == PERP_OK, NULL);
    must(strcmp(text, second) == 0, NULL);
    must(again.risk.daily_loss_limit_usd == config.risk.daily_loss_limit_usd, NULL);
    must(again.capital.wash_ppm == config.capital.wash_ppm, NULL);
    perp_core *core = NULL;
    must(perp_core_open(&config, &core) == PERP_OK, NULL);
    must(perp_core_check(core) == PERP_OK, core);
    perp_core_close(core);
    return 0;
}
