// Puts a state on the screen. Everything is made once and then only its texts change.
import { $, attribute, bar, h, keyed, setBar, show, text } from "./dom.js";
import { explains } from "./explain.js";
import {
    clock,
    count,
    duration,
    millis,
    ms,
    NONE,
    number,
    percent,
    POOLS,
    signedUsd,
    STATUS,
    usd,
    usdShort,
    words,
} from "./format.js";
import { showOrders } from "./orders.js";
import { nowOf, statusOf, strategyName, whyOf } from "./why.js";

const part = (element, name) => element.querySelector(`[data-part="${name}"]`);
const slot = (tag, name, attributes = {}) => h(tag, { ...attributes, "data-part": name });

// ---- The top -----------------------------------------------------------------------------------

let seenStatus = "";
let seenSince = "";

// Also of a page that nobody sees: its tab and its icon are all there is of it.
export function showTitle(state, host) {
    const status = statusOf(state, host);
    const { title, mark } = STATUS[status] ?? { title: words(status), mark: "?" };
    document.title = `${mark} ${title} – perpcore`;
}

export function showStatus(state, log, host) {
    const status = statusOf(state, host);
    const { title, mark } = STATUS[status] ?? { title: words(status), mark: "?" };
    if (status !== seenStatus) {
        text($("spoken"), title);
        seenSince = seenStatus ? `since ${clock(state.last_update)}` : "";
        seenStatus = status;
    }
    const { why, but, by } = whyOf(state, log, host);
    attribute($("status"), "data-status", status);
    text($("status-mark"), mark);
    text($("status-name"), title);
    text($("status-why"), why);
    text($("status-but"), but);
    text($("status-by"), by ? `By ${by}` : seenSince && `Seen ${seenSince}`);
    text($("status-now"), nowOf(state));
    text($("risk-mode"), words(state.global_stats.risk_mode));
    text($("as-of"), clock(state.last_update));
    attribute($("as-of"), "data-time", state.last_update);
    showTitle(state, host);

    const risk = state.risk_stats;
    const anyKilled = Object.values(state.exchange_stats).some((exchange) => exchange.killed);
    attribute($("do-pause"), "class", status === "running" ? "primary" : null);
    attribute($("do-resume"), "class", status === "paused" ? "primary" : null);
    show($("do-release"), risk.killed || anyKilled);
    show($("do-halt"), risk.auto_halt || risk.consecutive_failures > 0);
    show($("do-override-off"), risk.manual_override);
}

// ---- Today -------------------------------------------------------------------------------------

const TILES = [
    { field: "equity_usd", title: "Equity", show: usd },
    { field: "today_net_usd", title: "Net today", show: signedUsd, sign: true },
    { field: "today_pnl_usd", title: "PnL, before fees", show: signedUsd, sign: true },
    { field: "today_volume_usd", title: "Volume", show: usdShort },
    { field: "today_fees_usd", title: "Fees", show: usd },
    { field: "daily_loss_used", title: "Daily loss", show: usd, limit: "daily_loss_limit" },
    { field: "drawdown", title: "Drawdown", show: (value) => percent(value) },
];

function makeTile(tile) {
    const element = h(
        "div",
        { class: "tile" },
        h("dt", {}, tile.title),
        h(
            "dd",
            {},
            slot("b", "value", { "data-field": tile.field }),
            slot("span", "note", { class: "soft small" }),
        ),
    );
    if (tile.limit) element.append((element.meter = bar("Daily loss, of its limit")));
    return element;
}

function showTiles(global) {
    keyed(
        $("tiles"),
        TILES,
        (tile) => tile.field,
        makeTile,
        (element, tile) => {
            const value = global[tile.field];
            const shown = part(element, "value");
            text(shown, tile.show(value));
            attribute(shown, "data-value", value);
            if (tile.sign)
                attribute(shown, "data-sign", value < 0 ? "minus" : value > 0 ? "plus" : null);
            if (!tile.limit) return;
            const limit = global[tile.limit];
            text(part(element, "note"), limit ? ` of ${usd(limit)}` : " no limit");
            show(element.meter, limit > 0);
            setBar(element.meter, value, 0, limit ?? 0, `${usd(value)} of ${usd(limit)}`);
        },
    );
}

// ---- Alerts ------------------------------------------------------------------------------------

const JOB_ALERTS = new Set(["job_overdue", "job_in_doubt"]);

// What an operator may say to an alert: its control, and what it is about.
const ANSWERS = {
    naked_base: { label: "Resolve…", control: "resolve", about: (subject) => ({ base: subject }) },
    position_drift: {
        label: "Accept…",
        control: "accept_position",
        about: (subject) => {
            const at = subject.lastIndexOf(" ");
            return { exchange: subject.slice(0, at), symbol: subject.slice(at + 1) };
        },
    },
};

