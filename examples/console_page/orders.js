// Orders: what the state counts of them, what the gate refused, and those that have not ended, which
// the server is asked for while there are some.
import { $, attribute, h, keyed, show, text } from "./dom.js";
import { count, duration, millis, number, usd, words } from "./format.js";
import { request } from "./stream.js";

const REFRESH_MS = 1000;
const ORDERS = ["order", "state", "market", "side", "filled", "of", "price", "age", "job"];

let rows = [];
let askedAt = 0;
let asking = false;

function summary(stats, now) {
    const age = now - millis(stats.unhedged_since);
    const unhedged = stats.unhedged_jobs_count
        ? `; ${count(stats.unhedged_jobs_count)} running ${
              stats.unhedged_jobs_count === 1 ? "job is" : "jobs are"
          } unhedged: ${usd(stats.unhedged_usd)} for ${duration(age)}`
        : "";
    const foreign = stats.foreign.length
        ? `; open orders of others at ${stats.foreign.join(", ")}`
        : "";
    return (
        `Today ${count(stats.placed_today)} placed, ${count(stats.fills_today)} fills, ` +
        `${count(stats.refused_today)} refused${unhedged}${foreign}.`
    );
}

function refusals(stats) {
    return Object.entries(stats.refused)
        .filter(([, times]) => times > 0)
        .sort((a, b) => b[1] - a[1])
        .map(([reason, times]) => `${words(reason)} ${count(times)}`)
        .join(", ");
}

function updateOrder(element, order, now) {
    const told = [
        words(order.state),
        order.cancel_requested ? "cancel sent" : "",
        order.overfilled ? "overfilled" : "",
    ];
    const shown = [
        order.client_id,
        told.filter((one) => one).join(", "),
        `${order.exchange} ${order.symbol}`,
        order.side,
        number(order.filled),
        number(order.quantity),
        order.type === "market" ? "market" : number(order.price),
        duration(now - millis(order.placed)),
        `${order.job_id.slice(0, 8)} leg ${order.leg}`,
    ];
    shown.forEach((value, i) => text(element.children[i], value));
    attribute(element, "data-told", order.state === "in_doubt" ? "warn" : null);
    attribute(element.lastElementChild, "title", order.job_id);
}

// Those that the server listed last, as of `now`.
export function showOrderRows(listed, now) {
    rows = listed;
    if (!$("orders").firstElementChild)
        $("orders").append(
            h(
                "table",
                {},
                h(
                    "thead",
                    {},
                    h("tr", {}, ...ORDERS.map((name) => h("th", { scope: "col" }, name))),
                ),
                h("tbody"),
            ),
        );
    show($("orders"), rows.length > 0);
    keyed(
        $("orders").querySelector("tbody"),
        rows,
        (order) => order.order,
        () =>
            h(
                "tr",
                {},
                ...ORDERS.map((_name, i) => h("td", { class: i > 3 && i < 8 ? "figure" : null })),
            ),
        (element, order) => updateOrder(element, order, now),
    );
}

// Where the server is gone the stream says so, and the next state asks again.
async function read(now) {
    asking = true;
    askedAt = Date.now();
    try {
        showOrderRows((await request("/api/orders?state=not_ended")).orders, now);
    } catch {
        askedAt = 0;
    }
    asking = false;
}

export function showOrders(state) {
    const stats = state.orders_stats;
    const now = millis(state.last_update);
    text($("orders-sum"), summary(stats, now));
    text(
        $("orders-count"),
        stats.in_doubt ? `${stats.in_doubt} in doubt` : stats.open ? `${stats.open} open` : "",
    );
    attribute($("orders-count"), "data-level", stats.in_doubt ? "warning" : null);
    const refused = refusals(stats);
    text($("orders-refused"), refused ? `Refused by the gate: ${refused}.` : "");
    show($("orders-refused"), refused !== "");
    show($("orders-none"), stats.open === 0);
    if (stats.open === 0) showOrderRows([], now);
    else if (!asking && Date.now() - askedAt >= REFRESH_MS) read(now);
    else showOrderRows(rows, now);
}
