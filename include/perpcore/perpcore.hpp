// libperpcore in C++17: the whole C API with RAII, strong types and exceptions or std::error_code.
// Header only; needs the standard library and libperpcore. See docs/cpp.md.
#ifndef PERPCORE_PERPCORE_HPP
#define PERPCORE_PERPCORE_HPP

#if __cplusplus < 201703L
#error "perpcore.hpp needs C++17"
#endif

#include <perpcore/cpp_config.hpp>
#include <perpcore/cpp_error.hpp>
#include <perpcore/cpp_jobs.hpp>
#include <perpcore/cpp_modules.hpp>
#include <perpcore/cpp_money.hpp>
#include <perpcore/cpp_monitor.hpp>
#include <perpcore/cpp_orders.hpp>
#include <perpcore/cpp_types.hpp>
#include <perpcore/cpp_values.hpp>

namespace perp {

// A book that someone else owns; costs nothing to copy. Every function throws perp::error where it
// fails, and has an overload that takes a std::error_code& last and throws nothing but
// std::bad_alloc.
class core_ref {
  public:
    core_ref() noexcept = default;
    core_ref(class core &&) = delete; // of one that ends at once
    explicit core_ref(perp_core *c) noexcept : c_(c) {
    }
    perp_core *native_handle() const noexcept {
        return c_;
    }
    explicit operator bool() const noexcept {
        return c_ != nullptr;
    }

    perp::capital capital() const noexcept {
        return {c_, perp_core_capital(c_)};
    }
    perp::market market() const noexcept {
        return {c_, perp_core_market(c_), host_};
    }
    perp::positions positions() const noexcept {
        return {c_, perp_core_positions(c_)};
    }
    perp::risk risk() const noexcept {
        return {c_, perp_core_risk(c_), host_};
    }
    perp::scheduler scheduler() const noexcept {
        return {c_, perp_core_scheduler(c_)};
    }
    perp::orders orders() const noexcept {
        return {c_, perp_core_orders(c_)};
    }
    perp::monitor monitor() const noexcept {
        return perp::monitor(c_);
    }

    // The message of this thread's last failed call on this book; valid until its next call. For
    // those who use error codes: an exception carries it.
    std::string_view message() const noexcept {
        return perp_core_error(c_);
    }
    // Exceptions that left callbacks since open; log was told of each.
    std::uint64_t callback_failures() const noexcept {
        return host_ ? host_->failures.load() : 0;
    }

    // ---- Exchanges and instruments ----

    // Adding the same again gives the same id (PERP_E_EXISTS, which is not thrown).
    exchange_id add_exchange(const exchange_spec &spec) const {
        return detail::must_be_there(c_, [&](auto &ec) { return add_exchange(spec, ec); });
    }
    exchange_id add_exchange(const exchange_spec &spec, std::error_code &ec) const noexcept {
        const perp_exchange_spec c = spec.c();
        perp_exchange_id id = PERP_NO_ID;
        ec = perp_exchange_add(c_, &c, &id);
        return exchange_id(id);
    }
    instrument_id add_instrument(const instrument_spec &spec) const {
        return detail::must_be_there(c_, [&](auto &ec) { return add_instrument(spec, ec); });
    }
    instrument_id add_instrument(const instrument_spec &spec, std::error_code &ec) const noexcept {
        const perp_instrument_spec c = spec.c();
        perp_instrument_id id = PERP_NO_ID;
        ec = perp_instrument_add(c_, &c, &id);
        return instrument_id(id);
    }

    exchange_id find_exchange(std::string_view name) const {
        return detail::must(c_, [&](auto &ec) { return find_exchange(name, ec); });
    }
    exchange_id find_exchange(std::string_view name, std::error_code &ec) const noexcept {
        const detail::c_name c(name);
        perp_exchange_id id = PERP_NO_ID;
        ec = perp_exchange_find(c_, c.text, &id);
        return exchange_id(id);
    }
    instrument_id find_instrument(exchange_id exchange, std::string_view symbol) const {
        return detail::must(c_, [&](auto &ec) { return find_instrument(exchange, symbol, ec); });
    }
    instrument_id find_instrument(exchange_id exchange, std::string_view symbol,
                                  std::error_code &ec) const noexcept {
        const detail::c_name c(symbol);
        perp_instrument_id id = PERP_NO_ID;
        ec = perp_instrument_find(c_, exchange.value(), c.text, &id);
        return instrument_id(id);
    }

