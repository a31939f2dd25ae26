// Errors of the C++ binding: a status is a std::error_code, and perp::error what is thrown.
#ifndef PERPCORE_CPP_ERROR_HPP
#define PERPCORE_CPP_ERROR_HPP

#include <perpcore/perpcore.h>

#include <string>
#include <system_error>
#include <type_traits>

// A perp_status is an error code as it is: `ec == PERP_E_BUSY`.
template <> struct std::is_error_code_enum<perp_status> : std::true_type {};

namespace perp {

namespace detail {
class status_category final : public std::error_category {
  public:
    const char *name() const noexcept override {
        return "perpcore";
    }
    std::string message(int value) const override {
        return perp_status_string(static_cast<perp_status>(value));
    }
};
} // namespace detail

inline const std::error_category &category() noexcept {
    static const detail::status_category the_one;
    return the_one;
}

} // namespace perp

inline std::error_code make_error_code(perp_status status) noexcept {
    if (status == PERP_OK)
        return {}; // equal to every other code that says so
    return {static_cast<int>(status), perp::category()};
}

namespace perp {

// Misuse, bad input or a fault. what() has the library's message: what, which value, which limit.
class error : public std::system_error {
  public:
    error(perp_status status, const std::string &message)
        : std::system_error(make_error_code(status), message) {
    }
    perp_status status() const noexcept {
        return static_cast<perp_status>(code().value());
    }
};

namespace detail {

// The message is this thread's; core is NULL for functions that need none.
[[noreturn]] inline void raise(const perp_core *core, perp_status status) {
    const std::string message = perp_core_error(core);
    throw error(status, message);
}

inline void must(const perp_core *core, perp_status status) {
    if (status != PERP_OK)
        raise(core, status);
}

// Runs the overload that takes an error_code and throws what it reports.
template <class Call> auto must(const perp_core *core, Call call) {
    std::error_code ec;
    if constexpr (std::is_void_v<decltype(call(ec))>) {
        call(ec);
        must(core, static_cast<perp_status>(ec.value()));
    } else {
        auto result = call(ec);
        must(core, static_cast<perp_status>(ec.value()));
        return result;
    }
}

// The same where PERP_E_EXISTS is no failure: what was asked for is there already.
template <class Call> auto must_be_there(const perp_core *core, Call call) {
    std::error_code ec;
    auto result = call(ec);
    if (ec && ec != PERP_E_EXISTS)
        raise(core, static_cast<perp_status>(ec.value()));
    return result;
}

} // namespace detail

} // namespace perp

#endif
