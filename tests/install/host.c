/* A host that knows only what is installed: opens a book, reserves, and prints what it links. As C
   and as C++. */
#include <perpcore/perpcore.h>

#include <stdio.h>
#include <string.h>

int main(void) {
    perp_core *core = NULL;
    perp_exchange_spec okx;
    perp_exchange_id id;
    perp_call call;
    char version[32];
    int good;
    perp_exchange_spec_init(&okx);
    perp_call_init(&call);
    (void)strcpy(okx.name, "okx");
    call.now_ns = INT64_C(1700000000000000000);
    if (perp_core_open(NULL, &core) != PERP_OK)
        return 1;
    good = perp_exchange_add(core, &okx, &id) == PERP_OK &&
           perp_capital_update_equity(perp_core_capital(core), &call, id, 1000 * PERP_USD) ==
               PERP_OK &&
           perp_core_check(core) == PERP_OK;
    perp_core_close(core);
    (void)snprintf(version, sizeof version, "%d.%d.%d", PERP_VERSION_MAJOR, PERP_VERSION_MINOR,
                   PERP_VERSION_PATCH);
    if (!good || strcmp(version, perp_version_string()) != 0)
        return 1;
    return printf("perpcore %s\n", version) < 0;
}
