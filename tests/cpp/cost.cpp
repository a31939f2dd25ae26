// The same work through C and through C++, to be counted: cost c|cpp ROUNDS
#include "book.hpp"

namespace {

struct totals {
    double scores = 0;
    std::uint64_t ids = 0;
};

// One round as a host in C writes it: a quote, an evaluation, a reservation and its release.
void in_c(const world &w, const perp_job &job, std::int64_t now, totals &sum) {
    perp_core *core = w.core.native_handle();
    perp_quote quote = {w.btc[0].value(), 0, now, 50000, 10, 50001, 10};
    perp_call call;
    perp_call_init(&call);
    call.now_ns = now;
    perp_evaluation evaluation;
    perp_evaluation_init(&evaluation);
    perp_refusal refusal = {};
    refusal.struct_size = sizeof refusal;
    std::uint64_t id = 0;
    if (perp_market_on_quote(perp_core_market(core), &quote) != PERP_OK ||
        perp_risk_evaluate(perp_core_risk(core), now, &job, &evaluation) != PERP_OK ||
        perp_capital_reserve(perp_core_capital(core), &call, w.x[0].value(), PERP_POOL_ARB,
                             100 * PERP_USD, nullptr, &id, &refusal) != PERP_OK ||
        perp_capital_release(perp_core_capital(core), &call, id, 0) != PERP_OK)
        throw std::runtime_error(perp_core_error(core));
    sum.scores += evaluation.safety_score;
    sum.ids += id;
}

// The same in C++.
void in_cpp(const world &w, const perp::job &job, perp::time now, totals &sum) {
    w.core.market().on_quote({w.btc[0], now, 50000, 10, 50001, 10});
    const perp::evaluation evaluation = w.core.risk().evaluate(now, job);
    const perp::reserved made = w.core.capital().reserve(now, w.x[0], perp::pool::ARB, 100_usd);
    w.core.capital().release(now, made.id);
    sum.scores += evaluation->safety_score;
    sum.ids += made.id.value();
}

} // namespace

int main(int argc, char **argv) try {
    if (argc != 3)
        return 2;
    const bool cpp = std::string(argv[1]) == "cpp";
    const world w;
    const perp::job job = w.pair(1);
    totals sum;
    perp::time now = w.now;
    for (int i = std::atoi(argv[2]); i > 0; i--) {
        now += 1us;
        if (cpp)
            in_cpp(w, job, now, sum);
        else
            in_c(w, job.c(), perp::to_ns(now), sum);
    }
    std::printf("%.3f %llu\n", sum.scores, static_cast<unsigned long long>(sum.ids));
} catch (const std::exception &e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
}
