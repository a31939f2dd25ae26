// What a book is opened with: its store, its callbacks, its limits.
#ifndef PERPCORE_CPP_CONFIG_HPP
#define PERPCORE_CPP_CONFIG_HPP

#include <perpcore/cpp_monitor.hpp>

#include <atomic>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <variant>

namespace perp {

// ---- Stores of the host's own -------------------------------------------------------------------

// One change of the book; valid during the call. Empty or absent: does not apply.
struct record {
    std::uint64_t seq;
    std::optional<perp::time> time;
    std::string_view kind;
    std::optional<job_id> job;
    std::string_view exchange;
    std::optional<perp::pool> pool; // where there is a reservation
    std::uint64_t reservation;
    usd amount, pnl, volume, fees;
    std::string_view actor, reason;
    std::string_view detail;  // JSON, for people
    std::string_view data;    // all that applying the change again needs
    std::string_view outcome; // why a job was refused, or how its finish ended it; else empty
    std::uint64_t chain;      // the checksum that data ends in

    explicit record(const perp_record &c)
        : seq(c.seq), time(perp::detail::maybe_time(c.time_ns)), kind(text(c.kind)),
          exchange(text(c.exchange)), reservation(c.reservation),
          amount(usd::from_micros(c.amount)), pnl(usd::from_micros(c.pnl)),
          volume(usd::from_micros(c.volume)), fees(usd::from_micros(c.fees)), actor(text(c.actor)),
          reason(text(c.reason)), detail(text(c.detail)),
          data(static_cast<const char *>(c.data), c.size), outcome(text(c.outcome)),
          chain(c.chain) {
        if (c.job_id)
            job = job_id(*c.job_id);
        if (c.exchange && c.reservation)
            pool = perp::pool{c.pool};
    }

  private:
    static std::string_view text(const char *c) noexcept {
        return c ? std::string_view(c) : std::string_view();
    }
};

// One column of a row; valid during the call.
struct column {
    std::string_view name;
    // monostate: NULL, or of a kind that this header does not know.
    std::variant<std::monostate, std::int64_t, double, std::string_view> value;

    explicit column(const perp_column &c) noexcept : name(c.name) {
        if (c.type == PERP_COLUMN_INTEGER)
            value = c.integer;
        else if (c.type == PERP_COLUMN_NUMBER)
            value = c.number;
        else if (c.type == PERP_COLUMN_TEXT)
            value = std::string_view(c.text);
    }
};

// One row of a table for people, as the book has it once the change is made; valid during the call.
// Columns that the change does not set keep what they had, and of a new row are NULL or 0.
struct row {
    std::string_view table;
    std::size_t n_keys; // so many of the columns, the first, tell the row from others
    view<column, perp_column> columns; // that the change sets

    explicit row(const perp_row &c) noexcept
        : table(c.table), n_keys(c.n_keys), columns(c.columns, c.n_columns, c.n_columns) {
    }
};

// What a store gives its content to. Each throws where the book can't use it: let it through.
class loader {
  public:
    explicit loader(const perp_loader &c) noexcept : c_(c) {
    }
    void checkpoint(std::uint64_t seq, std::uint64_t hash, std::string_view data) const {
        perp_status status = PERP_OK;
        c_.checkpoint(c_.user, seq, hash, data.data(), data.size(), &status);
        if (status != PERP_OK)
            throw error(status, "the book does not take this checkpoint");
    }
    void record(std::uint64_t seq, std::string_view data) const {
        perp_status status = PERP_OK;
        c_.record(c_.user, seq, data.data(), data.size(), &status);
        if (status != PERP_OK)
            throw error(status, "the book does not take this record");
    }

