// What the parts of programs in the pages may use, by the names that the pages give it.
#include <perpcore/perpcore.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

/* FUNCTIONS */

void example(perp::core &core);
void example(perp::core &core) {
    (void)core;
    /* STATEMENTS */
}
