// Whether it is trading, and if not why, in one sentence. Pure functions of a state and the log of
// control actions (newest first).
import { clock, dateClock, duration, millis, STRATEGIES, usd, words } from "./format.js";

const alertOf = (state, code) => state.alerts.find((alert) => alert.code === code);

// The last action that was done and that brought about what is now.
function lastDone(log, action, matches = () => true) {
    return log.find((entry) => entry.ok !== false && entry.action === action && matches(entry));
}

function byWhom(entry) {
    if (!entry) return "";
    const reason = entry.reason ? `: “${entry.reason}”` : "";
    return `${entry.actor || "nobody named"}${reason}, at ${clock(entry.time)}`;
}

function plural(n, one, many = `${one}s`) {
    return `${n} ${n === 1 ? one : many}`;
}

function killed(state, log) {
    const all = state.risk_stats.killed;
    const entry = lastDone(
        log,
        "kill",
        (e) => e.enabled !== false && !/\boff\b/.test(e.detail ?? ""),
    );
    return {
        why: all
            ? "The kill switch is on: nothing is dispatched anywhere."
            : "The kill switches of all exchanges are on: nothing is dispatched.",
        by: byWhom(entry),
    };
}

function halted(state) {
    const { risk_stats: risk, global_stats: global } = state;
    if (risk.auto_halt) {
        const alert = alertOf(state, "auto_halt");
        // A success since then has begun the count anew; the halt stays.
        const n = risk.consecutive_failures;
        const now = n > 0 ? `${plural(n, "failure")} in a row` : "Too many failures in a row";
        const since = alert ? `Since ${dateClock(alert.since)}` : "";
        return { why: `${now}: no new risk until the halt is reset.`, by: since };
    }
    return {
        why: `The daily loss reached its limit: ${usd(global.daily_loss_used)} of ${usd(global.daily_loss_limit)}. No new risk until the day rolls.`,
        by: "",
    };
}

function paused(state, log) {
    if (alertOf(state, "store_failed"))
        return {
            why: "A change could not be stored: nothing new is dispatched until resume.",
            by: "",
        };
    return {
        why: "Nothing new is dispatched; reducing and repair jobs go on.",
        by: byWhom(lastDone(log, "pause")),
    };
}

function overridden(state, log) {
    const { override_job: job, override_until: until } = state.risk_stats;
    return {
        why: `Trading, and soft rules pass for ${job ? `job ${job}` : "all jobs"} until ${dateClock(until)}.`,
        by: byWhom(lastDone(log, "manual_override")),
    };
}

// Of the waiting jobs, the reason that most of them are refused for.
function commonRefusal(pending) {
    const tally = new Map();
    for (const job of pending)
        if (job.last_refusal) tally.set(job.last_refusal, (tally.get(job.last_refusal) ?? 0) + 1);
    return [...tally].sort((a, b) => b[1] - a[1])[0];
}

function running(state) {
    const jobs = state.jobs_stats;
    if (jobs.running_jobs_count > 0) return { why: "Trading.", by: "" };
    if (jobs.pending_jobs_count > 0) {
        const refusal = commonRefusal(jobs.top_pending);
        const why = refusal
            ? `Ready, but the waiting jobs are refused: ${words(refusal[0])}.`
            : "Ready: the waiting jobs come up at the next tick.";
        return { why, by: "" };
    }
    const last = jobs.recent_completed[0]?.ended;
    const ago = last
        ? `; the last one ended ${duration(millis(state.last_update) - millis(last))} ago`
        : "";
    return { why: `Ready: no job is waiting${ago}.`, by: "" };
}

const isOff = (exchange) =>
    exchange.killed || exchange.status === "down" || exchange.circuit === "open";

// What the page says of the book. host: what the server says of its decisions, or null. Nothing is
// running where nobody decides, or where each exchange is off.
export function statusOf(state, host) {
    const status = state.global_stats.system_status;
    if (host && !host.deciding) return "dead";
    const exchanges = Object.values(state.exchange_stats);
    const trades = status === "running" || status === "manual_override";
    return trades && exchanges.length > 0 && exchanges.every(isOff) ? "nowhere" : status;
}

// What does not trade although the rest does.
function butOf(state) {
    const off = Object.entries(state.exchange_stats)
        .filter(([, exchange]) => isOff(exchange))
        .map(
            ([name, { killed: dead, status }]) =>
                `${name} (${dead ? "killed" : status === "down" ? "down" : "circuit open"})`,
        );
    return off.length ? `Not on ${off.join(", ")}.` : "";
}

function nowhere() {
    return { why: "No exchange can be traded on: nothing new is dispatched.", by: "" };
}

function deadOf(state, host) {
    const failure = host.failure || "no reason given";
    return `Nobody decides: ${failure}. Nothing is dispatched, closed or repaired since ${clock(state.last_update)}; what is open stays open.`;
}

const REASONS = { nowhere, killed, halted, paused, manual_override: overridden, running };

// why: what holds; but: where it does not; by: who brought it about, why and when, where that is
// known.
export function whyOf(state, log, host) {
    const status = statusOf(state, host);
    const of = REASONS[status];
    const trades = ["running", "manual_override", "nowhere"].includes(status);
    if (status === "dead") return { why: deadOf(state, host), but: "", by: "" };
    return { but: trades ? butOf(state) : "", ...(of ? of(state, log) : { why: "", by: "" }) };
}

export function nowOf(state) {
    const jobs = state.jobs_stats;
    const parts = [
        `${plural(jobs.running_jobs_count, "job")} running`,
        `${jobs.pending_jobs_count} pending`,
        `${jobs.completed_today} completed today`,
    ];
    if (jobs.in_doubt_jobs_count) parts.push(`${jobs.in_doubt_jobs_count} in doubt`);
    if (jobs.unresolved_jobs_count) parts.push(`${jobs.unresolved_jobs_count} partial`);
    return parts.join(" · ");
}

export function strategyName(strategy) {
    return STRATEGIES[strategy] ?? words(strategy);
}