function makeAlert(alert, control) {
    const actions = h("span", { class: "row-actions" });
    const panel = h("div", { class: "explain", hidden: true });
    if (JOB_ALERTS.has(alert.code)) {
        const why = h("button", { type: "button", class: "small" }, "Explain");
        explains(why, panel, alert.subject);
        actions.append(why);
    }
    const answer = ANSWERS[alert.code];
    if (answer)
        actions.append(
            h(
                "button",
                {
                    type: "button",
                    class: "small",
                    onclick: () => control(answer.control, answer.about(alert.subject)),
                },
                answer.label,
            ),
        );
    return h(
        "li",
        {},
        h(
            "div",
            { class: "alert-head" },
            slot("b", "level", { class: "level" }),
            slot("b", "code"),
            slot("span", "subject", { class: "subject" }),
            slot("span", "since", { class: "soft small" }),
            actions,
        ),
        slot("p", "message"),
        panel,
    );
}

function showAlerts(state, control) {
    const alerts = state.alerts;
    show($("alerts-none"), alerts.length === 0);
    text($("alerts-count"), alerts.length || "");
    attribute($("alerts-count"), "data-level", alerts[0]?.level);
    keyed(
        $("alerts"),
        alerts,
        (alert) => `${alert.code} ${alert.subject} ${alert.message.slice(0, 12)}`,
        (alert) => makeAlert(alert, control),
        (element, alert) => {
            attribute(element, "data-level", alert.level);
            text(part(element, "level"), alert.level);
            text(part(element, "code"), words(alert.code));
            text(part(element, "subject"), alert.subject);
            // Where the library does not know since when, it says now.
            const age = millis(state.last_update) - millis(alert.since);
            text(part(element, "since"), age >= 1000 ? `for ${duration(age)}` : "");
            text(part(element, "message"), alert.message);
        },
    );
}

// ---- Positions ---------------------------------------------------------------------------------

const POSITIONS = [
    "position",
    "quantity",
    "entry",
    "mark",
    "unrealised",
    "to liquidation",
    "capital",
    "",
];

// Bases, those that are naked first and of these the largest, each with its positions.
function positionRows({ positions, bases }) {
    const all = Object.entries(positions).flatMap(([exchange, symbols]) =>
        Object.entries(symbols).map(([symbol, position]) => ({ exchange, symbol, position })),
    );
    const worth = ([, base]) => (base.is_naked ? (base.naked.usd ?? Infinity) : -1);
    const ordered = Object.entries(bases).sort(
        (a, b) => worth(b) - worth(a) || (a[0] < b[0] ? -1 : 1),
    );
    return ordered.flatMap(([name, base]) => [
        { name, base },
        ...all.filter((row) => row.position.base === name),
    ]);
}

function repairOf(base) {
    if (base.repairs_stopped) return "repairs stopped by hand";
    if (base.repair) return "being repaired";
    if (base.next_try) return `next try at ${clock(base.next_try)}`;
    return "no repair yet";
}

function updateBase(element, { name, base }, now) {
    const age = millis(base.naked.since);
    const naked = base.is_naked
        ? `NAKED ${number(base.naked.quantity)} (${usd(base.naked.usd)})` +
          `${Number.isNaN(age) ? "" : ` for ${duration(now - age)}`}, ${repairOf(base)}`
        : "hedged";
    const line = `${name}: ${naked}; net ${number(base.net)}, gross ${number(base.gross)}`;
    attribute(element, "data-naked", base.is_naked);
    attribute(element, "data-base", name);
    text(element.firstElementChild, line);
}

function updatePosition(element, { exchange, symbol, position }) {
    const used = position.lots.reduce((sum, lot) => sum + lot.used, 0);
    const told = position.latched
        ? `drift of ${number(position.unexplained)}`
        : position.in_doubt
          ? "in doubt"
          : position.known
            ? ""
            : "not known";
    const shown = [
        `${exchange} ${symbol}`,
        number(position.quantity),
        number(position.entry),
        number(position.mark),
        signedUsd(position.unrealised),
        percent(position.liquidation_distance, 1),
        usdShort(used),
        told,
    ];
    shown.forEach((value, i) => text(element.children[i], value));
    attribute(element, "data-told", told ? (position.latched ? "bad" : "warn") : null);
}

