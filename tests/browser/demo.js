// Starts what is tested: the real binary (`shouyin demo`, `shouyin simulator`), or whatever SHOUYIN_BASE_URL points to.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const START_LIMIT_MS = 15_000;
const STOP_LIMIT_MS = 10_000;
const READY = /http:\/\/127\.0\.0\.1:\d+\//;

/** Starts the demo in a fresh data directory; answers `{ url, startedInMs, stop }`. */
export async function startDemo() {
  if (process.env.SHOUYIN_BASE_URL) {
    return { url: new URL("/", process.env.SHOUYIN_BASE_URL).href, startedInMs: null, stop: async () => 0 };
  }
  return start("the demo", (dataDir) => ["demo", "--listen", "127.0.0.1:0", "--data-dir", dataDir]);
}

/** Starts the simulator alone; answers `{ url, merchant, stop }`, with `merchant.json` parsed. */
export async function startSimulator() {
  const started = await start("the simulator", (folder) => ["simulator", "--listen", "127.0.0.1:0", "--out", folder]);
  const merchant = JSON.parse(await readFile(join(started.folder, "merchant.json"), "utf8"));
  return { ...started, url: new URL(merchant.control_url).origin, merchant };
}

async function start(name, options) {
  const folder = await mkdtemp(join(tmpdir(), "shouyin-browser-"));
  const started = performance.now();
  const child = spawn(binary(), options(folder), { stdio: ["ignore", "pipe", "pipe"] });
  const output = collect(child);
  const exited = new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
  const failed = new Promise((_, reject) => child.once("error", reject));
  try {
    const url = await Promise.race([
      output.line(READY),
      failed,
      exited.then((code) => fail(`${name} ended with ${code} before it was ready`)),
      after(START_LIMIT_MS).then(() => fail(`${name} was not ready within ${START_LIMIT_MS} ms`)),
    ]);
    return { url, folder, startedInMs: performance.now() - started, stop };
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`${error.message}\n${output.text()}`, { cause: error });
  }

  /** Ctrl-C; answers the exit code. */
  async function stop() {
    if (child.exitCode !== null || child.signalCode !== null) fail(`${name} ended by itself before it was stopped\n${output.text()}`);
    child.kill("SIGINT");
    const code = await Promise.race([exited, after(STOP_LIMIT_MS).then(() => "still running")]);
    if (code === "still running") child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
    if (code !== 0) console.error(output.text());
    return code;
  }
}

function fail(message) {
  throw new Error(message);
}

const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref());

// Everything the process says, and the first line that matches.
function collect(child) {
  let all = "";
  const waiting = [];
  const take = (chunk) => {
    all += chunk;
    for (const { pattern, resolve } of waiting) {
      const found = pattern.exec(all);
      if (found) resolve(found[0]);
    }
  };
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  return { text: () => all, line: (pattern) => new Promise((resolve) => waiting.push({ pattern, resolve })) };
}

function binary() {
  const here = (path) => fileURLToPath(new URL(path, import.meta.url));
  const candidates = [process.env.SHOUYIN_BIN, here("../../target/release/shouyin"), here("../../target/debug/shouyin")];
  const found = candidates.find((path) => path && existsSync(path));
  return found ?? fail("no shouyin binary: run `cargo build --release -p shouyin`, or set SHOUYIN_BIN");
}
