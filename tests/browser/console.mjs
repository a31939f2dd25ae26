// The dashboard in a real browser, against a real server.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { check, finish, must, until } from "./checks.mjs";
import { contrastFaults } from "./contrast.mjs";
import { faults } from "./json_schema.mjs";
import { Console } from "./server.mjs";

const { chromium } = createRequire(import.meta.url)(process.env.DRIVER);
const SPEED = Number(process.env.SPEED ?? 60);
const NOTICED_MS = 3000;
const FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

const server = await Console.make(process.env.PERPCORE_CONSOLE, SPEED);
const TALL = { width: 1280, height: 1200 };
const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    headless: true,
    args: FLAGS,
});

// What the pages did that they must not do. Chromium reports every failed request on the console;
// those are expected while `failing` is set.
const odd = [];
let failing = false;

async function open(options) {
    const context = await browser.newContext({ viewport: TALL, colorScheme: "light", ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(10000);
    page.on("pageerror", (error) => odd.push(`error: ${error}`));
    page.on("console", (message) => {
        if (message.type() !== "error" && message.type() !== "warning") return;
        if (!(failing && message.text().startsWith("Failed to load resource")))
            odd.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on("request", (request) => {
        if (new URL(request.url()).origin !== server.url)
            odd.push(`request outside: ${request.url()}`);
        if (request.url().includes(server.token)) odd.push("the token is in a URL");
    });
    await page.goto(server.url);
    return page;
}

async function enter(page, token = server.token) {
    await page.fill("#token", token);
    await page.click("#login-form button");
}

const textOf = (page, selector) => page.locator(selector).innerText();
const statusOf = (page) => page.getAttribute("#status", "data-status");
const status = (page, wanted) =>
    until(`the page shows ${wanted}`, 5000, async () => (await statusOf(page)) === wanted);
const live = (page) => page.waitForSelector('#link[data-state="live"]');

// Presses a button and answers its dialog.
async function act(page, button, values = {}) {
    await page.click(button);
    await page.waitForSelector("#dialog[open]");
    for (const [name, value] of Object.entries(values)) {
        const field = page.locator(`#dialog-${name}`);
        if ((await field.evaluate((one) => one.tagName)) === "SELECT")
            await field.selectOption(value);
        else await field.fill(value);
    }
    await page.click("#dialog-ok");
}

async function done(page) {
    await page.waitForSelector("#dialog", { state: "hidden" });
}

const picture = (page, name) =>
    page.screenshot({
        path: `${process.env.SCREENSHOTS}/dashboard-${name}.png`,
        animations: "disabled",
    });

// What stands on the screen of the numbers that the state has too.
const FIELDS = [
    "equity_usd",
    "today_net_usd",
    "today_pnl_usd",
    "today_volume_usd",
    "today_fees_usd",
    "daily_loss_used",
    "drawdown",
];
const shown = (page) =>
    page.evaluate(
        (fields) => ({
            at: document.querySelector("#as-of").dataset.time,
            status: document.querySelector("#status").dataset.status,
            running: Number(document.querySelector("#running-count").dataset.value),
            pending: Number(document.querySelector("#pending-count").dataset.value),
            values: fields.map((field) =>
                Number(document.querySelector(`[data-field="${field}"]`).dataset.value),
            ),
            equity: document.querySelector('[data-field="equity_usd"]').textContent,
            exchanges: [...document.querySelectorAll(".card h3")].map((one) => one.textContent),
        }),
        FIELDS,
    );

// The charts begin when the page is opened: some minutes of market must pass for a picture of them.
async function history(one) {
    const market = async () => Date.parse(`${(await shown(one)).at.slice(0, 23)}Z`);
    const first = await market();
    await until("the market goes on", 60000, async () => (await market()) - first > 180000);
}

const page = await open();

await check("a wrong token is refused, and the page says so", async () => {
    failing = true;
    await enter(page, "a-token-that-is-not-the-right-one");
    await until("the refusal is shown", 5000, async () =>
        (await textOf(page, "#login-error")).includes("refused"),
    );
    must(!(await page.isVisible("#board")), "the board is shown");
    must((await page.evaluate(() => sessionStorage.length)) === 0, "the wrong token was kept");
    failing = false;
});

await check("the right token opens the page, is kept for the tab, and is in no URL", async () => {
    await enter(page);
    await page.waitForSelector("#board:not([hidden])");
    await live(page);
    await status(page, "running");
    must(page.url() === `${server.url}/`, `the address is ${page.url()}`);
    must(
        (await page.evaluate(() => Object.values({ ...sessionStorage }).join())) === server.token,
        "it is not kept",
    );
    must(
        (await page.evaluate(() => JSON.stringify({ ...localStorage }) + document.cookie)) === "{}",
        "something else is kept",
    );
    must(!(await page.content()).includes(server.token), "the token is in the page");
});

await check("live numbers agree with /api/monitoring/state", async () => {
    const states = new Map();
    const screens = new Map();
    const common = await until("a state is seen both ways", 20000, async () => {
        const [state, screen] = await Promise.all([server.state(), shown(page)]);
        states.set(state.last_update, state);
        screens.set(screen.at, screen);
        return [...screens.keys()].find((at) => states.has(at));
    });
    const state = states.get(common);
    const screen = screens.get(common);
    FIELDS.forEach((field, i) =>
        must(
            screen.values[i] === state.global_stats[field],
            `${field}: ${screen.values[i]}, not ${state.global_stats[field]}`,
        ),
    );
    must(screen.status === state.global_stats.system_status, "another status");
    must(screen.running === state.jobs_stats.running_jobs_count, "another count of running jobs");
    must(screen.pending === state.jobs_stats.pending_jobs_count, "another count of pending jobs");
    must(screen.exchanges.join() === Object.keys(state.exchange_stats).join(), "other exchanges");
    const cents = Number(screen.equity.replace(/[$,]/g, "").replace("−", "-"));
    must(
        Math.abs(cents - state.global_stats.equity_usd) <= 0.0051,
        `the text of the equity is ${screen.equity}`,
    );
});

// What the table of positions shows, row by row: bases with their naked mark, and positions.
const positionsShown = (page) =>
    page.$$eval("#positions tbody tr", (rows) =>
        rows.map((row) => ({
            base: row.dataset.base ?? null,
            naked: row.dataset.naked !== undefined,
            words: row.textContent,
        })),
    );

await check("positions are shown by base, and what is naked first", async () => {
    await until("something is open", 60000, async () =>
        (await positionsShown(page)).some((row) => row.base === null),
    );
    const rows = await positionsShown(page);
    must(rows[0].base !== null, "it does not begin with a base");
    const bases = rows.filter((row) => row.base !== null);
    const calm = bases.findIndex((row) => !row.naked);
    must(
        calm < 0 || bases.slice(calm).every((row) => !row.naked),
        "a naked base comes after one that is hedged",
    );
    must(
        bases.every((row) => /hedged|NAKED/.test(row.words)),
        "a base does not say whether it is hedged",
    );
    // A state in which the second base is naked: it is shown first, with all that it says.
    const state = structuredClone(await server.state());
    const base = { ...Object.values(state.positions_stats.bases)[0] };
    state.positions_stats.bases = {
        AAA: { ...base, is_naked: false },
        ZZZ: {
            ...base,
            is_naked: true,
            naked: { quantity: -1.5, usd: 2500, since: state.last_update },
            repair: null,
            repairs_stopped: true,
        },
    };
    const words = await page.evaluate(async (made) => {
        const { showState } = await import("/view.js");
        showState(made, [], () => {});
        return [...document.querySelectorAll("#positions tr.base")].map((row) => row.textContent);
    }, state);
    must(words[0].startsWith("ZZZ: NAKED −1.5 ($2,500.00)"), `it says first: ${words[0]}`);
    must(words[0].includes("repairs stopped by hand"), `it says: ${words[0]}`);
    must(words[1].startsWith("AAA: hedged"), `it says then: ${words[1]}`);
});

await check("orders are shown, those in doubt marked, with what the gate refused", async () => {
    const state = structuredClone(await server.state());
    const order = {
        order: 7,
        client_id: "abc7",
        state: "in_doubt",
        job_id: "01234567-89ab-4cde-8f01-23456789abcd",
        leg: 1,
        exchange: "okx",
        symbol: "BTC/USDT:USDT",
        side: "buy",
        type: "limit",
        price: 50000,
        quantity: 0.5,
        filled: 0.25,
        cancel_requested: true,
        overfilled: false,
        placed: state.last_update,
    };
    Object.assign(state.orders_stats, {
        open: 0,
        in_doubt: 2,
        placed_today: 12,
        unhedged_jobs_count: 1,
        unhedged_usd: 2500,
        unhedged_since: state.last_update,
        foreign: ["okx"],
        refused: { price_collar: 3, over_leg: 0 },
    });
    const shown = await page.evaluate(
        async ([made, row]) => {
            const { showOrders, showOrderRows } = await import("/orders.js");
            showOrders(made);
            showOrderRows([row], Date.parse(made.last_update) + 3000);
            const cells = [...document.querySelectorAll("#orders tbody td")];
            const told = document.querySelector("#orders tbody tr").dataset.told;
            const read = (id) => document.querySelector(id).textContent;
            const all = [read("#orders-count"), read("#orders-sum"), read("#orders-refused")];
            return { cells: cells.map((cell) => cell.textContent), told, all };
        },
        [state, order],
    );
    must(shown.cells[0] === "abc7", `the first cell says ${shown.cells[0]}`);
    must(shown.cells[1] === "in doubt, cancel sent", `its state says ${shown.cells[1]}`);
    must(shown.cells[8] === "01234567 leg 1", `its job says ${shown.cells[8]}`);
    must(shown.told === "warn", "it is not marked");
    must(shown.all[0] === "2 in doubt", `the badge says ${shown.all[0]}`);
    must(/12 placed.*\$2,500\.00.*okx/.test(shown.all[1]), `the sum says ${shown.all[1]}`);
    must(shown.all[2].includes("price collar 3"), `refused: ${shown.all[2]}`);
    must(!shown.all[2].includes("over leg"), "what was never refused is shown");
});

await check("where nobody decides, or nothing can be traded on, nothing is green", async () => {
    await status(page, "running");
    const dead = { deciding: false, failure: "the disk is full" };
    await page.route("**/api/console", (route) => route.fulfill({ json: dead }));
    await status(page, "dead");
    must(/NOT DECIDING/.test(await page.title()), `the title says: ${await page.title()}`);
    must(
        (await textOf(page, "#status-why")).includes("the disk is full"),
        `it says: ${await textOf(page, "#status-why")}`,
    );
    await page.unroute("**/api/console");
    await status(page, "running");
    // All exchanges down, and a halt whose count a success has begun anew.
    const down = structuredClone(await server.state());
    for (const one of Object.values(down.exchange_stats)) one.status = "down";
    const halt = structuredClone(await server.state());
    halt.global_stats.system_status = "halted";
    Object.assign(halt.risk_stats, { auto_halt: true, consecutive_failures: 0 });
    halt.alerts = [{ code: "auto_halt", level: "critical", since: halt.last_update }];
    const told = await page.evaluate(
        async ([nowhere, halted]) => {
            const { statusOf, whyOf } = await import("/why.js");
            const { showLog } = await import("/view.js");
            const entry = { time: nowhere.last_update, action: "kill", actor: "ann", ok: true };
            showLog([
                { ...entry, enabled: false },
                { ...entry, action: "manual_override", enabled: true },
                { ...entry, enabled: true, wall_time: "x" },
            ]);
            const log = [...document.querySelectorAll("#log b")].map((one) => one.textContent);
            return [statusOf(nowhere), whyOf(nowhere, []).but, whyOf(halted, []), log];
        },
        [down, halt],
    );
    must(told[0] === "nowhere", `with all exchanges down it says ${told[0]}`);
    must(told[1].includes("(down)"), `it says of them: ${told[1]}`);
    must(!/\b0 failures/.test(told[2].why), `of a halt it says: ${told[2].why}`);
    must(/^Since .*\d/.test(told[2].by), `of its time it says: ${told[2].by}`);
    must(
        told[3].join() === "kill off,manual override on,kill on",
        `the log says: ${told[3].join()}`,
    );
});

await check("a tab that nobody sees says in its title what is", async () => {
    // Such a page has no frames.
    await page.evaluate(() => {
        window.frames_before = window.requestAnimationFrame;
        window.requestAnimationFrame = () => 0;
    });
    await server.post("pause", { actor: "ann", reason: "test" });
    await until("the title says paused", 3000, async () => /Paused/.test(await page.title()));
    await server.post("resume", { actor: "ann", reason: "test" });
    await until("the title says running", 3000, async () => /Running/.test(await page.title()));
    await page.evaluate(() => {
        window.requestAnimationFrame = window.frames_before;
    });
    await page.reload();
    await live(page);
});

await check("names from outside neither control nor turn what is shown", async () => {
    const evil = "\u202eA\u200bA\u009b\u2066A";
    const name = Object.keys((await server.state()).exchange_stats)[0];
    // Each place in which the name of the exchange stands, keys included.
    const made = JSON.parse(
        JSON.stringify(await server.state()).replaceAll(`"${name}"`, JSON.stringify(evil)),
    );
    const order = { order: 7, client_id: evil, state: "open", job_id: evil, exchange: evil };
    const seen = await page.evaluate(
        async ([state, row]) => {
            const { showState } = await import("/view.js");
            const { showOrders, showOrderRows } = await import("/orders.js");
            showState(state, [], () => {});
            showOrders(state);
            showOrderRows([{ ...row, symbol: row.exchange, placed: state.last_update }], 0);
            const labels = [...document.querySelectorAll("[aria-label], [title]")].flatMap(
                (one) => [one.getAttribute("aria-label"), one.getAttribute("title")],
            );
            return [document.title, document.body.textContent, ...labels].join("\n");
        },
        [made, order],
    );
    must(!/[\u0080-\u009f\u200b\u202e\u2066]/.test(seen), "a character of these is shown");
    must(seen.includes("\ufffdA\ufffdA\ufffd\ufffdA"), "the name is not shown at all");
});

await check("the state agrees with its schema", async () => {
    const schema = JSON.parse(
        readFileSync(new URL("../../docs/state.schema.json", import.meta.url), "utf8"),
    );
    const found = faults(schema, await server.state());
    must(found.length === 0, found.slice(0, 5).join("\n"));
});

await check("numbers move, and the charts with them", async () => {
    const first = await shown(page);
    await until("time goes on", 3000, async () => (await shown(page)).at !== first.at);
    for (const id of ["equity", "pnl", "volume", "loss"]) {
        const box = await page.locator(`#chart-${id} canvas`).boundingBox();
        must(box && box.width > 150 && box.height > 100, `chart ${id} is not drawn`);
    }
    must((await page.locator(".card .bar").count()) >= 4, "there are no pools");
    must(
        (await textOf(page, "#exchanges")).includes("never wash trading"),
        "the wash pool is not explained",
    );
});

await check("a job opens to its explanation by keyboard", async () => {
    await until(
        "there is a job",
        60000,
        async () =>
            (await page.locator(".job-toggle:visible").count()) > 0 ||
            page.evaluate(() => {
                document.querySelector("#recent-box").open = true;
            }),
    );
    let words = "";
    await until("the explanation is read", 20000, async () => {
        const toggle = page.locator(".job-toggle:visible").first();
        if ((await toggle.getAttribute("aria-expanded")) === "false") {
            await toggle.focus();
            await page.keyboard.press("Enter");
        }
        // At once: a job that ends takes its explanation off the page.
        words = await page.evaluate(() => {
            const read = [...document.querySelectorAll(".explain:not([hidden])")].find(
                (one) => one.offsetParent && one.querySelector(".facts"),
            );
            return read?.innerText ?? "";
        });
        return words !== "";
    });
    must(/safety score/i.test(words) && /job id/i.test(words), `it says: ${words.slice(0, 300)}`);
});

await check("what could be read is readable: contrast AA, light and dark", async () => {
    for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        const pale = await page.evaluate(contrastFaults);
        must(pale.length === 0, `${colorScheme}: ${pale.slice(0, 6).join("; ")}`);
    }
    await page.emulateMedia({ colorScheme: "light" });
});

await check("it looks right in light and dark", async () => {
    await page.evaluate(() => scrollTo(0, 0));
    await history(page);
    await page.evaluate(() => {
        document.querySelector("#recent-box").open = false;
    });
    await page
        .waitForFunction(() => document.querySelector("#running .job-toggle"), null, {
            timeout: 30000,
        })
        .catch(() => console.log("       no job ran for 30 s: the picture has none"));
    await picture(page, "light");
    await page.emulateMedia({ colorScheme: "dark" });
    await picture(page, "dark");
    await page.emulateMedia({ colorScheme: "light" });
});

// Of jobs that add risk, which pause holds back.
const addsRisk = (job) => !job.is_repair && job.strategy !== "hedge_rebalance";
async function dispatchedSince(time) {
    const { jobs_stats: jobs } = await server.state();
    return [...jobs.running_jobs, ...jobs.recent_completed].filter(
        (job) => job.started > time && addsRisk(job),
    ).length;
}

await check("pause by button stops dispatch, resume lets it go on", async () => {
    const began = (await server.state()).last_update;
    const wait = Date.now();
    await until(
        "jobs are dispatched before the pause",
        90000,
        async () => (await dispatchedSince(began)) > 1,
    );
    const took = Date.now() - wait;
    await act(page, "#do-pause", { actor: "ann", reason: "looking into okx" });
    await done(page);
    await status(page, "paused");
    const why = await textOf(page, "#status");
    must(why.includes("ann") && why.includes("looking into okx"), `it says: ${why}`);
    const paused = (await server.state()).last_update;
    await new Promise((go) => setTimeout(go, Math.min(Math.max(2 * took, 3000), 15000)));
    must((await dispatchedSince(paused)) === 0, "jobs were dispatched while it was paused");
    must(
        (await server.state()).global_stats.system_status === "paused",
        "the server is not paused",
    );
    must(
        (await textOf(page, "#log")).includes("looking into okx"),
        "the control log does not tell",
    );
    await act(page, "#do-resume", { reason: "okx is well again" });
    await done(page);
    await status(page, "running");
    await until(
        "jobs are dispatched again",
        90000,
        async () => (await dispatchedSince(paused)) > 0,
    );
});

await check("the override dialog demands actor and reason", async () => {
    let posts = 0;
    const counted = (request) => (posts += request.method() === "POST" ? 1 : 0);
    page.on("request", counted);
    await act(page, "#do-override", { actor: "", reason: "" });
    for (const name of ["actor", "reason"]) {
        must(
            (await textOf(page, `#dialog-${name}-wrong`)).length > 0,
            `it does not ask for ${name}`,
        );
        must(
            (await page.getAttribute(`#dialog-${name}`, "aria-invalid")) === "true",
            `${name} is not marked`,
        );
    }
    must(
        await page.evaluate(() => document.activeElement.id === "dialog-actor"),
        "the focus is elsewhere",
    );
    await page.fill("#dialog-actor", "ann");
    await page.fill("#dialog-reason", "   ");
    await page.click("#dialog-ok");
    must(await page.isVisible("#dialog"), "blanks are taken for a reason");
    must(posts === 0, "something was sent");
    await page.fill("#dialog-reason", "spread is known");
    await page.click("#dialog-ok");
    await done(page);
    page.off("request", counted);
    await status(page, "manual_override");
    await act(page, "#do-override-off");
    await done(page);
    await status(page, "running");
});

await check("a dialog keeps the focus, and gives it back when it is left", async () => {
    await page.focus("#do-kill");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#dialog[open]");
    for (let i = 0; i < 12; i++) {
        await page.keyboard.press("Tab");
        must(
            await page.evaluate(
                () =>
                    document.activeElement === document.body ||
                    document.querySelector("#dialog").contains(document.activeElement),
            ),
            "the focus left the dialog",
        );
    }
    await page.keyboard.press("Escape");
    await done(page);
    must(await page.evaluate(() => document.activeElement.id === "do-kill"), "the focus is lost");
    must((await statusOf(page)) === "running", "it was done");
});

await check(
    "the kill button works, for one exchange and for all, and release demands a reason",
    async () => {
        const name = await page.locator(".card h3").first().innerText();
        await act(page, ".card:first-child .card-head button");
        await done(page);
        await until(
            "one exchange is killed",
            5000,
            async () => (await server.state()).exchange_stats[name].killed,
        );
        must(
            (await server.state()).global_stats.system_status === "running",
            "the others do not run",
        );
        await until("the top says so", 5000, async () =>
            (await textOf(page, "#status-but")).includes(`${name} (killed)`),
        );
        await act(page, "#do-kill", { actor: "ann", reason: "stop" });
        await done(page);
        await status(page, "killed");
        must((await server.state()).risk_stats.killed, "the server is not killed");
        const pale = await page.evaluate(contrastFaults);
        must(pale.length === 0, pale.slice(0, 6).join("; "));
        await act(page, "#do-release", { actor: "", reason: "" });
        must((await textOf(page, "#dialog-reason-wrong")).length > 0, "release asks for no reason");
        await page.fill("#dialog-actor", "ann");
        await page.fill("#dialog-reason", "all is well");
        await page.click("#dialog-ok");
        await done(page);
        if ((await server.state()).exchange_stats[name].killed) {
            await act(page, ".card:first-child .card-head button", {
                actor: "ann",
                reason: "all is well",
            });
            await done(page);
        }
        await status(page, "running");
        await until("no exchange is killed", 5000, async () =>
            Object.values((await server.state()).exchange_stats).every((one) => !one.killed),
        );
    },
);

await check("what the server refuses is told in the dialog", async () => {
    failing = true;
    await act(page, "#do-override", { actor: "ann", reason: "typing", job_id: "no-such-job" });
    await until("the reason is shown", 5000, async () =>
        (await textOf(page, "#dialog-error")).startsWith("Not done"),
    );
    await page.keyboard.press("Escape");
    await done(page);
    failing = false;
});

await check("a chosen theme is kept, and another tab asks for the token", async () => {
    await page.click("#theme");
    await page.click("#theme");
    must((await page.getAttribute("html", "data-theme")) === "dark", "it is not dark");
    await page.reload();
    await live(page);
    must((await page.getAttribute("html", "data-theme")) === "dark", "it is not kept");
    const other = await page.context().newPage();
    await other.goto(server.url);
    must(await other.isVisible("#login-form"), "another tab is open without a token");
    await other.close();
    await page.click("#theme");
    must(
        (await page.getAttribute("html", "data-theme")) === null,
        "it does not follow the system again",
    );
});

await check("at 360 px nothing overflows, opened or not", async () => {
    const phone = await open({
        viewport: { width: 360, height: 780 },
        colorScheme: "dark",
        hasTouch: true,
        isMobile: true,
        deviceScaleFactor: 1.5,
    });
    const overflow = () =>
        phone.evaluate(() => {
            const wide = [...document.querySelectorAll("body *")].filter(
                (one) =>
                    one.getBoundingClientRect().right > 360.5 &&
                    !one.closest(".scroll, .chart, .hidden, .skip"),
            );
            return document.documentElement.scrollWidth > 360
                ? `the page is ${document.documentElement.scrollWidth} wide: ${wide.slice(0, 3).map((one) => one.id || one.className)}`
                : wide
                      .slice(0, 3)
                      .map((one) => one.id || one.className || one.tagName)
                      .join();
        });
    must((await overflow()) === "", `token: ${await overflow()}`);
    await enter(phone);
    await live(phone);
    must((await overflow()) === "", await overflow());
    await history(phone);
    await picture(phone, "phone");
    for (const box of ["recent-box", "market-box", "rules-box", "feasibility-box"])
        await phone.click(`#${box} > summary`);
    await phone.waitForSelector("#rules td", { timeout: 30000 });
    await phone.waitForSelector("#feasibility td", { timeout: 30000 });
    if (await phone.locator(".job-toggle").count())
        await phone.locator(".job-toggle").first().click();
    await until(
        "nothing is asked for any more",
        5000,
        async () => !(await textOf(phone, "main")).includes("Asking…"),
    );
    must((await overflow()) === "", `all open: ${await overflow()}`);
    await phone.click("#do-override");
    must((await overflow()) === "", `dialog: ${await overflow()}`);
    await phone.context().close();
});

async function noticed(what) {
    const start = Date.now();
    await page.waitForSelector("#banner:not([hidden])", { timeout: NOTICED_MS + 2000 });
    const took = Date.now() - start;
    must(took <= NOTICED_MS, `${what} was shown after ${took} ms`);
    must(await page.evaluate(() => document.body.classList.contains("stale")), "nothing is greyed");
    must((await textOf(page, "#stale-title")) === "Not live", "the status pretends to be live");
    must(
        /as of \d\d:\d\d:\d\d UTC/.test(await textOf(page, "#banner")),
        "it does not say as of when",
    );
    must((await page.title()).includes("Not live"), "the title pretends to be live");
}

failing = true;
await check("a server that hangs is shown within 3 s, and its return too", async () => {
    server.signal("SIGSTOP");
    try {
        await noticed("silence");
    } finally {
        server.signal("SIGCONT");
    }
    await live(page);
    must(!(await page.isVisible("#banner")), "the banner stays");
});

await check("a dead server is shown within 3 s, and a new one is found", async () => {
    await server.kill();
    await noticed("death");
    const as = await shown(page);
    await page.evaluate(() => scrollTo(0, 0));
    await picture(page, "lost");
    must((await shown(page)).at === as.at, "numbers move without a server");
    await page.click("#do-pause");
    await page.click("#dialog-ok");
    await until("a failed action says so", 6000, async () =>
        (await textOf(page, "#dialog-error")).startsWith("Not known whether it was done"),
    );
    await page.keyboard.press("Escape");
    await server.start();
    await live(page);
    await status(page, "running");
});

await check("there were no console errors and no requests outside", () => {
    must(odd.length === 0, [...new Set(odd)].slice(0, 10).join("\n"));
});

await browser.close();
await server.end();
process.exit(finish());
