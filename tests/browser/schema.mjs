// The state that the library writes agrees with docs/state.schema.json, and everything that the
// schema names is explained in docs/monitoring.md.
// usage: node schema.mjs PERP_SCENARIO
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { check, finish, must } from "./checks.mjs";
import { faults } from "./json_schema.mjs";

const scenario = process.argv[2];
const root = new URL("../../", import.meta.url);
const schema = JSON.parse(readFileSync(new URL("docs/state.schema.json", root), "utf8"));
const page = readFileSync(new URL("docs/monitoring.md", root), "utf8");
const EVERY = 40; // lines of a scenario between two looks at the state

function statesOf(file) {
    const lines = readFileSync(new URL(`tests/scenarios/${file}`, root), "utf8").split("\n");
    const input = lines.flatMap((line, i) => (i % EVERY === 0 ? [line, '{"op":"state"}'] : [line]));
    const run = spawnSync(scenario, {
        input: `${input.join("\n")}\n`,
        encoding: "utf8",
        maxBuffer: 1 << 29,
    });
    must(run.status === 0, `${file}: ${run.stderr}`);
    return run.stdout
        .split("\n")
        .filter((line) => line.includes('"global_stats"'))
        .map((line) => JSON.parse(line).state);
}

const files = readdirSync(new URL("tests/scenarios/", root)).filter((name) =>
    name.endsWith(".in.jsonl"),
);
let last = null;
for (const file of files)
    await check(`states of ${file} agree with the schema`, () => {
        const states = statesOf(file);
        must(states.length > 0, "there is no state");
        for (const state of states) {
            const found = faults(schema, state);
            must(found.length === 0, found.slice(0, 5).join("\n"));
            if (state.jobs_stats.recent_completed.length > 0 && state.alerts.length > 0)
                last = state;
        }
    });

await check("a state that differs is found out", () => {
    must(last !== null, "no scenario ends with jobs and alerts");
    const changes = [
        (state) => delete state.last_update,
        (state) => (state.odd = 1),
        (state) => (state.global_stats.equity_usd = "1"),
        (state) => (state.global_stats.system_status = "asleep"),
        (state) => (state.jobs_stats.pending_jobs_count = -1),
        (state) => (state.jobs_stats.pending_jobs_count = 0.5),
        (state) => (state.last_update = "2025-01-01T00:00:00Z"),
        (state) => (state.jobs_stats.recent_completed[0].job_id = "x"),
        (state) => delete Object.values(state.capital_stats)[0].pools.wash.budget,
        (state) => (Object.values(state.exchange_stats)[0].circuit = null),
        (state) => (state.alerts[0].level = "loud"),
    ];
    for (const change of changes) {
        const changed = structuredClone(last);
        change(changed);
        must(faults(schema, changed).length > 0, `it is not: ${change}`);
    }
});

function namesOf(part) {
    if (part === null || typeof part !== "object") return [];
    const own = part.type === "object" && part.properties ? Object.keys(part.properties) : [];
    return [...own, ...Object.values(part).flatMap(namesOf)];
}

await check("docs/monitoring.md explains every name of the state", () => {
    const rules = new Set(Object.keys(schema.properties.risk_stats.properties.refusals.properties));
    const alerts = schema.$defs.alert.properties.code.enum;
    const names = [...new Set([...namesOf(schema), ...alerts])].filter(
        (name) => !rules.has(name) || alerts.includes(name),
    );
    const missing = names.filter((name) => !page.includes(`\`${name}\``));
    must(missing.length === 0, `not explained: ${missing.join(", ")}`);
});

process.exitCode = finish();
