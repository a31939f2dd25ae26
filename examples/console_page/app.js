// The page: asks for the token, keeps the stream, and says at once when what it shows is old.
import { addToCharts, drawCharts, startCharts } from "./charts.js";
import { ask, startControls } from "./controls.js";
import { $, attribute, show, text } from "./dom.js";
import { fillOnOpen } from "./explain.js";
import { clock, duration } from "./format.js";
import { request, setToken, Stream, token } from "./stream.js";
import { showLog, showState, showTitle } from "./view.js";

const MOST_LOG = 100;
const QUIET_MS = 10000; // the server speaks but nothing changed for so long: say so

const HOST_MS = 1000; // so often it is asked whether somebody decides

let state = null;
let host = null; // whether somebody decides, and why not
let log = [];
let changedAt = 0;
let lostAt = 0;
let lostWhy = "";
let drawing = false;

const control = (name, preset) => ask(name, preset, state);

// ---- Connection --------------------------------------------------------------------------------

function showLink() {
    const stale = lostAt > 0;
    document.body.classList.toggle("stale", stale);
    show($("banner"), stale);
    show($("stale-title"), stale && state !== null);
    attribute($("link"), "data-state", stale ? "lost" : "live");
    if (stale) {
        const asOf = state
            ? ` Everything below is as of ${clock(state.last_update)} and may be wrong now.`
            : "";
        text($("banner"), `Connection lost: ${lostWhy}.${asOf}`);
        text($("link-text"), `lost ${duration(Date.now() - lostAt)} ago`);
        document.title = "⚠ Not live – perpcore";
    } else {
        const quiet = Date.now() - changedAt;
        text($("link-text"), quiet > QUIET_MS ? `live, no change for ${duration(quiet)}` : "live");
    }
}

function lost(why) {
    if (!lostAt) lostAt = Date.now();
    lostWhy = why;
    showLink();
}

function live() {
    if (!lostAt) return;
    lostAt = 0;
    showLink();
    readLog();
}

// Several states may come between two frames: only the newest is drawn. A hidden page has no
// frames, so it is drawn when it is seen again.
function draw() {
    drawing = false;
    if (!state || lostAt) return;
    showState(state, log, control, host);
    addToCharts(state);
    showLink();
}

function takeState(next) {
    state = next;
    changedAt = Date.now();
    drawSoon();
}

function drawSoon() {
    if (state && !lostAt) showTitle(state, host);
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(draw);
}

// A book whose host has stopped deciding looks as it did: only the host can say so.
async function readHost() {
    if ($("board").hidden || lostAt) return;
    try {
        const { deciding, failure } = await request("/api/console");
        const changed = !host || host.deciding !== deciding || host.failure !== failure;
        host = { deciding, failure };
        if (changed) drawSoon();
    } catch {
        // The stream says when the server is gone.
    }
}

function takeEvent(name, value) {
    if (name === "control") {
        // After a reconnect the stream repeats what the log may have told already.
        if (log.some((entry) => JSON.stringify(entry) === JSON.stringify(value))) return;
        log = [value, ...log].slice(0, MOST_LOG);
        showLog(log);
    } else if (value !== null && typeof value === "object" && value.global_stats) {
        takeState(value);
    }
}

async function readLog() {
    try {
        const answer = await request("/api/control/log");
        log = (answer.actions ?? []).slice(0, MOST_LOG);
        showLog(log);
    } catch {
        // The stream says when the server is gone; the log is read again when it is back.
    }
}

const stream = new Stream({ live, lost, refused: leave, event: takeEvent });
setInterval(() => $("board").hidden || showLink(), 500);
setInterval(readHost, HOST_MS);

// ---- Token -------------------------------------------------------------------------------------

function leave(why) {
    stream.stop();
    setToken("");
    state = null;
    host = null;
    lostAt = 0;
    showLink();
    show($("banner"), false);
    show($("board"), false);
    show($("link"), false);
    show($("forget"), false);
    show($("login"), true);
    document.title = "perpcore";
    text($("login-error"), why);
    $("token").focus();
}

function enter() {
    show($("login"), false);
    show($("board"), true);
    show($("link"), true);
    show($("forget"), true);
    startChartsOnce();
    stream.start();
    readLog();
    readHost();
}

let charted = false;
function startChartsOnce() {
    if (!charted) startCharts();
    charted = true;
}

// The token is kept only when the server has taken it.
async function tryToken(candidate) {
    text($("login-error"), "");
    try {
        takeState(await request("/api/monitoring/state", undefined, candidate));
        setToken(candidate);
        $("token").value = "";
        enter();
        return;
    } catch (error) {
        const says = {
            401: "The token was refused",
            403: "The token was refused",
            429: "Too many tries",
        };
        leave(
            says[error.status]
                ? `${says[error.status]}: ${error.message}`
                : `Not opened: ${error.message}`,
        );
        $("token").select();
    }
}

$("login-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const given = $("token").value.trim();
    // A header takes no other characters.
    if (/^[\x21-\x7e]+$/.test(given)) tryToken(given);
    else
        text(
            $("login-error"),
            given ? "A token has only visible ASCII characters." : "A token is needed.",
        );
});
$("forget").addEventListener("click", () => leave(""));

// ---- Theme -------------------------------------------------------------------------------------

const THEMES = ["auto", "light", "dark"];

function themeNow() {
    return document.documentElement.dataset.theme ?? "auto";
}

function setTheme(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
        if (theme === "auto") localStorage.removeItem("perpcore.theme");
        else localStorage.setItem("perpcore.theme", theme);
    } catch {
        // It holds until the page is loaded again.
    }
    text($("theme"), `Theme: ${theme}`);
    if (charted) drawCharts();
}

text($("theme"), `Theme: ${themeNow()}`);
$("theme").addEventListener("click", () => {
    setTheme(THEMES[(THEMES.indexOf(themeNow()) + 1) % THEMES.length]);
});

// ---- Start -------------------------------------------------------------------------------------

startControls(
    () => state,
    (done) => {
        text($("done"), done);
        readLog();
    },
);
fillOnOpen("rules-box", "rules", "/api/risk/rules", (answer) => answer.rules ?? []);
fillOnOpen("feasibility-box", "feasibility", "/api/feasibility", (answer) =>
    Array.isArray(answer) ? answer : (Object.values(answer).find(Array.isArray) ?? []),
);
$("recent-box").addEventListener("toggle", () => state && showState(state, log, control));
$("market-box").addEventListener("toggle", () => state && showState(state, log, control));

if (token()) tryToken(token());
else $("token").focus();
