// The least that a test needs: TEST("what must hold") { CHECK(…); }
#ifndef PERPCORE_TEST_HPP
#define PERPCORE_TEST_HPP

#include <cstdio>
#include <exception>
#include <vector>

struct test_case {
    const char *name;
    void (*run)();
};

inline std::vector<test_case> &all_tests() {
    static std::vector<test_case> tests;
    return tests;
}
inline bool test_failed = false;

struct register_test {
    register_test(const char *name, void (*run)()) {
        all_tests().push_back({name, run});
    }
};

#define TEST_JOIN2(a, b) a##b
#define TEST_JOIN(a, b) TEST_JOIN2(a, b)
#define TEST(name)                                                                                 \
    static void TEST_JOIN(test_, __LINE__)();                                                      \
    static const register_test TEST_JOIN(registered_, __LINE__)(name, TEST_JOIN(test_, __LINE__)); \
    static void TEST_JOIN(test_, __LINE__)()

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);                            \
            test_failed = true;                                                                    \
        }                                                                                          \
    } while (0)

// The status that an expression throws; PERP_OK where it throws nothing.
#define THROWN(expression)                                                                         \
    [&]() -> perp_status {                                                                         \
        try {                                                                                      \
            (void)(expression);                                                                    \
        } catch (const perp::error &thrown) {                                                      \
            return thrown.status();                                                                \
        }                                                                                          \
        return PERP_OK;                                                                            \
    }()

#endif
