// How numbers, times and names are shown. Everything here is a pure function.

const money2 = new Intl.NumberFormat("en-US", {
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
});
const money0 = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const plain = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 6 });

export const NONE = "–";

const known = (value) => typeof value === "number" && Number.isFinite(value);

export function usd(value) {
    return known(value) ? `$${money2.format(value)}`.replace("$-", "−$") : NONE;
}

export function usdShort(value) {
    return known(value) ? `$${money0.format(value)}`.replace("$-", "−$") : NONE;
}

export function signedUsd(value) {
    return known(value) && value > 0 ? `+${usd(value)}` : usd(value);
}

export function count(value) {
    return known(value) ? money0.format(value) : NONE;
}

export function number(value) {
    return known(value) ? plain.format(value).replace("-", "−") : NONE;
}

export function percent(share, digits = 2) {
    return known(share) ? `${(share * 100).toFixed(digits)} %`.replace("-", "−") : NONE;
}

export function ms(value) {
    return known(value) ? `${value < 10 ? value.toFixed(1) : Math.round(value)} ms` : NONE;
}

// Times of the library have nanoseconds; Date has milliseconds, which are enough to show.
export function millis(iso) {
    return typeof iso === "string" ? Date.parse(iso.replace(/(\.\d{3})\d*Z$/, "$1Z")) : NaN;
}

export function clock(iso) {
    const at = millis(iso);
    return Number.isNaN(at) ? NONE : `${new Date(at).toISOString().slice(11, 19)} UTC`;
}

export function dateClock(iso) {
    const at = millis(iso);
    if (Number.isNaN(at)) return NONE;
    const text = new Date(at).toISOString();
    return `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`;
}

export function duration(milliseconds) {
    if (!known(milliseconds)) return NONE;
    const seconds = Math.max(0, Math.round(milliseconds / 1000));
    if (seconds < 60) return `${seconds} s`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
    const hours = Math.floor(minutes / 60);
    if (hours < 48) return `${hours} h ${minutes % 60} min`;
    return `${Math.floor(hours / 24)} days`;
}

export function words(name) {
    return String(name).replaceAll("_", " ");
}

export const STATUS = {
    running: { title: "Running", mark: "▶" },
    paused: { title: "Paused", mark: "❚❚" },
    halted: { title: "Halted", mark: "■" },
    killed: { title: "Killed", mark: "✕" },
    manual_override: { title: "Manual override", mark: "!" },
    dead: { title: "NOT DECIDING", mark: "✕" },
    nowhere: { title: "Running nowhere", mark: "■" },
};

export const POOLS = {
    wash: { title: "S1 hedged turnover", note: "(wash pool; never wash trading)" },
    arb: { title: "S2 arbitrage", note: "(arb pool)" },
    reserve: { title: "S3 rescue", note: "(reserve pool)" },
};

export const STRATEGIES = {
    wash: "S1 hedged turnover",
    arb: "S2 arbitrage",
    hedge_rebalance: "Hedge rebalance",
};

export const MODES = ["conservative", "balanced", "aggressive"];
