#include "test.hpp"

int main() {
    int passed = 0, failed = 0;
    for (const test_case &test : all_tests()) {
        test_failed = false;
        try {
            test.run();
        } catch (const std::exception &e) {
            std::printf("thrown: %s\n", e.what());
            test_failed = true;
        }
        if (test_failed)
            std::printf("failed: %s\n", test.name);
        ++(test_failed ? failed : passed);
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
