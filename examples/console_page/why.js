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
    if (risk.auto_halt)
        return {
            why: `${plural(risk.consecutive_failures, "failure")} in a row: no new risk until the halt is reset.`,
            by: "",
        };
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

// What does not trade although the rest does.
function butOf(state) {
    const off = Object.entries(state.exchange_stats)
        .filter(
            ([, exchange]) =>
                exchange.killed || exchange.status === "down" || exchange.circuit === "open",
        )
        .map(
            ([name, { killed: dead, status }]) =>
                `${name} (${dead ? "killed" : status === "down" ? "down" : "circuit open"})`,
        );
    return off.length ? `Not on ${off.join(", ")}.` : "";
}

const REASONS = { killed, halted, paused, manual_override: overridden, running };

// why: what holds; but: where it does not; by: who brought it about, why and when, where that is
// known.
export function whyOf(state, log) {
    const status = state.global_stats.system_status;
    const of = REASONS[status];
    const trades = status === "running" || status === "manual_override";
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
