// Times, ids, enums and ranges of the C++ binding.
#ifndef PERPCORE_CPP_TYPES_HPP
#define PERPCORE_CPP_TYPES_HPP

#include <perpcore/cpp_money.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace perp {

// ---- Time ---------------------------------------------------------------------------------------

// Nanoseconds since the Unix epoch, UTC, like system_clock's. Absent times are std::nullopt.
using time = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;
using milliseconds = std::chrono::milliseconds;
// Any std::chrono duration converts to it.
using hours = std::chrono::duration<double, std::ratio<3600>>;

constexpr std::int64_t to_ns(time when) noexcept {
    return when.time_since_epoch().count();
}
constexpr std::int64_t to_ns(const std::optional<time> &when) noexcept {
    return when ? to_ns(*when) : PERP_TIME_NONE;
}
constexpr time from_ns(std::int64_t ns) noexcept {
    return time(std::chrono::nanoseconds(ns));
}

namespace detail {
constexpr std::optional<time> maybe_time(std::int64_t ns) noexcept {
    return ns == PERP_TIME_NONE ? std::nullopt : std::optional<time>(from_ns(ns));
}
} // namespace detail

// ---- Ids ----------------------------------------------------------------------------------------

// A number that names a thing of one kind; those of different kinds do not mix. A new one names
// nothing.
template <class Tag, class Number> class basic_id {
  public:
    constexpr basic_id() noexcept = default;
    constexpr explicit basic_id(Number value) noexcept : value_(value) {
    }
    constexpr Number value() const noexcept {
        return value_;
    }
    friend constexpr bool operator==(basic_id a, basic_id b) noexcept {
        return a.value_ == b.value_;
    }
    friend constexpr bool operator!=(basic_id a, basic_id b) noexcept {
        return a.value_ != b.value_;
    }
    friend constexpr bool operator<(basic_id a, basic_id b) noexcept {
        return a.value_ < b.value_;
    }
    friend std::ostream &operator<<(std::ostream &out, basic_id id) {
        return out << id.value_;
    }

  private:
    Number value_ = std::numeric_limits<Number>::max();
};

using exchange_id = basic_id<struct exchange_tag, perp_exchange_id>;
using instrument_id = basic_id<struct instrument_tag, perp_instrument_id>;
using reservation_id = basic_id<struct reservation_tag, std::uint64_t>;
using order_id = basic_id<struct order_tag, std::uint64_t>;

inline constexpr exchange_id all_exchanges{PERP_ALL_EXCHANGES};

