/* Prints the rows of docs/compliance.md, as the library's table has them. */
#include <stdio.h>
#include <string.h>

#include "risk/controls.def"

static int is_mechanism(const char *name) {
#define PERP_X(mechanism, what)                                                                    \
    if (strcmp(mechanism, name) == 0)                                                              \
        return 1;
    PERP_MECHANISM_LIST(PERP_X)
#undef PERP_X
    return 0;
}

static void put_row(const char *article, const char *control, char *what, const char *duty) {
    int n = 0;
    printf("| %s | %s | ", article, control);
    for (char *word = strtok(what, " "); word; word = strtok(NULL, " ")) {
        const char *mark = is_mechanism(word) ? "*" : "`";
        printf("%s%s%s%s", n++ ? ", " : "", mark, word, mark);
    }
    printf(" | %s |\n", duty);
}

int main(void) {
#define PERP_X(regulation, article, control, what, duty)                                           \
    put_row(article, control, (char[]){what}, duty);
    PERP_CONTROL_LIST(PERP_X)
#undef PERP_X
#define PERP_X(mechanism, what) printf("| *%s* | %s |\n", mechanism, what);
    PERP_MECHANISM_LIST(PERP_X)
#undef PERP_X
    return 0;
}