    exchange_spec exchange(exchange_id id) const {
        return detail::must(c_, [&](auto &ec) { return exchange(id, ec); });
    }
    exchange_spec exchange(exchange_id id, std::error_code &ec) const {
        auto c = detail::sized<perp_exchange_spec>();
        ec = perp_exchange_get(c_, id.value(), &c);
        return exchange_spec(c);
    }
    instrument_spec instrument(instrument_id id) const {
        return detail::must(c_, [&](auto &ec) { return instrument(id, ec); });
    }
    instrument_spec instrument(instrument_id id, std::error_code &ec) const {
        auto c = detail::sized<perp_instrument_spec>();
        ec = perp_instrument_get(c_, id.value(), &c);
        return instrument_spec(c);
    }
    // Ids go from 0 to one below the count.
    std::uint32_t exchange_count() const noexcept {
        return perp_exchange_count(c_);
    }
    std::uint32_t instrument_count() const noexcept {
        return perp_instrument_count(c_);
    }

    // ---- Jobs ----

    job job_from_json(std::string_view text) const {
        return detail::must(c_, [&](auto &ec) { return job_from_json(text, ec); });
    }
    job job_from_json(std::string_view text, std::error_code &ec) const {
        std::array<char, PERP_MAX_METADATA> metadata;
        perp_job c;
        perp_job_init(&c);
        ec = perp_job_from_json(c_, text.data(), text.size(), &c, metadata.data());
        return job(c);
    }
    // Gives a job its two legs: of two instruments of one base, it buys where that is cheaper.
    void fill_hedge(time now, instrument_id first, instrument_id second, job &to_fill) const {
        detail::must(c_, [&](auto &ec) { fill_hedge(now, first, second, to_fill, ec); });
    }
    void fill_hedge(time now, instrument_id first, instrument_id second, job &to_fill,
                    std::error_code &ec) const noexcept {
        ec = perp_job_fill_hedge(c_, to_ns(now), first.value(), second.value(), &to_fill.c());
    }

    // Makes to_fill the job that closes what an open job has open, or a fraction of it.
    void fill_exit(time now, const job_id &open, job &to_fill, double fraction = 1) const {
        detail::must(c_, [&](auto &ec) { fill_exit(now, open, to_fill, fraction, ec); });
    }
    void fill_exit(time now, const job_id &open, job &to_fill, double fraction,
                   std::error_code &ec) const noexcept {
        ec = perp_job_fill_exit(c_, to_ns(now), &open.c(), fraction, &to_fill.c());
    }

    // ---- The book as a whole ----

