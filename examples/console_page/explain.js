// Why a job was accepted or refused, with every number: what /api/jobs/{id} says, as text.
import { $, bar, h, setBar } from "./dom.js";
import { dateClock, number, usd, words } from "./format.js";
import { request } from "./stream.js";

const REFRESH_MS = 2000;
const MONEY = new Set([
    "notional",
    "est_volume",
    "held",
    "pnl",
    "volume",
    "fees",
    "fee",
    "equity",
    "budget",
    "used",
    "in_flight",
    "available",
    "largest",
    "smallest",
    "largest_notional",
    "smallest_notional",
]);
const TIMES = new Set(["submitted", "started", "ended", "created_at", "time", "since"]);

const opened = new Set();

function scalar(name, value) {
    if (value === null || value === undefined) return "–";
    if (typeof value === "boolean") return value ? "yes" : "no";
    if (typeof value === "number") return MONEY.has(name) ? usd(value) : number(value);
    if (TIMES.has(name) && /^\d{4}-/.test(value)) return dateClock(value);
    return String(value);
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

export function table(rows, caption) {
    const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const cell = (name, value) =>
        h(
            "td",
            { class: typeof value === "number" ? "figure" : null },
            typeof value === "object" && value !== null
                ? JSON.stringify(value)
                : scalar(name, value),
        );
    return h(
        "table",
        {},
        caption ? h("caption", {}, caption) : null,
        h("thead", {}, h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, words(name))))),
        h(
            "tbody",
            {},
            ...rows.map((row) => h("tr", {}, ...names.map((name) => cell(name, row[name])))),
        ),
    );
}

const scrolling = (label, child) =>
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, child);

function generic(name, value) {
    if (Array.isArray(value)) {
        if (value.length && value.every(isObject)) return scrolling(words(name), table(value));
        return h("p", {}, value.length ? value.map((one) => scalar(name, one)).join(", ") : "none");
    }
    if (isObject(value)) return facts(value);
    return h("p", {}, scalar(name, value));
}

// Scalars as pairs; what has parts of its own comes below, under its name.
function facts(object, skip = new Set()) {
    const list = h("dl", { class: "facts" });
    const box = h("div", {}, list);
    for (const [name, value] of Object.entries(object)) {
        if (skip.has(name)) continue;
        if (value !== null && typeof value === "object") {
            box.append(h("h4", {}, words(name)), generic(name, value));
        } else {
            list.append(h("div", {}, h("dt", {}, words(name)), h("dd", {}, scalar(name, value))));
        }
    }
    return box;
}

function components(scores) {
    const list = h("ul", { class: "scores" });
    for (const [name, score] of Object.entries(scores)) {
        const meter = bar(`${words(name)} score`);
        const says = Number.isFinite(score) ? score.toFixed(1) : "–";
        setBar(meter, score ?? 0, 0, 100, `${says} of 100`, 0);
        meter.setAttribute("data-level", "normal");
        list.append(h("li", {}, h("span", {}, words(name)), meter, h("b", {}, says)));
    }
    return list;
}

const OF_AN_ORDER = ["client_id", "leg", "state", "exchange", "side", "filled", "quantity", "average"];

const ordersOf = (job) =>
    scrolling(
        "orders of the job",
        table(
            job.orders.map((order) =>
                Object.fromEntries(OF_AN_ORDER.map((name) => [name, order[name]])),
            ),
        ),
    );

// Legs stand beside each other, so that they can be compared and a phone has room for them.
function sideBySide(legs) {
    const names = Object.keys(legs[0]).filter((name) => name !== "exchange" && name !== "symbol");
    const titles = legs.map((leg, i) =>
        leg.exchange ? `${leg.exchange} ${leg.symbol ?? ""}` : `leg ${i + 1}`,
    );
    return scrolling(
        "numbers of the legs",
        h(
            "table",
            {},
            h(
                "thead",
                {},
                h(
                    "tr",
                    {},
                    h("th", { scope: "col" }, "leg"),
                    ...titles.map((title) => h("th", { scope: "col", class: "figure" }, title)),
                ),
            ),
            h(
                "tbody",
                {},
                ...names.map((name) =>
                    h(
                        "tr",
                        {},
                        h("th", { scope: "row" }, words(name)),
                        ...legs.map((leg) => h("td", { class: "figure" }, scalar(name, leg[name]))),
                    ),
                ),
            ),
        ),
    );
}

// What passes, by which way a rule fails.
const PASSES = { above: "≤", at_least: "<", below: "≥", at_most: ">" };

// The rules that were held against the job, each with its number, limit and sign. One that something
// is true has no limit.
const held = (evaluation) =>
    (evaluation.rules ?? [])
        .filter((rule) => rule.result !== "not_held")
        .map((rule) => ({ ...rule, sign: PASSES[rule.sense] }));

const amount = (value, unit) =>
    Number.isFinite(value) ? `${number(value)}${unit ? ` ${unit}` : ""}` : "not known";

function limitsTable(evaluation) {
    const legs = evaluation.legs ?? [];
    return scrolling(
        "rules, numbers and limits",
        h(
            "table",
            { class: "held" },
            h(
                "thead",
                {},
                h(
                    "tr",
                    {},
                    ...["rule", "value", "limit", "worst leg"].map((name, i) =>
                        h(
                            "th",
                            { scope: "col", class: i === 1 || i === 2 ? "figure" : null },
                            name,
                        ),
                    ),
                ),
            ),
            h(
                "tbody",
                {},
                ...held(evaluation).map(({ name, result, value, limit, unit, sign, leg }) =>
                    h(
                        "tr",
                        { "data-fails": result === "fails" },
                        h(
                            "th",
                            { scope: "row" },
                            result === "fails" ? `✕ ${words(name)}` : words(name),
                        ),
                        h(
                            "td",
                            { class: "figure" },
                            sign ? amount(value, unit) : value ? "yes" : "no",
                        ),
                        h("td", { class: "figure" }, sign ? `${sign} ${amount(limit, unit)}` : ""),
                        h("td", {}, leg === null ? "" : (legs[leg]?.exchange ?? `${leg + 1}`)),
                    ),
                ),
            ),
        ),
    );
}