  private:
    const perp_loader &c_;
};

// A store that only writes. A function fails by throwing: the book then changes nothing, and the
// exception's text is in its message. Calls are serialised by the library.
class write_only_store {
  public:
    virtual ~write_only_store() = default;
    // Records between begin and commit are one change, all or none.
    virtual void begin() = 0;
    virtual void append(const record &change) = 0;
    virtual void commit() = 0;
    // After a failure of one of these.
    virtual void rollback() noexcept = 0;
    // A row that the change leaves so, after its records. A class that does not have this is not
    // asked, and rows are not made.
    virtual void row(const perp::row &) {
    }
};

// A store from which a book comes back.
class custom_store : public write_only_store {
  public:
    // The newest checkpoint, if there is one, then every record after it; from_start: every record
    // there is and no checkpoint.
    virtual void load(bool from_start, const loader &into) = 0;
    // The whole book as of record seq.
    virtual void checkpoint(std::uint64_t seq, time when, std::uint64_t hash,
                            std::string_view data) = 0;
};

namespace detail {

// Whether rows are of no use to a store of this class: it has the function of the base.
template <class Store, class = void> struct ignores_rows : std::false_type {};
template <class Store>
struct ignores_rows<Store, std::void_t<decltype(&Store::row)>>
    : std::bool_constant<
          std::is_same_v<decltype(&Store::row), void (write_only_store::*)(const perp::row &)> &&
          !std::is_abstract_v<Store>> {};

// The object behind a perp_store of the host's own, and why its last call failed.
template <class Store> struct store_adapter {
    std::unique_ptr<Store> store;
    std::string why;

    static store_adapter *of(void *user) noexcept {
        return static_cast<store_adapter *>(user);
    }
    // No exception crosses C: it becomes a status and a message.
    template <class Call> static void guard(void *user, perp_status *status, Call call) noexcept {
        store_adapter *self = of(user);
        try {
            self->why.clear();
            call(*self->store);
            *status = PERP_OK;
        } catch (const error &e) {
            *status = e.status() == PERP_OK ? PERP_E_STORE : e.status();
            self->keep(e.what());
        } catch (const std::bad_alloc &) {
            *status = PERP_E_NOMEM;
        } catch (const std::exception &e) {
            *status = PERP_E_STORE;
            self->keep(e.what());
        } catch (...) {
            *status = PERP_E_STORE;
            self->keep("not a std::exception");
        }
    }
    void keep(const char *text) noexcept {
        try {
            why = text;
        } catch (...) {
            why.clear(); // no memory even for that; the status still says that it failed
        }
    }
    static perp_store wrap(std::unique_ptr<Store> store, bool with_rows) {
        perp_store c = {};
        c.user = new store_adapter{std::move(store), {}};
        c.begin = [](void *user, perp_status *status) {
            guard(user, status, [](Store &s) { s.begin(); });
        };
        c.append = [](void *user, const perp_record *record, perp_status *status) {
            guard(user, status, [&](Store &s) { s.append(perp::record(*record)); });
        };
        c.commit = [](void *user, perp_status *status) {
            guard(user, status, [](Store &s) { s.commit(); });
        };
        if (with_rows)
            c.row = [](void *user, const perp_row *row, perp_status *status) {
                guard(user, status, [&](Store &s) { s.row(perp::row(*row)); });
            };
        c.rollback = [](void *user) { of(user)->store->rollback(); };
        c.message = [](void *user, char *text, std::size_t capacity) {
            if (capacity > 0)
                text[of(user)->why.copy(text, capacity - 1)] = '\0';
        };
        c.close = [](void *user) { delete of(user); };
        if constexpr (std::is_base_of_v<custom_store, Store>)
            add_reading(c);
        return c;
    }
    static void add_reading(perp_store &c) noexcept {
        c.load = [](void *user, std::uint32_t from_start, const perp_loader *into,
                    perp_status *status) {
            guard(user, status, [&](Store &s) { s.load(from_start != 0, loader(*into)); });
        };
        c.checkpoint = [](void *user, std::uint64_t seq, std::int64_t time_ns, std::uint64_t hash,
                          const void *data, std::size_t size, perp_status *status) {
            guard(user, status, [&](Store &s) {
                s.checkpoint(seq, from_ns(time_ns), hash, {static_cast<const char *>(data), size});
            });
        };
    }
};

} // namespace detail

// ---- Stores -------------------------------------------------------------------------------------

struct sqlite_options {
    bool read_only = false;
    std::uint64_t keep_events = 0; // 0: all
    std::string vfs;               // empty: the default
    bool create = false;           // a file that is there and empty is a new store
    // Records before the newest checkpoint that are verified when a large store is opened; empty:
    // as many as the library chooses.
    std::optional<std::uint64_t> verify_events;
    // A reader that keeps the WAL from being begun anew when it has more MiB raises the alert
    // wal_held; 0: none does.
    std::uint32_t wal_limit_mb = 256;
};

// Where a book keeps its changes. Move it into a config; core::open takes it over, also where open
// fails. One that is not used closes itself.
class [[nodiscard]] store {
  public:
    // None: memory only.
    store() noexcept = default;
    store(store &&other) noexcept : c_(other.release()) {
    }
    store &operator=(store &&other) noexcept {
        store old(std::move(*this));
        c_ = other.release();
        return *this;
    }
    ~store() {
        if (c_.close)
            c_.close(c_.user);
    }