    // Makes all changes so far durable (with PERP_DURABILITY_BATCH).
    void flush() const {
        detail::must(c_, perp_core_flush(c_));
    }
    void flush(std::error_code &ec) const noexcept {
        ec = perp_core_flush(c_);
    }
    // The same without waiting for the disk: hands all changes so far to the store and gives the
    // number of the last one, which is durable once durable() has reached it. sync() on another
    // thread, or the next flush or tick, brings that about.
    std::uint64_t flush_async() const {
        return detail::must(c_, [&](auto &ec) { return flush_async(ec); });
    }
    std::uint64_t flush_async(std::error_code &ec) const noexcept {
        std::uint64_t seq = 0;
        ec = perp_core_flush_async(c_, &seq);
        return seq;
    }
    // The number of the event up to which all is on disk; without a store, of the last one.
    std::uint64_t durable() const noexcept {
        std::uint64_t seq = 0;
        (void)perp_core_durable(c_, &seq);
        return seq;
    }
    // Waits until all is on disk that flush_async handed to the store before. For a thread of its
    // own: it takes no lock of the book.
    void sync() const {
        detail::must(c_, perp_store_sync(c_));
    }
    void sync(std::error_code &ec) const noexcept {
        ec = perp_store_sync(c_);
    }
    void checkpoint() const {
        detail::must(c_, perp_core_checkpoint(c_));
    }
    void checkpoint(std::error_code &ec) const noexcept {
        ec = perp_core_checkpoint(c_);
    }
    // PERP_E_CORRUPT: an invariant is broken; the message says which.
    void check() const {
        detail::must(c_, perp_core_check(c_));
    }
    void check(std::error_code &ec) const noexcept {
        ec = perp_core_check(c_);
    }
    // Equal books have equal hashes.
    std::uint64_t hash() const noexcept {
        return perp_core_hash(c_);
    }
    // The latest time of a call that changed the book.
    std::optional<time> clock() const noexcept {
        return c_ ? detail::maybe_time(perp_core_clock(c_)) : std::nullopt;
    }
    // Sets it at once, however far ahead, and also back. Takes actor and reason.
    void advance(const call &when) const {
        detail::must(c_, [&](auto &ec) { advance(when, ec); });
    }
    void advance(const call &when, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_core_advance(c_, &c);
    }
    // Sets what exchanges change while the book is open: the spec of exchange or instrument (below)
    // with what changes, found by its name. Raising a limit takes actor and reason.
    void update(const call &when, const exchange_spec &spec) const {
        detail::must(c_, [&](auto &ec) { update(when, spec, ec); });
    }
    void update(const call &when, const exchange_spec &spec, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        const perp_exchange_spec given = spec.c();
        ec = perp_exchange_update(c_, &c, &given);
    }
    void update(const call &when, const instrument_spec &spec) const {
        detail::must(c_, [&](auto &ec) { update(when, spec, ec); });
    }
    void update(const call &when, const instrument_spec &spec, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        const perp_instrument_spec given = spec.c();
        ec = perp_instrument_update(c_, &c, &given);
    }
    // Changes settings: JSON as config::read_json takes it, with just what changes. Takes actor and
    // reason.
    void reconfigure(const call &when, std::string_view json) const {
        detail::must(c_, [&](auto &ec) { reconfigure(when, json, ec); });
    }
    void reconfigure(const call &when, std::string_view json, std::error_code &ec) const noexcept {
        const perp_call c = when.c();
        ec = perp_core_reconfigure(c_, &c, json.data(), json.size());
    }
    // The one in force, without callbacks and store.
    perp::config config() const {
        return detail::must(c_, [&](auto &ec) { return config(ec); });
    }
    perp::config config(std::error_code &ec) const noexcept {
        perp_config c;
        perp_config_init(&c);
        ec = perp_core_config(c_, &c);
        return perp::config(c);
    }
    core_stats statistics() const {
        return detail::must(c_, [&](auto &ec) { return statistics(ec); });
    }
    core_stats statistics(std::error_code &ec) const noexcept {
        auto stats = detail::sized<perp_core_stats>();
        ec = perp_core_statistics(c_, &stats);
        return stats;
    }
    // What the limits could ever let pass, for each strategy and pair of exchanges.
    std::vector<perp::feasibility> feasibility() const {
        return detail::must(c_, [&](auto &ec) { return feasibility(ec); });
    }
    std::vector<perp::feasibility> feasibility(std::error_code &ec) const {
        return detail::rows<perp::feasibility, perp_feasibility>(
            ec, [&](perp_feasibility *rows, std::uint32_t capacity, std::uint32_t *count) {
                return perp_core_feasibility(c_, rows, capacity, count);
            });
    }

  protected:
    perp_core *c_ = nullptr;
    detail::host *host_ = nullptr;
};

// A book: opened by open, closed when this ends. Handles and references to it that were taken
// before a move stay good after it, as does everything but this object itself.
class [[nodiscard]] core : public core_ref {
  public:
    core() noexcept = default;
    core(core &&other) noexcept {
        swap(other);
    }
    // Closes what it had. Inside a callback of that nothing happens, and log is told.
    core &operator=(core &&other) noexcept {
        if (!owned_ || !owned_->is_running("a core was not replaced: one of its callbacks runs"))
            core(std::move(other)).swap(*this);
        return *this;
    }
    // A book in use, as inside of a callback of its own, stays open for good: nothing else could be
    // safe.
    ~core() {
        std::error_code ec;
        close(ec);
        if (c_)
            (void)owned_.release();
    }