const makePositionRow = (row) =>
    row.base
        ? h(
              "tr",
              { class: "base" },
              h("th", { scope: "rowgroup", colspan: POSITIONS.length, class: "base-line" }),
          )
        : h("tr", {}, ...POSITIONS.map((_name, i) => h("td", { class: i ? "figure" : null })));

function showPositions(state) {
    const stats = state.positions_stats;
    const now = millis(state.last_update);
    const rows = positionRows(stats);
    const naked = Object.values(stats.bases).filter((base) => base.is_naked).length;
    show($("positions-none"), rows.length === 0);
    show($("positions"), rows.length > 0);
    text($("positions-count"), naked ? `${naked} naked` : "");
    attribute($("positions-count"), "data-level", naked ? "critical" : null);
    if (!$("positions").firstElementChild)
        $("positions").append(
            h(
                "table",
                {},
                h(
                    "thead",
                    {},
                    h("tr", {}, ...POSITIONS.map((name) => h("th", { scope: "col" }, name))),
                ),
                h("tbody"),
            ),
        );
    keyed(
        $("positions").querySelector("tbody"),
        rows,
        (row) => (row.base ? `base ${row.name}` : `${row.symbol} ${row.exchange}`),
        makePositionRow,
        (element, row) =>
            row.base ? updateBase(element, row, now) : updatePosition(element, row),
    );
}

// ---- Jobs --------------------------------------------------------------------------------------

function makeJob(job, control) {
    const toggle = h(
        "button",
        { type: "button", class: "job-toggle" },
        h(
            "span",
            { class: "job-line" },
            slot("b", "what"),
            slot("span", "where", { class: "soft" }),
            slot("span", "state", { class: "chip" }),
        ),
        h(
            "span",
            { class: "job-line" },
            slot("span", "money"),
            slot("span", "score"),
            slot("span", "age", { class: "soft" }),
            slot("span", "reason", { class: "reason" }),
        ),
    );
    const panel = h("div", { class: "explain" });
    explains(toggle, panel, job.job_id);
    const act = h("button", { type: "button", class: "small", "data-part": "act" });
    act.addEventListener("click", () => control(act.dataset.action, { job_id: job.job_id }));
    return h("li", { class: "job" }, h("div", { class: "job-head" }, toggle, act), panel);
}

function ageOf(job, now) {
    if (job.ended) return `ended ${clock(job.ended)}`;
    if (job.started) return `for ${duration(now - millis(job.started))}`;
    return `waits ${duration(now - millis(job.submitted))}`;
}

function updateJob(element, job, now) {
    text(part(element, "what"), `${strategyName(job.strategy)}${job.is_repair ? " (repair)" : ""}`);
    text(part(element, "where"), `${job.symbol} · ${job.exchanges.join(" ↔ ")}`);
    const state = part(element, "state");
    text(state, job.overdue ? `${words(job.state)}, overdue` : words(job.state));
    attribute(state, "data-state", job.overdue ? "overdue" : job.state);
    text(
        part(element, "money"),
        job.ended ? `${signedUsd(job.pnl)} on ${usdShort(job.volume)}` : usd(job.notional),
    );
    text(part(element, "score"), `score ${job.score === null ? NONE : job.score.toFixed(1)}`);
    text(part(element, "age"), ageOf(job, now));
    const refused = job.state === "pending" && job.last_refusal;
    text(part(element, "reason"), refused ? `refused: ${words(job.last_refusal)}` : "");
    const act = part(element, "act");
    const ends = job.ended || !["pending", "running", "in_doubt"].includes(job.state);
    show(act, !ends);
    if (!ends) {
        text(act, "Cancel…");
        attribute(act, "data-action", "cancel");
        attribute(act, "aria-label", `Cancel job ${job.job_id}`);
    }
}

function showJobs(state, control) {
    const jobs = state.jobs_stats;
    const now = millis(state.last_update);
    const list = (id, items) =>
        keyed(
            $(id),
            items,
            (job) => job.job_id,
            (job) => makeJob(job, control),
            (element, job) => updateJob(element, job, now),
        );
    list("running", jobs.running_jobs);
    list("pending", jobs.top_pending);
    if ($("recent-box").open) list("recent", jobs.recent_completed);
    text($("running-count"), jobs.running_jobs_count);
    attribute($("running-count"), "data-value", jobs.running_jobs_count);
    text($("pending-count"), jobs.pending_jobs_count);
    attribute($("pending-count"), "data-value", jobs.pending_jobs_count);
    show($("running-none"), jobs.running_jobs_count === 0);
    show($("pending-none"), jobs.pending_jobs_count === 0);
    const more = jobs.pending_jobs_count - jobs.top_pending.length;
    text($("pending-more"), more > 0 ? `and ${count(more)} more, of lower priority or score` : "");
}