    static store sqlite(const std::string &path, const sqlite_options &options = {}) {
        return detail::must(nullptr, [&](auto &ec) { return sqlite(path, options, ec); });
    }
    static store sqlite(const std::string &path, const sqlite_options &options,
                        std::error_code &ec) noexcept {
        perp_sqlite_options c;
        perp_sqlite_options_init(&c);
        c.read_only = options.read_only;
        c.keep_events = options.keep_events;
        c.vfs = options.vfs.empty() ? nullptr : options.vfs.c_str();
        c.create = options.create;
        c.wal_limit_mb = options.wal_limit_mb;
        if (options.verify_events)
            c.verify_events = *options.verify_events;
        store opened;
        ec = perp_store_sqlite_open(path.c_str(), &c, &opened.c_);
        return opened;
    }
    // Records in memory, for tests.
    static store memory() {
        return detail::must(nullptr, [](auto &ec) { return memory(ec); });
    }
    static store memory(std::error_code &ec) noexcept {
        store opened;
        ec = perp_store_memory_open(&opened.c_);
        return opened;
    }
    // One of the host's own, of a class derived from custom_store or write_only_store.
    template <class Own> static store custom(std::unique_ptr<Own> own) {
        using base = std::conditional_t<std::is_base_of_v<custom_store, Own>, custom_store,
                                        write_only_store>;
        return store(
            detail::store_adapter<base>::wrap(std::move(own), !detail::ignores_rows<Own>::value));
    }
    // Takes over one that C made.
    explicit store(const perp_store &c) noexcept : c_(c) {
    }

    explicit operator bool() const noexcept {
        return c_.begin != nullptr || c_.load != nullptr;
    }
    // Who gets it closes it.
    perp_store release() noexcept {
        return std::exchange(c_, perp_store{});
    }

  private:
    perp_store c_ = {};
};

// ---- Callbacks ----------------------------------------------------------------------------------

// What the library tells the host. Each may be empty: the same can be polled. They run on the
// thread that made the call, with no lock held, and may call back into the library (not tick,
// set_source, or what closes or replaces the core). An exception that leaves one goes no further:
// the outcome stays IN_DOUBT, log is told with PERP_LOG_ERROR, and core.callback_failures() counts
// it.
struct callbacks {
    // A job was dispatched: send its orders.
    std::function<outcome(const execution &)> execute;
    // A base is naked from now on: so much of it has no other side (signed).
    std::function<void(std::string_view base, double quantity)> on_leg_risk;
    // Cancel the orders of these jobs. exchange: or all_exchanges.
    std::function<void(exchange_id exchange, view<job_id, perp_uuid> jobs)> on_kill;
    // A job ended its run or its life, in this state.
    std::function<void(job_id job, job_state state)> on_job_end;
    // Somebody asked to cancel a job that runs: cancel its orders, then finish it.
    std::function<void(job_id job)> on_cancel;
    // A running job is unhedged for longer than max_unhedged_ms: so much of base (signed) has no
    // other side yet. Told once, until it is hedged again.
    std::function<void(job_id job, std::string_view base, double quantity)> on_unhedged;
    std::function<void(const alert &)> on_alert;
    std::function<void(log_level, std::string_view message)> log;
    // The host's own time, of any clock that runs evenly: what waited too long to be handed over is
    // withdrawn. Empty: nothing is for that.
    std::function<time()> clock;
};

using book_buffer = perp_book_buffer;

// For a host that keeps its own books: asked for the quote (required) and the book (may be empty)
// of instruments marked `pulled`. Nothing to give: std::nullopt, or false. An exception is as
// nothing, and reported as above.
struct market_source {
    std::function<std::optional<perp::quote>(instrument_id, time now)> quote;
    std::function<bool(instrument_id, time now, book_buffer &to_fill)> book;
};

// What a rule of the host answers about a job.
struct rule_answer {
    perp::sense fails =
        sense::NONE; // which value fails; NONE: nothing was said, and the rule fails
    double value = std::numeric_limits<double>::quiet_NaN(); // not known: it fails
    double limit = std::numeric_limits<double>::quiet_NaN();
    std::optional<time> until = std::nullopt; // from then on it may differ without any other change

