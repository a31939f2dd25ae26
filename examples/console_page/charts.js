// The charts, drawn from what the stream has brought since the page was opened.
/* global uPlot */
import { $, attribute, text } from "./dom.js";
import { millis, percent, signedUsd, usd, usdShort } from "./format.js";

const MOST_POINTS = 1800;

const grouped = [0, 1, 2].map(
    (digits) =>
        new Intl.NumberFormat("en-US", {
            minimumFractionDigits: digits,
            maximumFractionDigits: digits,
        }),
);

// step: the distance of two marks, which says how many digits tell them apart.
const axisUsd = (value, step) => {
    if (Math.abs(value) >= 1e6 && step >= 1e4)
        return `${+(value / 1e6).toFixed(2)}M`.replace("-", "−");
    let digits = 0;
    while (digits < 2 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6)
        digits++;
    return grouped[digits].format(value).replace("-", "−");
};

const CHARTS = [
    {
        id: "equity",
        value: (g) => g.equity_usd,
        axis: axisUsd,
        show: usd,
        colour: "--series-1",
    },
    {
        id: "pnl",
        value: (g) => g.today_net_usd,
        axis: axisUsd,
        show: signedUsd,
        colour: "--series-2",
    },
    {
        id: "volume",
        value: (g) => g.today_volume_usd,
        axis: axisUsd,
        show: usdShort,
        colour: "--series-3",
    },
    {
        id: "loss",
        value: (g) => (g.daily_loss_limit > 0 ? g.daily_loss_used / g.daily_loss_limit : null),
        axis: (value) => `${Math.round(value * 100)} %`,
        show: (value) => percent(value, 1),
        colour: "--series-4",
        limit: 1,
    },
];

const times = [];
const values = CHARTS.map(() => []);
const plots = [];
let width = 0;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function range(chart) {
    return (_plot, low, high) => {
        if (chart.limit) return [0, Math.max(chart.limit * 1.08, (high ?? 0) * 1.05)];
        if (low === null) return [0, 1];
        const room = (high - low) * 0.1 || Math.max(Math.abs(high) * 1e-4, 1);
        return [low - room, high + room];
    };
}

// A line at the limit, as a hook of uPlot.
function drawLimit(chart) {
    return (plot) => {
        if (!chart.limit) return;
        const { ctx, bbox } = plot;
        const y = plot.valToPos(chart.limit, "y", true);
        ctx.save();
        ctx.strokeStyle = colour("--critical");
        ctx.lineWidth = 2 * devicePixelRatio;
        ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
        ctx.restore();
    };
}

function options(chart, box) {
    const font = "12px system-ui, sans-serif";
    const axis = { stroke: colour("--soft"), font, ticks: { show: false } };
    const grid = { stroke: colour("--line"), width: 1 };
    return {
        width: Math.max(200, box.clientWidth),
        height: 150,
        padding: [8, 26, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        scales: { y: { range: range(chart) } },
        axes: [
            {
                ...axis,
                size: 22,
                space: 70,
                grid: { show: false },
                values: (_plot, splits, _axis, _space, step) =>
                    splits.map((at) =>
                        new Date(at * 1000).toISOString().slice(11, step < 60 ? 19 : 16),
                    ),
            },
            {
                ...axis,
                size: 74,
                space: 34,
                grid,
                values: (_plot, splits, _axis, _space, step) =>
                    splits.map((at) => chart.axis(at, step)),
            },
        ],
        series: [
            {},
            {
                stroke: colour(chart.colour),
                width: 2,
                fill: chart.limit ? `${colour(chart.colour)}22` : undefined,
                points: { show: false },
            },
        ],
        hooks: { draw: [drawLimit(chart)], setCursor: [(plot) => pointed(chart, plot)] },
    };
}

function pointed(chart, plot) {
    const at = plot.cursor.idx;
    const line = $(`chart-${chart.id}-now`);
    const own = values[CHARTS.indexOf(chart)];
    if (at === null || at === undefined || plot.cursor.left < 0) {
        text(line, own.length ? chart.show(own[own.length - 1]) : "");
        return;
    }
    const when = new Date(times[at] * 1000).toISOString().slice(11, 19);
    text(line, `${chart.show(own[at])} at ${when}`);
}

// Makes the charts anew, in the colours of the theme.
export function drawCharts() {
    CHARTS.forEach((chart, i) => {
        const box = $(`chart-${chart.id}`);
        plots[i]?.destroy();
        plots[i] = new uPlot(options(chart, box), [times, values[i]], box);
    });
}

export function startCharts() {
    drawCharts();
    new ResizeObserver(() => {
        const now = $("chart-equity").clientWidth;
        if (now === width) return;
        width = now;
        CHARTS.forEach((chart, i) => {
            plots[i].setSize({
                width: Math.max(200, $(`chart-${chart.id}`).clientWidth),
                height: 150,
            });
        });
    }).observe($("chart-equity"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
}

// Older points are thinned out, so that a page that stays open for days keeps its whole history.
function thin() {
    const keep = (_value, i) => i % 2 === 0 || i > MOST_POINTS / 2;
    for (const column of [times, ...values])
        column.splice(0, column.length, ...column.filter(keep));
}

// Time that went back means another market: its history begins anew.
export function addToCharts(state) {
    const at = millis(state.last_update) / 1000;
    const last = times[times.length - 1];
    if (Number.isNaN(at)) return;
    if (at < last) for (const column of [times, ...values]) column.length = 0;
    if (at === last) for (const column of [times, ...values]) column.pop();
    times.push(at);
    CHARTS.forEach((chart, i) => values[i].push(chart.value(state.global_stats) ?? null));
    if (times.length > MOST_POINTS) thin();
    CHARTS.forEach((chart, i) => {
        plots[i].setData([times, values[i]]);
        const now = values[i][values[i].length - 1];
        if (!(plots[i].cursor.left >= 0)) text($(`chart-${chart.id}-now`), chart.show(now));
        attribute($(`chart-${chart.id}`), "aria-label", `${chart.id}: now ${chart.show(now)}`);
    });
}