// ---- Exchanges ---------------------------------------------------------------------------------

function makePool(pool) {
    const { title, note } = POOLS[pool] ?? { title: words(pool), note: "" };
    const element = h(
        "div",
        { class: "pool" },
        h(
            "div",
            { class: "pool-head" },
            h("span", {}, title, " ", h("span", { class: "soft small" }, note)),
            slot("span", "figures", { class: "figure" }),
        ),
    );
    element.append((element.meter = bar(`${title} ${note}`)));
    return element;
}

function updatePool(element, [, pool]) {
    text(
        part(element, "figures"),
        `${usdShort(pool.in_flight + pool.used)} of ${usdShort(pool.budget)}`,
    );
    setBar(
        element.meter,
        pool.used,
        pool.in_flight,
        pool.budget,
        `${usd(pool.used)} used and ${usd(pool.in_flight)} in flight of ${usd(pool.budget)}`,
    );
}

function makeExchange(name, control) {
    const kill = h("button", { type: "button", class: "small danger", "data-part": "kill" });
    kill.addEventListener("click", () => control(kill.dataset.action, { exchange: name }));
    const card = h(
        "article",
        { class: "card", "aria-label": name },
        h(
            "div",
            { class: "card-head" },
            h("h3", {}, name),
            slot("span", "status", { class: "chip" }),
            slot("span", "circuit", { class: "chip" }),
            slot("span", "safe", { class: "chip", "data-state": "warn" }),
            slot("span", "killed", { class: "chip", "data-state": "bad" }),
            kill,
        ),
        h(
            "dl",
            { class: "pairs" },
            ...[
                ["equity", "Equity"],
                ["latency", "Latency p50 / p99"],
                ["positions", "Open positions"],
                ["rate", "Orders it takes now"],
                ["jobs", "Jobs"],
            ].map(([field, title]) => h("div", {}, h("dt", {}, title), slot("dd", field))),
        ),
        slot("div", "pools"),
    );
    const notional = makePool("running notional");
    card.querySelector('[data-part="pools"]').before(notional);
    card.notional = notional;
    card.append(
        h(
            "table",
            { class: "funding" },
            h("caption", { class: "hidden" }, `Funding on ${name}`),
            h(
                "thead",
                {},
                h(
                    "tr",
                    {},
                    h("th", { scope: "col" }, "Funding"),
                    h("th", { scope: "col" }, "rate"),
                    h("th", { scope: "col" }, "settles in"),
                ),
            ),
            slot("tbody", "funding"),
        ),
    );
    return card;
}

function fundingRows(state, name) {
    const now = millis(state.last_update);
    return Object.entries(state.exchange_stats[name].funding_rates).map(([symbol, rate]) => {
        const next = state.market_stats[symbol]?.[name]?.next_funding;
        return { symbol, rate, left: next ? millis(next) - now : NaN };
    });
}

const makeFunding = () =>
    h(
        "tr",
        {},
        slot("th", "symbol", { scope: "row" }),
        slot("td", "rate", { class: "figure" }),
        slot("td", "left", { class: "figure" }),
    );

function updateFunding(row, { symbol, rate, left }) {
    text(part(row, "symbol"), symbol);
    text(part(row, "rate"), percent(rate, 4));
    text(part(row, "left"), left >= 0 ? duration(left) : NONE);
}

function updateExchange(card, name, state) {
    const exchange = state.exchange_stats[name];
    const capital = state.capital_stats[name];
    text(part(card, "status"), exchange.status === "up" ? "up" : words(exchange.status));
    attribute(
        part(card, "status"),
        "data-state",
        { up: "good", degraded: "warn", down: "bad" }[exchange.status],
    );
    text(part(card, "circuit"), `circuit ${words(exchange.circuit)}`);
    attribute(
        part(card, "circuit"),
        "data-state",
        { closed: "good", half_open: "warn", open: "bad" }[exchange.circuit],
    );
    show(part(card, "safe"), exchange.safe_mode);
    text(part(card, "safe"), "safe mode");
    const killed = exchange.killed || state.risk_stats.killed;
    show(part(card, "killed"), killed);
    text(part(card, "killed"), "killed");
    const kill = part(card, "kill");
    const off = exchange.killed && !state.risk_stats.killed;
    text(kill, off ? "Release…" : "Kill…");
    attribute(kill, "data-action", off ? "release" : "kill");
    attribute(kill, "aria-label", `${off ? "Release" : "Kill"} ${name}`);
    show(kill, !state.risk_stats.killed);
    text(part(card, "equity"), usd(capital.equity));
    text(part(card, "latency"), `${ms(exchange.latency_p50_ms)} / ${ms(exchange.latency_p99_ms)}`);
    text(part(card, "positions"), count(exchange.open_positions_count));
    text(
        part(card, "rate"),
        exchange.order_rate_left === null ? "no limit" : count(exchange.order_rate_left),
    );
    text(
        part(card, "jobs"),
        `${exchange.concurrent_jobs_count} of ${exchange.max_concurrent_jobs}`,
    );
    updatePool(card.notional, [
        "",
        {
            in_flight: exchange.running_notional,
            used: 0,
            budget: exchange.max_notional,
        },
    ]);
    keyed(
        part(card, "pools"),
        Object.entries(capital.pools),
        ([pool]) => pool,
        ([pool]) => makePool(pool),
        updatePool,
    );
    keyed(
        part(card, "funding"),
        fundingRows(state, name),
        (row) => row.symbol,
        makeFunding,
        updateFunding,
    );
}