    // The rule does not concern the job.
    static rule_answer not_held() noexcept {
        return {sense::NOT_HELD};
    }
};

// A rule of the host, for risk.add_rule. It is asked with the book's lock held, be it by evaluate
// or by a tick on any thread: it must be quick, and must not call back (what changes the book,
// evaluates or ticks is PERP_E_STATE). An exception is as if nothing was said, and reported as
// above. What it is shown lives as long as the call.
struct rule {
    std::string name; // 1 to 63 of a to z, 0 to 9 and '_', a letter first
    std::function<rule_answer(const job &, const evaluation &so_far)> ask;
    bool hard = false;        // nothing overrides it
    bool repairs_pass = true; // false only of a hard one; reducing jobs always pass
    std::string value = "";   // what is measured, likewise a name; empty: "value"
    std::string unit = "";    // of it; empty: none
};

namespace detail {

// The host's functions at an address that stays, for as long as the core lives.
struct host {
    // A rule's function, where C finds it.
    struct kept_rule {
        host *of;
        std::function<rule_answer(const job &, const evaluation &)> ask;
    };
    callbacks told;
    market_source source;
    std::vector<std::unique_ptr<kept_rule>> rules;
    std::atomic<std::uint64_t> failures{0};
    std::atomic<int> depth{0}; // functions of the host that run now, on all threads
    std::atomic<bool> complaining{false};

    // Called where an exception is being handled.
    void failed(const char *where) noexcept {
        failures++;
        try {
            std::string text = std::string(where) + " threw ";
            try {
                throw;
            } catch (const std::exception &e) {
                text += e.what();
            } catch (...) {
                text += "what is not a std::exception";
            }
            if (told.log)
                told.log(PERP_LOG_ERROR, text);
        } catch (...) {
            failures++; // of log itself
        }
    }
    // Closing now would destroy the function that is running. log is told, but not by itself.
    bool is_running(const char *what) noexcept {
        if (depth == 0)
            return false;
        if (complaining.exchange(true))
            return true;
        try {
            if (told.log)
                told.log(PERP_LOG_ERROR, what);
        } catch (...) {
            failures++;
        }
        complaining = false;
        return true;
    }
    static host *of(void *user) noexcept {
        return static_cast<host *>(user);
    }
    template <class Call> static void guard(void *user, const char *where, Call call) noexcept {
        of(user)->depth++;
        try {
            call(*of(user));
        } catch (...) {
            of(user)->failed(where);
        }
        of(user)->depth--;
    }

