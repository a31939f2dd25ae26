// Why a job was accepted or refused, with every number: what /api/jobs/{id} says, as text.
import { $, bar, h, setBar } from "./dom.js";
import { dateClock, number, usd, words } from "./format.js";
import { request } from "./stream.js";

const REFRESH_MS = 2000;
const MONEY = new Set([
    "notional", "est_volume", "held", "pnl", "volume", "fees", "fee", "equity", "budget", "used",
    "in_flight", "available", "largest", "smallest", "largest_notional", "smallest_notional",
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
        h("td", { class: typeof value === "number" ? "figure" : null },
            typeof value === "object" && value !== null ? JSON.stringify(value) : scalar(name, value));
    return h("table", {},
        caption ? h("caption", {}, caption) : null,
        h("thead", {}, h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, words(name))))),
        h("tbody", {}, ...rows.map((row) => h("tr", {}, ...names.map((name) => cell(name, row[name]))))));
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
        setBar(meter, score ?? 0, 0, 100, `${number(score)} of 100`);
        meter.setAttribute("data-level", "normal");
        list.append(h("li", {}, h("span", {}, words(name)), meter, h("b", {}, number(score))));
    }
    return list;
}

function verdict(evaluation) {
    const accepted = evaluation.decision === "accept" || evaluation.accepted === true;
    const reasons = Array.isArray(evaluation.reasons) ? evaluation.reasons : [];
    const words_ = accepted
        ? evaluation.override ? "Accepted, by manual override" : "Accepted"
        : `Refused: ${words(evaluation.reason ?? "no reason given")}`;
    return h("div", {},
        h("p", { class: accepted ? "verdict good" : "verdict bad" }, words_),
        reasons.length
            ? h("p", {}, "All rules that fail: ",
                ...reasons.map((reason) => h("span", { class: "chip" }, words(reason))))
            : null);
}

function explanation(job) {
    const box = h("div", {});
    const evaluation = isObject(job.evaluation) ? job.evaluation : null;
    if (evaluation) {
        box.append(verdict(evaluation));
        if (isObject(evaluation.components))
            box.append(h("h4", {}, "scores"), components(evaluation.components));
    }
    box.append(facts(job, new Set(["evaluation"])));
    if (evaluation)
        box.append(h("h4", {}, "the numbers behind it"),
            facts(evaluation, new Set(["components", "decision", "reason", "reasons"])));
    return box;
}

// Reading one job again and again while it is open and still listed.
async function refresh(panel, id) {
    if (!panel.isConnected || panel.hidden) return;
    try {
        if (!document.body.classList.contains("stale")) {
            const job = await request(`/api/jobs/${encodeURIComponent(id)}`);
            const shown = JSON.stringify(job);
            if (panel.shown !== shown) {
                const at = panel.querySelector(".scroll")?.scrollLeft ?? 0;
                panel.replaceChildren(explanation(job));
                panel.shown = shown;
                const scroll = panel.querySelector(".scroll");
                if (scroll) scroll.scrollLeft = at;
            }
            if (job.state && !["pending", "running", "in_doubt", "open"].includes(job.state)) return;
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
            $(into).replaceChildren(rows.length ? table(rows) : h("p", { class: "soft" }, "Nothing."));
        } catch (error) {
            $(into).replaceChildren(h("p", { class: "error" }, error.message));
        }
    });
}
