// The console as a process of its own, and its API as a program sees it.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./checks.mjs";

function freePort() {
    return new Promise((done, fail) => {
        const server = createServer();
        server.once("error", fail);
        server.listen(0, "127.0.0.1", () => {
            const { port } = server.address();
            server.close(() => done(port));
        });
    });
}

export class Console {
    static async make(command, speed) {
        const server = new Console();
        server.folder = mkdtempSync(join(tmpdir(), "perpcore-browser-"));
        server.token = "a-token-for-the-browser-test-0123456789";
        server.tokenFile = join(server.folder, "token");
        writeFileSync(server.tokenFile, `${server.token}\n`, { mode: 0o600 });
        server.command = command.split(" ");
        server.speed = speed;
        server.port = await freePort();
        server.url = `http://127.0.0.1:${server.port}`;
        await server.start();
        return server;
    }

    async start() {
        const [program, ...first] = this.command;
        this.output = "";
        this.process = spawn(program, [
            ...first,
            "--listen",
            `127.0.0.1:${this.port}`,
            "--token-file",
            this.tokenFile,
            "--market",
            "sim",
            "--speed",
            String(this.speed),
        ]);
        this.ended = new Promise((done) => this.process.once("exit", done));
        for (const stream of [this.process.stdout, this.process.stderr])
            stream.on("data", (text) => (this.output += text));
        await until(`the server answers; it says: ${this.output}`, 20000, async () => {
            try {
                return await this.get("/api/monitoring/state");
            } catch {
                return null;
            }
        });
    }

    async post(action, body) {
        const response = await fetch(`${this.url}/api/control/${action}`, {
            method: "POST",
            headers: { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" },
            body: JSON.stringify(body),
        });
        if (!response.ok) throw new Error(`${action}: ${response.status}`);
    }

    async get(path) {
        const response = await fetch(this.url + path, {
            headers: { Authorization: `Bearer ${this.token}` },
        });
        if (!response.ok) throw new Error(`${path}: ${response.status}`);
        return response.json();
    }

    state() {
        return this.get("/api/monitoring/state");
    }

    signal(name) {
        this.process.kill(name);
    }

    async kill() {
        this.process.kill("SIGKILL");
        await this.ended;
    }

    async end() {
        if (this.process.exitCode === null && this.process.signalCode === null) {
            this.process.kill("SIGCONT");
            this.process.kill("SIGTERM");
            await Promise.race([this.ended, new Promise((done) => setTimeout(done, 5000))]);
            this.process.kill("SIGKILL");
        }
        rmSync(this.folder, { recursive: true, force: true });
        return this.process.exitCode;
    }
}
