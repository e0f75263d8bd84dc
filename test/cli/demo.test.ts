/** `linnet start`, the built one: what it promises with its exit status, and what it leaves behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";

const LINNET = resolve(import.meta.dirname, "../../dist/bin/linnet.js");
const isBuilt = existsSync(LINNET);
if (!isBuilt) console.log("demo.test.ts skips: dist/ is missing (npm run build)");

describe.skipIf(!isBuilt)("linnet start --once", { timeout: 60_000 }, () => {
  test("plays the fail-over and exits 0", async () => {
    const demo = start();
    const text = collect(demo);
    const [status] = await once(demo, "close");
    expect(text()).toMatch(/Fail-over in \d+ ms, return in \d+ ms\.\n$/);
    expect(status).toBe(0);
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("broken off by %s it takes its routers along", async (signal) => {
    const demo = start();
    const text = collect(demo);
    while (!text().includes("Established")) await once(demo.stdout!, "data");
    const routers = childrenOf(demo.pid!);
    expect(routers).toHaveLength(3);
    demo.kill(signal);
    const [status] = await once(demo, "close");
    expect(status).toBe(1);
    await expect.poll(() => routers.filter(isAlive), { timeout: 5000 }).toEqual([]);
  });
});

function start(): ChildProcess {
  return spawn(process.execPath, [LINNET, "start", "--once"], { stdio: ["ignore", "pipe", "inherit"] });
}

function collect(child: ChildProcess): () => string {
  let text = "";
  child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(/\s+/).map(Number);
}

/** A zombie is dead. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false; // gone altogether
  }
}
