// The connection: the token, requests, and the stream of events. EventSource can't send an
// Authorization header, so the stream is read with fetch.

const TOKEN = "perpcore.token";
const SILENCE_MS = 2200; // no byte for so long: the connection counts as lost
const CHECK_MS = 200;
const RETRY_MS = [300, 600, 1200, 2000];

let memoryToken = ""; // where the browser keeps no session storage

export function token() {
    try {
        return sessionStorage.getItem(TOKEN) ?? memoryToken;
    } catch {
        return memoryToken;
    }
}

export function setToken(value) {
    memoryToken = value;
    try {
        if (value) sessionStorage.setItem(TOKEN, value);
        else sessionStorage.removeItem(TOKEN);
    } catch {
        // It is kept in memory.
    }
}

export class Refused extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

async function reasonOf(response) {
    try {
        const body = await response.json();
        if (typeof body.error === "string") return body.error;
        if (typeof body.error?.message === "string") return body.error.message;
        if (typeof body.message === "string") return body.message;
    } catch {
        // The status says it.
    }
    return `${response.status} ${response.statusText}`.trim();
}

// body given: POST. Throws Refused with the server's reason, or an Error where there is no answer.
export async function request(path, body, withToken = token()) {
    const headers = { Authorization: `Bearer ${withToken}`, Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response;
    try {
        response = await fetch(path, {
            method: body === undefined ? "GET" : "POST",
            headers,
            body: body === undefined ? undefined : JSON.stringify(body),
            cache: "no-store",
            credentials: "omit",
            redirect: "error",
            signal: AbortSignal.timeout(5000),
        });
    } catch {
        throw new Error("no answer from the server");
    }
    if (!response.ok) throw new Refused(response.status, await reasonOf(response));
    return response.json();
}

// Reads server-sent events out of a stream of bytes. take({id, event, data}) gets each of them,
// heard() is called for every piece that arrives.
async function readEvents(body, heard, take) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let event = { id: null, event: "message", data: [] };
    for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        heard();
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        for (const raw of lines) {
            const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
            if (line === "") {
                if (event.data.length) take({ ...event, data: event.data.join("\n") });
                event = { id: null, event: "message", data: [] };
                continue;
            }
            const colon = line.indexOf(":");
            const name = colon < 0 ? line : line.slice(0, colon);
            const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
            if (name === "data") event.data.push(value);
            else if (name === "event") event.event = value;
            else if (name === "id") event.id = value;
        }
    }
}

// Keeps a stream open for ever. on: live(), lost(why), refused(why), event(name, object).
export class Stream {
    constructor(on) {
        this.on = on;
        this.lastId = null;
        this.heardAt = 0;
        this.failures = 0;
        this.stopped = true;
    }

    start() {
        this.stopped = false;
        this.lastId = null;
        this.failures = 0;
        this.heardAt = Date.now();
        this.timer = setInterval(() => this.check(), CHECK_MS);
        this.offline = () => this.drop("this device is offline");
        this.seen = () => document.hidden || this.check();
        window.addEventListener("offline", this.offline);
        document.addEventListener("visibilitychange", this.seen);
        this.connect();
    }

    stop() {
        this.stopped = true;
        clearInterval(this.timer);
        clearTimeout(this.retry);
        window.removeEventListener("offline", this.offline);
        document.removeEventListener("visibilitychange", this.seen);
        this.abort?.abort();
    }

    check() {
        if (Date.now() - this.heardAt > SILENCE_MS)
            this.drop("the server has been silent for more than 2 seconds");
    }

    drop(why) {
        this.on.lost(why);
        this.why = why;
        this.abort?.abort();
    }

    async connect() {
        const abort = new AbortController();
        this.abort = abort;
        this.heardAt = Date.now();
        this.why = "the server closed the connection";
        const headers = { Authorization: `Bearer ${token()}`, Accept: "text/event-stream" };
        if (this.lastId !== null) headers["Last-Event-ID"] = this.lastId;
        try {
            const response = await fetch("/api/events", {
                headers,
                cache: "no-store",
                credentials: "omit",
                redirect: "error",
                signal: abort.signal,
            });
            if (response.status === 401 || response.status === 403) {
                const why = await reasonOf(response);
                this.stop();
                this.on.refused(why);
                return;
            }
            if (!response.ok) {
                this.why = await reasonOf(response);
            } else {
                await readEvents(
                    response.body,
                    () => {
                        this.heardAt = Date.now();
                    },
                    (event) => this.take(event),
                );
            }
        } catch (error) {
            if (!abort.signal.aborted)
                this.why = error instanceof TypeError ? "no answer from the server" : error.message;
        }
        if (this.stopped) return;
        this.on.lost(this.why);
        this.heardAt = Infinity; // while it waits for the next try there is nothing to hear
        const wait = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)];
        this.retry = setTimeout(() => this.connect(), wait);
    }

    take({ id, event, data }) {
        if (this.stopped) return;
        if (id !== null) this.lastId = id;
        let value;
        try {
            value = JSON.parse(data);
        } catch {
            this.drop("the server sent something that is not JSON");
            return;
        }
        this.failures = 0;
        this.on.live();
        this.on.event(event, value);
    }
}
