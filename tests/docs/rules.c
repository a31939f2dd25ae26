/* Prints how a row of docs/risk.md begins for each rule of the library, and how it ends. */
#include <perpcore/perpcore.h>
#include <stdio.h>
#include <string.h>

static const char *sign(const char *sense) {
    static const char *const signs[][2] = {
        {"ABOVE", " >"}, {"AT_LEAST", " ≥"}, {"BELOW", " <"}, {"AT_MOST", " ≤"}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (!strcmp(sense, signs[i][0]))
            return signs[i][1];
    return " |";
}

static const char *way_out(const char *hard, const char *way) {
    static const char *const words[][2] = {{"PASSES", "| passes |"},
                                           {"PRICED", "| passes where there is a price |"},
                                           {"CIRCUIT", "| passes a circuit |"},
                                           {"NEEDS_NONE", "| needs none |"}};
    for (size_t i = 0; i < sizeof words / sizeof *words && !strcmp(hard, "HARD"); i++)
        if (!strcmp(way, words[i][0]))
            return words[i][1];
    return strcmp(hard, "HARD") ? "" : "| |";
}

int main(void) {
#define PERP_X(NAME, number, text, scope, hard, way, market, unknown, value, unit, sense, ...)     \
    {                                                                                              \
        char name[] = value;                                                                       \
        for (char *c = name; *c; c++)                                                              \
            *c = *c == '_' ? ' ' : *c;                                                             \
        printf("| `%s` | %s | %s%s%s%s%s\t%s\n", text, #scope, name, *unit ? " (" : "", unit,      \
               *unit ? ")" : "", sign(#sense), way_out(#hard, #way));                              \
    }
    PERP_RULE_LIST(PERP_X)
#undef PERP_X
    return 0;
}