function showExchanges(state, control) {
    keyed(
        $("exchanges"),
        Object.keys(state.exchange_stats),
        (name) => name,
        (name) => makeExchange(name, control),
        (card, name) => updateExchange(card, name, state),
    );
}

// ---- Refusals, market, log ---------------------------------------------------------------------

function showRefusals(state) {
    const fired = Object.entries(state.risk_stats.refusals)
        .filter(([, times]) => times > 0)
        .sort((a, b) => b[1] - a[1]);
    const most = fired[0]?.[1] ?? 0;
    show($("refusals-none"), fired.length === 0);
    keyed(
        $("refusals"),
        fired,
        ([reason]) => reason,
        ([reason]) =>
            h(
                "li",
                {},
                h("span", {}, words(reason)),
                h("span", { class: "tally", "aria-hidden": "true" }, slot("span", "length")),
                slot("b", "times"),
            ),
        (element, [, times]) => {
            part(element, "length").style.width = `${(times / most) * 100}%`;
            text(part(element, "times"), count(times));
        },
    );
}

const MARKET = ["symbol", "exchange", "bid", "ask", "spread bps", "volatility", "quote age"];

function showMarket(state) {
    if (!$("market-box").open) return;
    if (!$("market").firstElementChild)
        $("market").append(
            h(
                "table",
                {},
                h(
                    "thead",
                    {},
                    h("tr", {}, ...MARKET.map((name) => h("th", { scope: "col" }, name))),
                ),
                h("tbody"),
            ),
        );
    const now = millis(state.last_update);
    const rows = Object.entries(state.market_stats).flatMap(([symbol, exchanges]) =>
        Object.entries(exchanges).map(([exchange, market]) => ({ symbol, exchange, market })),
    );
    keyed(
        $("market").querySelector("tbody"),
        rows,
        (row) => `${row.symbol} ${row.exchange}`,
        () => h("tr", {}, ...MARKET.map((_name, i) => h("td", { class: i > 1 ? "figure" : null }))),
        (element, { symbol, exchange, market }) => {
            const shown = [
                symbol,
                exchange,
                number(market.bid),
                number(market.ask),
                market.spread_bps === null ? NONE : market.spread_bps.toFixed(2),
                percent(market.short_term_volatility, 3),
                market.timestamp ? ms(now - millis(market.timestamp)) : NONE,
            ];
            shown.forEach((value, i) => text(element.children[i], value));
        },
    );
}

const onOrOff = ({ enabled }) => (enabled === undefined ? "" : enabled ? " on" : " off");

export function showLog(log) {
    show($("log-none"), log.length === 0);
    keyed(
        $("log"),
        log,
        (entry) => [entry.wall_time, entry.time, entry.action, entry.actor, entry.detail].join(" "),
        (entry) =>
            h(
                "li",
                { "data-ok": String(entry.ok !== false) },
                h("span", { class: "soft figure" }, clock(entry.time)),
                " ",
                h("b", {}, words(entry.action) + onOrOff(entry)),
                " ",
                entry.detail ? h("span", {}, `${entry.detail} `) : null,
                h("span", { class: "soft" }, `by ${entry.actor || "nobody named"}`),
                entry.reason ? h("span", {}, ` “${entry.reason}”`) : null,
                entry.ok === false ? h("b", { class: "bad-text" }, " refused") : null,
            ),
        () => {},
    );
}

export function showState(state, log, control, host = null) {
    showStatus(state, log, host);
    showAlerts(state, control);
    showPositions(state);
    showTiles(state.global_stats);
    showJobs(state, control);
    showOrders(state);
    showExchanges(state, control);
    showRefusals(state);
    showMarket(state);
}
