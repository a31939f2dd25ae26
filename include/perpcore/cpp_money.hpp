// Money of the C++ binding: exact amounts in US dollars.
#ifndef PERPCORE_CPP_MONEY_HPP
#define PERPCORE_CPP_MONEY_HPP

#include <perpcore/cpp_error.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>

namespace perp {

namespace detail {

struct parsed_usd {
    perp_status status;
    perp_usd micros;
};

// micros × 10 − digit, on the negative side, which reaches one further than the positive one.
constexpr bool append_digit(perp_usd &micros, int digit) noexcept {
    constexpr perp_usd least = std::numeric_limits<perp_usd>::min();
    if (micros < least / 10 || (micros == least / 10 && digit > -(least % 10)))
        return false;
    micros = micros * 10 - digit;
    return true;
}

// [-]digits[.1 to 6 digits]. separators: the ' of C++ literals may stand between digits.
constexpr parsed_usd parse_usd(std::string_view text, bool separators) noexcept {
    const bool negative = !text.empty() && text[0] == '-';
    if (negative)
        text.remove_prefix(1);
    perp_usd micros = 0;
    int decimals = -1;
    bool after_digit = false, fits = true;
    for (const char c : text) {
        if (c >= '0' && c <= '9' && decimals < 6) {
            fits = append_digit(micros, c - '0') && fits;
            decimals += decimals >= 0;
            after_digit = true;
        } else if (c == '.' && decimals < 0 && after_digit) {
            decimals = 0;
            after_digit = false;
        } else if (c != '\'' || !separators) {
            return {PERP_E_INVALID, 0};
        }
    }
    if (!after_digit)
        return {PERP_E_INVALID, 0};
    for (decimals = decimals < 0 ? 0 : decimals; decimals < 6; decimals++)
        fits = append_digit(micros, 0) && fits;
    if (!fits || (!negative && micros == std::numeric_limits<perp_usd>::min()))
        return {PERP_E_RANGE, 0};
    return {PERP_OK, negative ? micros : -micros};
}

} // namespace detail

// An exact amount: integer micro-dollars. Arithmetic that would overflow throws perp::error with
// PERP_E_RANGE. There is no way in from double but round(), which says what it does.
class usd {
  public:
    constexpr usd() noexcept = default;

    // Whole dollars.
    template <class Integer, class = std::enable_if_t<std::is_integral_v<Integer> &&
                                                      !std::is_same_v<Integer, bool>>>
    constexpr explicit usd(Integer dollars) : usd(from_micros(PERP_USD) * dollars) {
    }

    static constexpr usd from_micros(perp_usd micros) noexcept {
        usd amount;
        amount.micros_ = micros;
        return amount;
    }

    // "12.5", "-0.000001": exact. PERP_E_INVALID: not a number, or more than six decimals;
    // PERP_E_RANGE: too large.
    static constexpr usd parse(std::string_view text) {
        const detail::parsed_usd parsed = detail::parse_usd(text, false);
        if (parsed.status != PERP_OK)
            throw error(parsed.status, "usd: not an amount: '" + std::string(text) + "'");
        return from_micros(parsed.micros);
    }
    static usd parse(std::string_view text, std::error_code &ec) noexcept {
        const detail::parsed_usd parsed = detail::parse_usd(text, false);
        ec = parsed.status;
        return from_micros(parsed.micros);
    }

    // The nearest micro-dollar. PERP_E_RANGE: too large, or not a number.
    static usd round(double dollars) {
        const double micros = std::round(dollars * static_cast<double>(PERP_USD));
        constexpr double limit = 9223372036854775808.0; // 2 to the 63rd
        if (!(micros >= -limit && micros < limit))
            throw error(PERP_E_RANGE, "usd: " + std::to_string(dollars) + " is out of range");
        return from_micros(static_cast<perp_usd>(micros));
    }

    constexpr perp_usd micros() const noexcept {
        return micros_;
    }
    constexpr explicit operator double() const noexcept {
        return static_cast<double>(micros_) / static_cast<double>(PERP_USD);
    }