    bool is_told() const noexcept {
        return told.execute || told.on_leg_risk || told.on_kill || told.on_job_end ||
               told.on_cancel || told.on_unhedged || told.on_alert || told.log || told.clock;
    }
    // C's table: only what the host has set.
    perp_callbacks c() noexcept {
        perp_callbacks c = {};
        c.user = this;
        if (told.execute)
            c.execute = [](void *user, const perp_execution *job, std::uint32_t *out) {
                guard(user, "execute", [&](host &h) {
                    *out = static_cast<std::uint32_t>(h.told.execute(execution(*job)));
                });
            };
        if (told.on_leg_risk)
            c.on_leg_risk = [](void *user, const char *base, double quantity) {
                guard(user, "on_leg_risk", [&](host &h) { h.told.on_leg_risk(base, quantity); });
            };
        if (told.on_kill)
            c.on_kill = [](void *user, perp_exchange_id exchange, const perp_uuid *jobs,
                           std::uint32_t n) {
                guard(user, "on_kill", [&](host &h) {
                    h.told.on_kill(exchange_id(exchange), {jobs, n, n});
                });
            };
        if (told.on_job_end)
            c.on_job_end = [](void *user, const perp_uuid *job, std::uint32_t state) {
                guard(user, "on_job_end",
                      [&](host &h) { h.told.on_job_end(job_id(*job), job_state{state}); });
            };
        if (told.on_cancel)
            c.on_cancel = [](void *user, const perp_uuid *job) {
                guard(user, "on_cancel", [&](host &h) { h.told.on_cancel(job_id(*job)); });
            };
        if (told.on_unhedged)
            c.on_unhedged = [](void *user, const perp_uuid *job, const char *base,
                               double quantity) {
                guard(user, "on_unhedged",
                      [&](host &h) { h.told.on_unhedged(job_id(*job), base, quantity); });
            };
        if (told.on_alert)
            c.on_alert = [](void *user, const perp_alert *raised) {
                guard(user, "on_alert", [&](host &h) { h.told.on_alert(alert(*raised)); });
            };
        if (told.log)
            c.log = [](void *user, std::uint32_t level, const char *message) {
                guard(user, "log",
                      [&](host &h) { h.told.log(static_cast<log_level>(level), message); });
            };
        if (told.clock)
            c.clock = [](void *user, std::int64_t *now_ns) {
                guard(user, "clock", [&](host &h) { *now_ns = to_ns(h.told.clock()); });
            };
        return c;
    }
    static void ask_rule(void *user, const perp_job *wanted, const perp_evaluation *so_far,
                         perp_rule_answer *out) noexcept {
        const auto *kept = static_cast<const kept_rule *>(user);
        perp_rule_answer_init(out); // which stands where the function throws
        guard(kept->of, "rule", [&](host &) {
            evaluation found;
            found.c() = *so_far;
            const rule_answer said = kept->ask(job(*wanted), found);
            out->sense = static_cast<std::uint32_t>(said.fails);
            out->value = said.value;
            out->limit = said.limit;
            if (said.until)
                out->until_ns = to_ns(*said.until);
        });
    }
    perp_market_source source_c() noexcept {
        auto c = sized<perp_market_source>();
        c.user = this;
        if (source.quote)
            c.quote = [](void *user, perp_instrument_id instrument, std::int64_t now_ns,
                         perp_quote *quote, std::uint32_t *have) {
                guard(user, "market_source.quote", [&](host &h) {
                    if (const auto got =
                            h.source.quote(instrument_id(instrument), from_ns(now_ns))) {
                        *quote = got->c();
                        *have = 1;
                    }
                });
            };
        if (source.book)
            c.book = [](void *user, perp_instrument_id instrument, std::int64_t now_ns,
                        perp_book_buffer *book, std::uint32_t *have) {
                guard(user, "market_source.book", [&](host &h) {
                    *have = h.source.book(instrument_id(instrument), from_ns(now_ns), *book);
                });
            };
        return c;
    }
};

} // namespace detail

// ---- Config -------------------------------------------------------------------------------------

// Everything that a book is opened with. -> reaches the settings of the C struct:
// config->risk.mode = PERP_MODE_CONSERVATIVE. Callbacks and a store that are set here take the
// place of those of the C struct.
class config {
  public:
    perp::callbacks callbacks;
    perp::store store;

    config() noexcept {
        perp_config_init(&c_);
    }
    explicit config(const perp_config &c) noexcept : c_(c) {
    }

    // Over what is set already. PERP_E_CONFIG: the message has the path of the field.
    config &read_json(std::string_view text) & {
        detail::must(nullptr, perp_config_from_json(text.data(), text.size(), &c_));
        return *this;
    }
    config read_json(std::string_view text) && {
        return std::move(read_json(text));
    }
    config &read_json(std::string_view text, std::error_code &ec) &noexcept {
        ec = perp_config_from_json(text.data(), text.size(), &c_);
        return *this;
    }
    config read_json(std::string_view text, std::error_code &ec) && {
        return std::move(read_json(text, ec));
    }
    std::string json() const {
        return detail::must(nullptr, [&](auto &ec) { return json(ec); });
    }
    std::string json(std::error_code &ec) const {
        return detail::text(ec, [&](char *buffer, std::size_t capacity, std::size_t *length) {
            return perp_config_to_json(&c_, buffer, capacity, length);
        });
    }
    // Ranges and sums, as core::open does.
    void check() const {
        detail::must(nullptr, perp_config_check(&c_));
    }
    void check(std::error_code &ec) const noexcept {
        ec = perp_config_check(&c_);
    }

    perp_config *operator->() noexcept {
        return &c_;
    }
    const perp_config *operator->() const noexcept {
        return &c_;
    }
    const perp_config &c() const noexcept {
        return c_;
    }

  private:
    perp_config c_;
};

} // namespace perp

#endif
