// The buttons: what each asks before it acts, and what it sends.
import { $, h, text } from "./dom.js";
import { MODES, words } from "./format.js";
import { Refused, request } from "./stream.js";

const ACTOR = "perpcore.actor";
const MOST_ACTOR = 64;
const MOST_REASON = 256;

const all = "";

// title, text, ok; danger: red; demands: actor and reason must be given, as the library demands them
// where a protection is taken away; fields: what else is asked; body: what is sent.
const ACTIONS = {
    pause: {
        title: "Pause dispatch?",
        text: "No new risk is dispatched until resume. Reducing and repair jobs go on.",
        ok: "Pause",
    },
    resume: {
        title: "Resume dispatch?",
        text: "Waiting jobs may be dispatched again.",
        ok: "Resume",
        demands: true,
    },
    kill: {
        title: "Kill switch on?",
        text: "Nothing at all is dispatched there, not even repairs, and the orders of running jobs are to be cancelled.",
        ok: "Kill",
        danger: true,
        fields: ["exchange"],
        path: "kill",
        body: (values) => ({
            enabled: true,
            ...(values.exchange ? { exchange: values.exchange } : {}),
        }),
    },
    release: {
        title: "Release the kill switch?",
        text: "Jobs may be dispatched there again.",
        ok: "Release",
        demands: true,
        fields: ["exchange"],
        path: "kill",
        body: (values) => ({
            enabled: false,
            ...(values.exchange ? { exchange: values.exchange } : {}),
        }),
    },
    reset_halt: {
        title: "Reset the halt?",
        text: "Clears the halt and the count of failures in a row.",
        ok: "Reset halt",
        demands: true,
    },
    override_on: {
        title: "Manual override on?",
        text: "Soft rules pass until it ends. Hard rules stay in force.",
        ok: "Override",
        danger: true,
        demands: true,
        fields: ["minutes", "job_id"],
        path: "manual_override",
        body: (values) => ({
            enabled: true,
            ttl_ms: Math.round(Number(values.minutes) * 60000),
            ...(values.job_id ? { job_id: values.job_id } : {}),
        }),
    },
    override_off: {
        title: "Manual override off?",
        text: "Soft rules hold again.",
        ok: "Override off",
        path: "manual_override",
        body: () => ({ enabled: false }),
    },
    set_risk_mode: {
        title: "Change the risk mode?",
        text: "It takes effect at the next evaluation. A looser mode takes an actor and a reason.",
        ok: "Change",
        fields: ["mode"],
        body: (values) => ({ mode: values.mode }),
        demandsFor: (values, state) =>
            MODES.indexOf(values.mode) > MODES.indexOf(state.global_stats.risk_mode),
    },
    resolve: {
        title: "Base squared?",
        text: "Says that what is naked of this base has been squared at the exchanges, or is wanted as it is, so that it may be traded again.",
        ok: "Resolve",
        danger: true,
        demands: true,
        fields: ["base"],
        body: (values) => ({ base: values.base }),
    },
    accept_position: {
        title: "Position known?",
        text: "Says that what the exchange reports and no fill explains is known and wanted, so that its base may be traded again. What it closed of hedges stays naked, and is repaired.",
        ok: "Accept",
        danger: true,
        demands: true,
        fields: ["exchange", "symbol"],
        body: (values) => ({ exchange: values.exchange, symbol: values.symbol }),
    },
    cancel: {
        title: "Cancel this job?",
        text: "One that waits is taken from the queue and will not run; of one that runs it is a request: its orders are taken back, and what was filled stays.",
        ok: "Cancel the job",
        fields: ["job_id"],
        body: (values) => ({ job_id: values.job_id }),
    },
};

function option(value, label, selected) {
    return h("option", { value, selected }, label);
}

// A label, its input and a line for what is wrong with it.
function field(name, label, input, note) {
    const wrong = `dialog-${name}-wrong`;
    input.id = `dialog-${name}`;
    input.name = name;
    input.setAttribute("aria-describedby", wrong);
    return h(
        "div",
        { class: "field" },
        h("label", { for: input.id }, label),
        input,
        note ? h("p", { class: "soft small" }, note) : null,
        h("p", { class: "error", id: wrong }),
    );
}

// What the button already says.
function given(name, label, preset) {
    return field(
        name,
        label,
        h("input", { type: "text", value: preset[name] ?? "", readonly: true }),
    );
}

const FIELDS = {
    base: (_state, preset) => given("base", "Base", preset),
    symbol: (_state, preset) => given("symbol", "Symbol", preset),
    exchange: (state, preset) => {
        if (preset.symbol) return given("exchange", "Exchange", preset);
        const select = h(
            "select",
            {},
            option(all, "All exchanges", !preset.exchange),
            ...Object.keys(state.exchange_stats).map((name) =>
                option(name, name, name === preset.exchange),
            ),
        );
        return field("exchange", "Where", select);
    },
    mode: (state) =>
        field(
            "mode",
            "Mode",
            h(
                "select",
                {},
                ...MODES.map((mode) =>
                    option(mode, words(mode), mode === state.global_stats.risk_mode),
                ),
            ),
        ),
    minutes: () =>
        field(
            "minutes",
            "For how many minutes",
            h("input", { type: "number", min: 0.1, step: "any", value: 15, inputmode: "decimal" }),
        ),
    job_id: (_state, preset) =>
        preset.job_id
            ? field(
                  "job_id",
                  "Job",
                  h("input", { type: "text", value: preset.job_id, readonly: true }),
              )
            : field(
                  "job_id",
                  "Only this job (empty: all jobs)",
                  h("input", { type: "text", autocomplete: "off", spellcheck: "false" }),
              ),
};