    constexpr usd &operator+=(usd other) {
        if (other.micros_ > 0 ? micros_ > most - other.micros_ : micros_ < least - other.micros_)
            overflow();
        micros_ += other.micros_;
        return *this;
    }
    constexpr usd &operator-=(usd other) {
        if (other.micros_ > 0 ? micros_ < least + other.micros_ : micros_ > most + other.micros_)
            overflow();
        micros_ -= other.micros_;
        return *this;
    }
    friend constexpr usd operator+(usd a, usd b) {
        return a += b;
    }
    friend constexpr usd operator-(usd a, usd b) {
        return a -= b;
    }
    constexpr usd operator-() const {
        return usd() - *this;
    }

    // By a whole number.
    template <class Integer, class = std::enable_if_t<std::is_integral_v<Integer> &&
                                                      !std::is_same_v<Integer, bool>>>
    friend constexpr usd operator*(usd amount, Integer factor) {
        if constexpr (std::is_unsigned_v<Integer>) {
            if (factor > static_cast<std::uint64_t>(most) && amount.micros_ != 0)
                overflow();
        }
        return from_micros(times(amount.micros_, static_cast<perp_usd>(factor)));
    }

    friend constexpr bool operator==(usd a, usd b) noexcept {
        return a.micros_ == b.micros_;
    }
    friend constexpr bool operator!=(usd a, usd b) noexcept {
        return a.micros_ != b.micros_;
    }
    friend constexpr bool operator<(usd a, usd b) noexcept {
        return a.micros_ < b.micros_;
    }
    friend constexpr bool operator>(usd a, usd b) noexcept {
        return a.micros_ > b.micros_;
    }
    friend constexpr bool operator<=(usd a, usd b) noexcept {
        return a.micros_ <= b.micros_;
    }
    friend constexpr bool operator>=(usd a, usd b) noexcept {
        return a.micros_ >= b.micros_;
    }

  private:
    static constexpr perp_usd most = std::numeric_limits<perp_usd>::max();
    static constexpr perp_usd least = std::numeric_limits<perp_usd>::min();

    [[noreturn]] static void overflow() {
        throw error(PERP_E_RANGE, "usd: the result does not fit");
    }
    static constexpr perp_usd times(perp_usd a, perp_usd b) {
        if (a == 0 || b == 0)
            return 0;
        if (a == -1 || b == -1) {
            const perp_usd other = a == -1 ? b : a;
            return other == least ? (overflow(), 0) : -other;
        }
        const bool positive = (a > 0) == (b > 0);
        if (b > 0 ? (a > most / b || a < least / b) : positive ? a < most / b : a > least / b)
            overflow();
        return a * b;
    }

    perp_usd micros_ = 0;
};

// The shortest exact text: "100", "-0.5".
inline std::string to_string(usd amount) {
    const bool negative = amount.micros() < 0;
    const auto bits = static_cast<std::uint64_t>(amount.micros());
    const std::uint64_t magnitude = negative ? 0 - bits : bits;
    std::string text = std::to_string(magnitude / 1000000);
    if (magnitude % 1000000 != 0) {
        text += '.' + std::to_string(1000000 + magnitude % 1000000).substr(1);
        text.erase(text.find_last_not_of('0') + 1);
    }
    return negative ? '-' + text : text;
}
inline std::ostream &operator<<(std::ostream &out, usd amount) {
    return out << to_string(amount);
}

inline namespace literals {
// 100_usd, 0.25_usd, 1'000'000_usd: exact, and checked when it is compiled.
template <char... Digits> constexpr usd operator""_usd() noexcept {
    constexpr char text[] = {Digits...};
    constexpr detail::parsed_usd parsed =
        detail::parse_usd(std::string_view(text, sizeof...(Digits)), true);
    static_assert(parsed.status == PERP_OK, "an amount of dollars with at most six decimals");
    return usd::from_micros(parsed.micros);
}
} // namespace literals

} // namespace perp

#endif