    // Handles of a core that ends at once would refer to nothing.
    perp::capital capital() const &noexcept {
        return core_ref::capital();
    }
    perp::market market() const &noexcept {
        return core_ref::market();
    }
    perp::positions positions() const &noexcept {
        return core_ref::positions();
    }
    perp::risk risk() const &noexcept {
        return core_ref::risk();
    }
    perp::scheduler scheduler() const &noexcept {
        return core_ref::scheduler();
    }
    perp::orders orders() const &noexcept {
        return core_ref::orders();
    }
    perp::monitor monitor() const &noexcept {
        return core_ref::monitor();
    }
    void capital() const && = delete;
    void market() const && = delete;
    void positions() const && = delete;
    void risk() const && = delete;
    void scheduler() const && = delete;
    void orders() const && = delete;
    void monitor() const && = delete;

    // The config's store is taken over, also where open fails.
    static core open(perp::config with = {}) {
        return detail::must(nullptr, [&](auto &ec) { return open(std::move(with), ec); });
    }
    static core open(perp::config with, std::error_code &ec) {
        core made;
        const perp_config c = made.adopt(with);
        ec = perp_core_open(&c, &made.c_);
        return made;
    }

    // Called after each record; may only read.
    using visitor = std::function<void(const core_ref &book, std::uint64_t seq)>;

    // The book as it was after record to_seq (0: the last) of the config's store, which is closed.
    // An exception that leaves the visitor comes out here, after the rest was replayed unvisited.
    static core replay(perp::config with, std::uint64_t to_seq = 0, const visitor &visit = {}) {
        return detail::must(nullptr,
                            [&](auto &ec) { return replay(std::move(with), to_seq, visit, ec); });
    }
    static core replay(perp::config with, std::uint64_t to_seq, const visitor &visit,
                       std::error_code &ec) {
        struct visiting {
            const visitor &visit;
            std::exception_ptr thrown;
        } state{visit, nullptr};
        const auto each = [](void *user, const perp_core *book, std::uint64_t seq) {
            auto &self = *static_cast<visiting *>(user);
            if (self.thrown)
                return;
            try {
                self.visit(core_ref(const_cast<perp_core *>(book)), seq);
            } catch (...) {
                self.thrown = std::current_exception();
            }
        };
        core made;
        const perp_config c = made.adopt(with);
        ec = visit ? perp_core_replay(&c, to_seq, each, &state, &made.c_)
                   : perp_core_replay(&c, to_seq, nullptr, nullptr, &made.c_);
        if (state.thrown)
            std::rethrow_exception(state.thrown);
        return made;
    }

    // Makes what waits durable, then frees the book. PERP_E_STATE: it is in use (one of its
    // callbacks or a call on another thread runs) and stays open; log is told. PERP_E_STORE: what
    // waited is lost, and the book is closed all the same.
    void close() {
        if (is_in_use())
            throw error(PERP_E_STATE, "core.close: inside a callback");
        detail::must(nullptr, [&](auto &ec) { close(ec); });
    }
    void close(std::error_code &ec) noexcept {
        ec = is_in_use() ? PERP_E_STATE : perp_core_close(c_);
        if (ec == PERP_E_STATE)
            return;
        c_ = nullptr;
        host_ = nullptr;
        owned_.reset();
    }

  private:
    bool is_in_use() const noexcept {
        return owned_ && owned_->is_running("a core was not closed: one of its callbacks runs");
    }
    void swap(core &other) noexcept {
        std::swap(c_, other.c_);
        std::swap(host_, other.host_);
        owned_.swap(other.owned_);
    }
    // The host's functions move to an address that stays; the store becomes the core's.
    perp_config adopt(perp::config &with) {
        owned_ = std::make_unique<detail::host>();
        host_ = owned_.get();
        owned_->told = std::move(with.callbacks);
        perp_config c = with.c();
        if (owned_->is_told())
            c.callbacks = owned_->c();
        if (with.store)
            c.store = with.store.release();
        return c;
    }
    std::unique_ptr<detail::host> owned_; // outlives the book: closing may still tell the host
};

} // namespace perp

#endif