function verdict(evaluation) {
    const accepted = evaluation.decision === "accept" || evaluation.accepted === true;
    const reasons = Array.isArray(evaluation.reasons) ? evaluation.reasons : [];
    const says = accepted
        ? evaluation.override
            ? "Accepted, by manual override"
            : "Accepted"
        : `Refused: ${words(evaluation.reason ?? "no reason given")}`;
    return h(
        "div",
        {},
        h("p", { class: accepted ? "verdict good" : "verdict bad" }, says),
        reasons.length
            ? h(
                  "p",
                  {},
                  "All rules that fail: ",
                  ...reasons.map((reason) => h("span", { class: "chip" }, words(reason))),
              )
            : null,
    );
}

// One decision: what it was, and every number behind it.
function decision(evaluation) {
    const box = h("div", {}, verdict(evaluation));
    const shown = new Set(["decision", "reason", "reasons"]);
    if (Array.isArray(evaluation.rules)) {
        box.append(h("h4", {}, "held against limits"), limitsTable(evaluation));
        shown.add("rules").add("limits");
    }
    if (isObject(evaluation.components)) {
        box.append(h("h4", {}, "safety, by component"), components(evaluation.components));
        shown.add("components");
    }
    if (Array.isArray(evaluation.legs) && evaluation.legs.length) {
        box.append(h("h4", {}, "legs"), sideBySide(evaluation.legs));
        shown.add("legs");
    }
    box.append(h("h4", {}, "all in all"), facts(evaluation, shown));
    return box;
}

function explanation(job) {
    const box = h("div", {});
    const own = new Set(["evaluation", "evaluated", "refused", "orders"]);
    if (isObject(job.evaluation)) {
        box.append(decision(job.evaluation));
        if (job.evaluated)
            box.append(h("p", { class: "soft small" }, `Decided at ${dateClock(job.evaluated)}.`));
    } else {
        box.append(h("p", { class: "soft" }, "Its decision is no longer kept."));
    }
    box.append(h("h4", {}, "the job"), facts(job, own));
    if (job.orders?.length) box.append(h("h4", {}, "its orders"), ordersOf(job));
    if (isObject(job.refused?.evaluation) && job.state !== "pending")
        box.append(
            h(
                "details",
                {},
                h("summary", {}, `Refused before, at ${dateClock(job.refused.time)}`),
                decision(job.refused.evaluation, job.strategy),
            ),
        );
    return box;
}

// What was opened, scrolled and focused in the old content is so in the new one too.
function replaceKeeping(panel, fresh) {
    const parts = (root) => [...root.querySelectorAll("details, summary, .scroll")];
    const was = parts(panel).map((one) => ({
        open: one.open,
        left: one.scrollLeft,
        focused: one === document.activeElement,
    }));
    panel.replaceChildren(fresh);
    parts(panel).forEach((one, i) => {
        if (!was[i]) return;
        if (one.tagName === "DETAILS") one.open = was[i].open;
        one.scrollLeft = was[i].left;
        if (was[i].focused) one.focus({ preventScroll: true });
    });
}

// Reading one job again and again while it is open and still listed.
async function refresh(panel, id) {
    if (!panel.isConnected || panel.hidden) return;
    try {
        if (!document.body.classList.contains("stale")) {
            const job = await request(`/api/jobs/${encodeURIComponent(id)}`);
            const shown = JSON.stringify(job);
            if (panel.shown !== shown) {
                replaceKeeping(panel, explanation(job));
                panel.shown = shown;
            }
            if (job.state && !["pending", "running", "in_doubt", "open"].includes(job.state))
                return;
        }
    } catch (error) {
        if (!panel.shown) panel.replaceChildren(h("p", { class: "error" }, error.message));
        if (error.status) return;
    }
    panel.timer = setTimeout(() => refresh(panel, id), REFRESH_MS);
}

function open(button, panel, id, opens) {
    clearTimeout(panel.timer);
    button.setAttribute("aria-expanded", String(opens));
    panel.hidden = !opens;
    if (opens) {
        opened.add(id);
        if (!panel.shown) panel.replaceChildren(h("p", { class: "soft" }, "Asking…"));
        queueMicrotask(() => refresh(panel, id));
    } else {
        opened.delete(id);
    }
}

let panels = 0;

// Makes `button` open and close `panel`; a job that was open stays so where it appears in another
// list.
export function explains(button, panel, id) {
    panel.id = `panel-${++panels}`;
    panel.hidden = true;
    button.setAttribute("aria-controls", panel.id);
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => open(button, panel, id, panel.hidden));
    if (opened.has(id)) queueMicrotask(() => open(button, panel, id, true));
}

// A details element that is filled from the server when it is opened.
export function fillOnOpen(box, into, path, rowsOf) {
    $(box).addEventListener("toggle", async () => {
        if (!$(box).open) return;
        try {
            const answer = await request(path);
            const rows = rowsOf(answer);
            $(into).replaceChildren(
                rows.length ? table(rows) : h("p", { class: "soft" }, "Nothing."),
            );
        } catch (error) {
            $(into).replaceChildren(h("p", { class: "error" }, error.message));
        }
    });
}