function remembered() {
    try {
        return sessionStorage.getItem(ACTOR) ?? "";
    } catch {
        return "";
    }
}

function remember(actor) {
    try {
        sessionStorage.setItem(ACTOR, actor);
    } catch {
        // It is asked for again.
    }
}

let asked = null; // the action, its values so far, and where the focus goes back to

function values() {
    return Object.fromEntries(
        [...$("dialog-form").elements]
            .filter((one) => one.name)
            .map((one) => [one.name, one.value.trim()]),
    );
}

function demands() {
    const { action, state } = asked;
    return action.demands || action.demandsFor?.(values(), state) === true;
}

function showDemands() {
    const must = demands();
    for (const name of ["actor", "reason"]) {
        const input = $(`dialog-${name}`);
        input.required = must;
        const label = $("dialog-form").querySelector(`label[for="dialog-${name}"]`);
        text(label, `${name === "actor" ? "Your name" : "Reason"}${must ? "" : " (optional)"}`);
    }
}

// name: of ACTIONS; preset: what the button already knows.
export function ask(name, preset, state) {
    const action = ACTIONS[name];
    if (!state || $("dialog").open) return;
    asked = { name, action, state, back: document.activeElement };
    text($("dialog-title"), action.title);
    text($("dialog-text"), action.text);
    text($("dialog-error"), "");
    text($("dialog-ok"), action.ok);
    $("dialog-ok").className = action.danger ? "danger" : "primary";
    $("dialog-ok").disabled = false;
    $("dialog-fields").replaceChildren(
        ...(action.fields ?? []).map((one) => FIELDS[one](state, preset)),
        field(
            "actor",
            "Your name",
            h("input", {
                type: "text",
                maxlength: MOST_ACTOR,
                autocomplete: "off",
                value: remembered(),
            }),
        ),
        field(
            "reason",
            "Reason",
            h("input", { type: "text", maxlength: MOST_REASON, autocomplete: "off" }),
        ),
    );
    showDemands();
    $("dialog").showModal();
    const first = [...$("dialog-fields").querySelectorAll("input:not([readonly])")].find(
        (one) => !one.value,
    );
    (first ?? $("dialog-ok")).focus();
}

// What is wrong with the fields, told at each; true where all is well.
function good() {
    let first = null;
    for (const input of $("dialog-fields").querySelectorAll("input, select")) {
        let wrong = "";
        if (input.required && !input.value.trim()) wrong = "This is needed here.";
        else if (input.name === "minutes" && !(Number(input.value) > 0))
            wrong = "A number above 0.";
        text($(`dialog-${input.name}-wrong`), wrong);
        if (wrong) input.setAttribute("aria-invalid", "true");
        else input.removeAttribute("aria-invalid");
        if (wrong && !first) first = input;
    }
    first?.focus();
    return !first;
}

async function send(done) {
    const { name, action } = asked;
    const given = values();
    const body = action.body ? action.body(given) : {};
    if (given.actor) body.actor = given.actor;
    if (given.reason) body.reason = given.reason;
    $("dialog-ok").disabled = true;
    text($("dialog-error"), "");
    try {
        await request(`/api/control/${action.path ?? name}`, body);
        if (given.actor) remember(given.actor);
        $("dialog").close();
        done(`Done: ${action.ok.toLowerCase()}.`);
    } catch (error) {
        // Without an answer it may have been done, or be done later.
        const says = error instanceof Refused ? "Not done" : "Not known whether it was done";
        text($("dialog-error"), `${says}: ${error.message}`);
    } finally {
        $("dialog-ok").disabled = false;
    }
}

// stateNow() gives the newest state; done(text) hears what was done.
export function startControls(stateNow, done) {
    const buttons = {
        "do-pause": "pause",
        "do-resume": "resume",
        "do-kill": "kill",
        "do-release": "release",
        "do-halt": "reset_halt",
        "do-override": "override_on",
        "do-override-off": "override_off",
        "do-mode": "set_risk_mode",
    };
    for (const [id, name] of Object.entries(buttons))
        $(id).addEventListener("click", () => ask(name, {}, stateNow()));
    $("dialog-form").addEventListener("submit", (event) => {
        event.preventDefault();
        if (!$("dialog-ok").disabled && good()) send(done);
    });
    $("dialog-fields").addEventListener("change", showDemands);
    $("dialog-cancel").addEventListener("click", () => $("dialog").close());
    $("dialog").addEventListener("close", () => {
        if (asked?.back?.isConnected) asked.back.focus();
        asked = null;
    });
}
