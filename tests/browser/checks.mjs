// Running checks one after the other, and waiting for what must come true.

let passed = 0;
let failed = 0;

export async function check(name, body) {
    const start = Date.now();
    try {
        await body();
        passed++;
        console.log(`ok     ${name} (${Date.now() - start} ms)`);
    } catch (error) {
        failed++;
        console.log(
            `FAILED ${name}\n    ${String(error.stack ?? error).replaceAll("\n", "\n    ")}`,
        );
    }
}

export function finish() {
    console.log(`${passed} passed, ${failed} failed`);
    return failed === 0 ? 0 : 1;
}

export function must(condition, says) {
    if (!condition) throw new Error(says);
}

// The first truthy answer of `ask`, or an error after `within` ms.
export async function until(says, within, ask) {
    const end = Date.now() + within;
    for (;;) {
        const answer = await ask();
        if (answer) return answer;
        if (Date.now() > end) throw new Error(`not within ${within} ms: ${says}`);
        await new Promise((done) => setTimeout(done, 25));
    }
}