// 128 bits, written as a UUID. The library makes none: ids are the host's.
template <class Tag> class basic_uuid {
  public:
    constexpr basic_uuid() noexcept = default;
    constexpr explicit basic_uuid(const perp_uuid &c) noexcept : c_(c) {
    }
    // From two halves, e.g. {day, number of the job}.
    constexpr basic_uuid(std::uint64_t high, std::uint64_t low) noexcept {
        for (std::size_t i = 0; i < 8; i++) {
            c_.bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
            c_.bytes[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
        }
    }

    static basic_uuid parse(std::string_view text) {
        return detail::must(nullptr, [&](std::error_code &ec) { return parse(text, ec); });
    }
    static basic_uuid parse(std::string_view text, std::error_code &ec) noexcept {
        basic_uuid id;
        ec = perp_uuid_parse(text.data(), text.size(), &id.c_);
        return id;
    }

    constexpr const perp_uuid &c() const noexcept {
        return c_;
    }
    friend bool operator==(const basic_uuid &a, const basic_uuid &b) noexcept {
        return std::memcmp(&a.c_, &b.c_, sizeof a.c_) == 0;
    }
    friend bool operator!=(const basic_uuid &a, const basic_uuid &b) noexcept {
        return !(a == b);
    }
    friend bool operator<(const basic_uuid &a, const basic_uuid &b) noexcept {
        return std::memcmp(&a.c_, &b.c_, sizeof a.c_) < 0;
    }
    friend std::string to_string(const basic_uuid &id) {
        char text[37];
        perp_uuid_format(&id.c_, text);
        return text;
    }
    friend std::ostream &operator<<(std::ostream &out, const basic_uuid &id) {
        return out << to_string(id);
    }

  private:
    perp_uuid c_ = {};
};

using job_id = basic_uuid<struct job_tag>;
// What makes a reservation safe to ask for twice.
using reservation_key = basic_uuid<struct key_tag>;

// ---- Enums --------------------------------------------------------------------------------------

// Made from the lists in lists.h: PERP_POOL_WASH is pool::WASH, PERP_REASON_DAILY_LOSS is
// reason::DAILY_LOSS. pool::WASH and strategy::WASH are hedged turnover between different
// exchanges, never wash trading.
#define PERP_CPP_ENUM(type, LIST)                                                                  \
    enum class type : std::uint32_t { LIST(PERP_X) };                                              \
    inline const char *to_string(type value) noexcept {                                            \
        return perp_##type##_string(static_cast<std::uint32_t>(value));                            \
    }

#define PERP_X(name, ...) name = PERP_POOL_##name,
PERP_CPP_ENUM(pool, PERP_POOL_LIST)
#undef PERP_X
#define PERP_X(name, ...) name = PERP_STRATEGY_##name,
PERP_CPP_ENUM(strategy, PERP_STRATEGY_LIST)
#undef PERP_X
#define PERP_X(name, ...) name = PERP_SIDE_##name,
PERP_CPP_ENUM(side, PERP_SIDE_LIST)
#undef PERP_X
#define PERP_X(name, ...) name = PERP_MODE_##name,
PERP_CPP_ENUM(mode, PERP_MODE_LIST)
#undef PERP_X
#define PERP_X(name, ...) name = PERP_KIND_##name,
PERP_CPP_ENUM(kind, PERP_KIND_LIST)
#undef PERP_X
#define PERP_X(name, ...) name = PERP_MARGIN_##name,
PERP_CPP_ENUM(margin, PERP_MARGIN_LIST)
#undef PERP_X
#define PERP_X(name, ...) name = PERP_CASH_##name,
PERP_CPP_ENUM(cash, PERP_CASH_LIST)
#undef PERP_X
#define PERP_X(name, ...) name = PERP_API_##name,
PERP_CPP_ENUM(api, PERP_API_LIST)
#undef PERP_X
#define PERP_X(name, ...) name = PERP_CIRCUIT_##name,
PERP_CPP_ENUM(circuit, PERP_CIRCUIT_LIST)
#undef PERP_X
#define PERP_X(name, ...) name = PERP_JOB_##name,
PERP_CPP_ENUM(job_state, PERP_JOB_STATE_LIST)
#undef PERP_X
#define PERP_X(name, ...) name = PERP_COMPONENT_##name,
PERP_CPP_ENUM(component, PERP_COMPONENT_LIST)
#undef PERP_X
#define PERP_X(name, ...) name = PERP_SYSTEM_##name,
PERP_CPP_ENUM(system, PERP_SYSTEM_LIST)
#undef PERP_X
#define PERP_X(name, ...) name = PERP_ORDER_##name,
PERP_CPP_ENUM(order_type, PERP_ORDER_TYPE_LIST)
#undef PERP_X
#define PERP_X(name, ...) name = PERP_ORDER_##name,
PERP_CPP_ENUM(order_state, PERP_ORDER_STATE_LIST)
#undef PERP_X
#define PERP_X(name, ...) name = PERP_NEWS_##name,
PERP_CPP_ENUM(news, PERP_NEWS_LIST)
#undef PERP_X
#undef PERP_CPP_ENUM

#define PERP_X(name, ...) name = PERP_REASON_##name,
enum class reason : std::uint32_t {
    NONE = PERP_REASON_NONE,
    PERP_RULE_LIST(PERP_X) PERP_OTHER_REASON_LIST(PERP_X) PERP_HOST_REASON_LIST(PERP_X)
};
#undef PERP_X
inline const char *to_string(reason value) noexcept {
    return perp_reason_string(static_cast<std::uint32_t>(value));
}

// DEFAULT: a market order is IOC, a limit order GTC.
#define PERP_X(name, ...) name = PERP_TIF_##name,
enum class tif : std::uint32_t { PERP_TIF_LIST(PERP_X) DEFAULT = PERP_TIF_DEFAULT };
#undef PERP_X
inline const char *to_string(tif value) noexcept {
    return perp_tif_string(static_cast<std::uint32_t>(value));
}

#define PERP_X(name, ...) name = PERP_GATE_##name,
enum class gate : std::uint32_t { NONE = PERP_GATE_NONE, PERP_GATE_LIST(PERP_X) };
#undef PERP_X
inline const char *to_string(gate value) noexcept {
    return perp_gate_string(static_cast<std::uint32_t>(value));
}
// Of what was asked of it, and of its limit.
inline const char *unit(gate value) noexcept {
    return perp_gate_unit(static_cast<std::uint32_t>(value));
}

// By hand, because the text of one of them, 0x, is no name.
enum class client_id_format : std::uint32_t {
    HEX = PERP_CLIENT_ID_HEX,
    HEX_0X = PERP_CLIENT_ID_0X,
    UUID = PERP_CLIENT_ID_UUID,
    B32 = PERP_CLIENT_ID_B32,
    U32 = PERP_CLIENT_ID_U32
};
static_assert(PERP_CLIENT_ID_FORMAT_COUNT == 5, "all of the list are there");
inline const char *to_string(client_id_format value) noexcept {
    return perp_client_id_format_string(static_cast<std::uint32_t>(value));
}

#define PERP_X(name, ...) name = PERP_ALERT_##name,
enum class alert_code : std::uint32_t { PERP_ALERT_LIST(PERP_X) };
#undef PERP_X
inline const char *to_string(alert_code value) noexcept {
    return perp_alert_string(static_cast<std::uint32_t>(value));
}

// Which value fails a rule.
#define PERP_X(name, ...) name = PERP_SENSE_##name,
enum class sense : std::uint32_t {
    NONE = PERP_SENSE_NONE,
    PERP_SENSE_LIST(PERP_X) NOT_HELD = PERP_SENSE_NOT_HELD
};
#undef PERP_X

// Those that have no list.
enum class alert_level : std::uint32_t {
    INFO = PERP_ALERT_INFO,
    WARNING = PERP_ALERT_WARNING,
    CRITICAL = PERP_ALERT_CRITICAL
};
enum class outcome : std::uint32_t {
    IN_DOUBT = PERP_OUTCOME_IN_DOUBT,
    ACCEPTED = PERP_OUTCOME_ACCEPTED,
    REFUSED = PERP_OUTCOME_REFUSED,
    DECLINED = PERP_OUTCOME_DECLINED
};
enum class tick_status : std::uint32_t {
    OK = PERP_TICK_OK,
    PAUSED = PERP_TICK_PAUSED,
    KILLED = PERP_TICK_KILLED
};
enum class tick_kind : std::uint32_t {
    DISPATCHED = PERP_TICK_DISPATCHED,
    EXPIRED = PERP_TICK_EXPIRED,
    OVERDUE = PERP_TICK_OVERDUE,
    REFUSED = PERP_TICK_REFUSED,
    SKIPPED = PERP_TICK_SKIPPED,
    REPAIR = PERP_TICK_REPAIR,
    WITHDRAWN = PERP_TICK_WITHDRAWN
};
enum class result_status : std::uint32_t {
    COMPLETED = PERP_RESULT_COMPLETED,
    FAILED = PERP_RESULT_FAILED,
    UNKNOWN = PERP_RESULT_UNKNOWN,
    NOTHING = PERP_RESULT_NOTHING
};
enum class latch_kind : std::uint32_t {
    HALT = PERP_LATCH_HALT,
    STRATEGY = PERP_LATCH_STRATEGY,
    DRIFT = PERP_LATCH_DRIFT,
    REPAIR = PERP_LATCH_REPAIR
};
enum class maintenance : std::uint32_t {
    AT_LIQUIDATION = PERP_MAINTENANCE_AT_LIQUIDATION,
    AT_ENTRY = PERP_MAINTENANCE_AT_ENTRY
};
// PERP_LOG_DEBUG to PERP_LOG_ERROR; not an enum class, because hosts are compiled with -DDEBUG.
using log_level = perp_log_level;

// ---- When, by whom and why ----------------------------------------------------------------------

// A time alone is a call; where a protection is taken away also {now, "who", "why"}.
struct call {
    perp::time now;
    std::string actor;
    std::string reason;

    call(perp::time when) noexcept : now(when) {
    }
    call(perp::time when, std::string who, std::string why)
        : now(when), actor(std::move(who)), reason(std::move(why)) {
    }
    // Valid as long as this lives.
    perp_call c() const noexcept {
        perp_call c;
        perp_call_init(&c);
        c.now_ns = to_ns(now);
        c.actor = actor.empty() ? nullptr : actor.c_str();
        c.reason = reason.empty() ? nullptr : reason.c_str();
        return c;
    }
};

// ---- Ranges -------------------------------------------------------------------------------------

// Elements that someone else owns: of an array, vector, or anything with data() and size().
template <class T> class span {
  public:
    constexpr span() noexcept = default;
    constexpr span(const T *data, std::size_t size) noexcept : data_(data), size_(size) {
    }
    template <std::size_t N> constexpr span(const T (&array)[N]) noexcept : span(array, N) {
    }
    // Valid until the end of the full expression, as an argument is.
    constexpr span(std::initializer_list<T> list) noexcept : size_(list.size()) {
        data_ = list.begin();
    }
    template <class Container, class = std::enable_if_t<std::is_convertible_v<
                                   decltype(std::declval<const Container &>().data()), const T *>>>
    constexpr span(const Container &container) noexcept : span(container.data(), container.size()) {
    }
    constexpr const T *data() const noexcept {
        return data_;
    }
    constexpr std::size_t size() const noexcept {
        return size_;
    }
    constexpr const T *begin() const noexcept {
        return data_;
    }
    constexpr const T *end() const noexcept {
        return data_ + size_;
    }

  private:
    const T *data_ = nullptr;
    std::size_t size_ = 0;
};

// Rows of C structs that something else holds; each is shown as a T, made when it is looked at.
template <class T, class C> class view {
  public:
    class iterator {
      public:
        using iterator_category = std::input_iterator_tag;
        using difference_type = std::ptrdiff_t;
        using value_type = T;
        using reference = T;
        using pointer = void;

        iterator() noexcept = default;
        explicit iterator(const C *at) noexcept : at_(at) {
        }
        T operator*() const {
            return T(*at_);
        }
        iterator &operator++() noexcept {
            ++at_;
            return *this;
        }
        iterator operator++(int) noexcept {
            return iterator(at_++);
        }
        friend bool operator==(iterator a, iterator b) noexcept {
            return a.at_ == b.at_;
        }
        friend bool operator!=(iterator a, iterator b) noexcept {
            return a.at_ != b.at_;
        }

      private:
        const C *at_ = nullptr;
    };

    view() noexcept = default;
    // total: how many there are, of which rows holds at most capacity.
    view(const C *rows, std::size_t total, std::size_t capacity) noexcept
        : rows_(rows), size_(total < capacity ? total : capacity), total_(total) {
    }
    iterator begin() const noexcept {
        return iterator(rows_);
    }
    iterator end() const noexcept {
        return iterator(rows_ + size_);
    }
    std::size_t size() const noexcept {
        return size_;
    }
    // How many there are in the book; more than size() where the struct has no room for all.
    std::size_t total() const noexcept {
        return total_;
    }
    bool empty() const noexcept {
        return size_ == 0;
    }
    T operator[](std::size_t index) const {
        return T(rows_[index]);
    }

  private:
    const C *rows_ = nullptr;
    std::size_t size_ = 0;
    std::size_t total_ = 0;
};

// An array with an entry for each enumerator of E.
template <class E, class T, std::size_t N> struct table {
    std::array<T, N> values = {};

    const T &operator[](E which) const {
        return values.at(static_cast<std::size_t>(which));
    }
};

namespace detail {

template <class E, class T, class C, std::size_t N> table<E, T, N> to_table(const C (&array)[N]) {
    table<E, T, N> result;
    for (std::size_t i = 0; i < N; i++)
        result.values[i] = T(array[i]);
    return result;
}

// A name that is too long, or has a zero in it, is left without its end: the library then says so.
template <std::size_t N> void put_name(char (&to)[N], std::string_view name) noexcept {
    std::memset(to, 0, N);
    if (name.size() < N && name.find('\0') == std::string_view::npos)
        name.copy(to, N);
    else
        std::memset(to, '?', N);
}

// A name as a C string. One that is too long, or has a zero in it, becomes one that is too long:
// the library then says so, or knows it not.
struct c_name {
    char text[sizeof(perp_instrument_spec::symbol) + 1] = {};

    explicit c_name(std::string_view name) noexcept {
        if (name.size() < sizeof text - 1 && name.find('\0') == std::string_view::npos)
            name.copy(text, sizeof text);
        else
            std::memset(text, '?', sizeof text - 1);
    }
};

// C structs that start with their size.
template <class C> C sized() noexcept {
    C c = {};
    c.struct_size = sizeof c;
    return c;
}

// Asks how many rows there are, then for all of them, again where more came meanwhile.
template <class T, class C, class Call> std::vector<T> rows(std::error_code &ec, Call call) {
    std::vector<C> found;
    std::uint32_t count = 0;
    do {
        found.resize(count);
        ec = call(found.data(), static_cast<std::uint32_t>(found.size()), &count);
    } while (!ec && count > found.size());
    found.resize(ec ? 0 : count);
    return std::vector<T>(found.begin(), found.end());
}

// Asks how long a text is, then for the text.
template <class Call> std::string text(std::error_code &ec, Call call) {
    std::string buffer;
    std::size_t length = 0;
    perp_status status = call(nullptr, 0, &length);
    while (status == PERP_E_RANGE && length >= buffer.size()) {
        buffer.resize(length + 1);
        status = call(&buffer[0], buffer.size(), &length);
    }
    ec = status;
    buffer.resize(status == PERP_OK ? length : 0);
    return buffer;
}

} // namespace detail

// ---- Client ids ---------------------------------------------------------------------------------

// What an exchange is told that an order is called: a text that needs no memory. "": not known.
class client_id {
  public:
    client_id() noexcept = default;
    explicit client_id(const char (&c)[PERP_NAME_SIZE]) noexcept {
        std::memcpy(text_.data(), c, PERP_NAME_SIZE - 1);
    }
    const char *c_str() const noexcept {
        return text_.data();
    }
    operator std::string_view() const noexcept {
        return c_str();
    }
    bool empty() const noexcept {
        return text_[0] == '\0';
    }
    friend bool operator==(const client_id &a, const client_id &b) noexcept {
        return std::string_view(a) == std::string_view(b);
    }
    friend bool operator!=(const client_id &a, const client_id &b) noexcept {
        return !(a == b);
    }
    friend bool operator==(const client_id &a, std::string_view b) noexcept {
        return std::string_view(a) == b;
    }
    friend bool operator!=(const client_id &a, std::string_view b) noexcept {
        return !(a == b);
    }
    friend std::ostream &operator<<(std::ostream &out, const client_id &id) {
        return out << std::string_view(id);
    }

  private:
    std::array<char, PERP_NAME_SIZE> text_ = {};
};

// ---- Version ------------------------------------------------------------------------------------

// Of the library that is loaded, which may be newer than these headers.
inline std::string_view version() noexcept {
    return perp_version_string();
}
inline std::uint32_t version_number() noexcept {
    return perp_version_number();
}

} // namespace perp

template <class Tag, class Number> struct std::hash<perp::basic_id<Tag, Number>> {
    std::size_t operator()(perp::basic_id<Tag, Number> id) const noexcept {
        return std::hash<Number>()(id.value());
    }
};
template <class Tag> struct std::hash<perp::basic_uuid<Tag>> {
    std::size_t operator()(const perp::basic_uuid<Tag> &id) const noexcept {
        return std::hash<std::string_view>()(
            std::string_view(reinterpret_cast<const char *>(id.c().bytes), sizeof id.c().bytes));
    }
};

#endif
