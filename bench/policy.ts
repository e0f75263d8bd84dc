/**
 * The configuration and filter language beside bird, in the same run: how long a large file takes to load,
 * what an import filter costs a route, how fast a large prefix set is searched.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PrefixSet } from "../protocol/policy/prefix-set.ts";
import { RouteKind } from "../protocol/rib/route.ts";
import { diskFiles } from "../src/config/files.ts";
import { loadConfig, loadConfigFile } from "../src/config/load.ts";
import { type Group, importFilter, largeConfig, Numbers, routes, routesConfig } from "./policy/generate.ts";

export interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** How many times as fast as `against`. */
  readonly ratio?: number;
  readonly against?: string;
}

const smoke = process.env.BENCH_SMOKE !== undefined;

export async function run(): Promise<BenchResult[]> {
  const directory = mkdtempSync(join(tmpdir(), "linnet-bench-policy-"));
  try {
    return [...load(directory), ...(await filter(directory)), ...prefixSets()];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Wall clock of a process that does nothing else, the best of a few: what a reload waits for. */
function load(directory: string): BenchResult[] {
  const file = join(directory, "large.conf");
  const size = smoke
    ? { neighbors: 50, filters: 20, prefixes: 2000 }
    : { neighbors: 5000, filters: 2000, prefixes: 200_000 };
  writeFileSync(file, largeConfig(size));
  const rounds = smoke ? 1 : 5;
  const ours = best(rounds, () => {
    if (!loadConfigFile(file).ok) throw new Error("the large configuration does not load");
  });
  const name = "load 5,000 neighbours, 2,000 filters, 200,000 prefixes";
  if (!hasBird()) return [{ name, value: ours, unit: "ms" }];
  const birds = best(rounds, () => {
    const { status, stderr } = spawnSync("bird", ["-p", "-c", file], { encoding: "utf8" });
    if (status !== 0) throw new Error(`bird -p: ${stderr}`);
  });
  return [{ name, value: ours, unit: "ms", ratio: birds / ours, against: `bird -p ${birds.toFixed(0)} ms` }];
}

/** A filter over routes that are there, in ns a route. For bird: `show route filter F count` without what `count` alone takes. */
async function filter(directory: string): Promise<BenchResult[]> {
  const groups = smoke ? routes(4, 100) : routes(40, 5000);
  const count = groups.reduce((sum, group) => sum + group.nets.length, 0);
  const rounds = smoke ? 1 : 7;
  const ours = (best(rounds, () => runFilter(groups)) / count) * 1e6;
  const name = "import filter, 200,000 routes";
  if (!hasBird()) return [{ name, value: ours, unit: "ns" }];
  const birds = await birdFilter(directory, groups, rounds);
  const cost = (birds / count) * 1e6;
  return [{ name, value: ours, unit: "ns", ratio: cost / ours, against: `bird ${cost.toFixed(0)} ns` }];
}

const MEASURED = loadConfig({ file: "bench", text: `protocol device { }\n${importFilter()}`, ...diskFiles });

function runFilter(groups: readonly Group[]): void {
  const compiled = MEASURED.ok ? MEASURED.config.filters.get("measured") : undefined;
  if (!compiled) throw new Error("the filter does not load");
  let accepted = 0;
  for (const { nets, attributes } of groups) {
    for (const net of nets) if (compiled.run(net, attributes, SOURCE, ENV)) accepted++;
  }
  if (accepted === 0) throw new Error("the filter accepts nothing");
}

const SOURCE = { id: 1, protocol: "bench", kind: RouteKind.Bgp, preference: 100 } as const;
const ENV = {
  print: () => {},
  error: (message: string) => {
    throw new Error(message);
  },
  roaCheck: () => 0,
  interfaceIndex: () => 1,
  routerId: 1,
};

async function birdFilter(directory: string, groups: readonly Group[], rounds: number): Promise<number> {
  const file = join(directory, "routes.conf");
  const socket = join(directory, "bird.ctl");
  writeFileSync(file, `router id 192.0.2.1;\nprotocol device { }\n${importFilter()}${routesConfig(groups)}`);
  const bird = spawn("bird", ["-f", "-c", file, "-s", socket], { stdio: "ignore" });
  try {
    const control = await connect(bird, socket);
    const all = (): Promise<number> => control.timed("show route filter nothing count");
    const measured = (): Promise<number> => control.timed("show route filter measured count");
    let [plain, filtered] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let i = 0; i < rounds; i++) {
      plain = Math.min(plain, await all());
      filtered = Math.min(filtered, await measured());
    }
    control.close();
    return filtered - plain;
  } finally {
    bird.kill("SIGTERM");
  }
}

interface Control {
  /** Milliseconds from the command to the end of its reply. */
  timed(command: string): Promise<number>;
  close(): void;
}

async function connect(bird: ChildProcess, path: string): Promise<Control> {
  for (let i = 0; i < 600 && !existsSync(path) && bird.exitCode === null; i++)
    await new Promise((r) => setTimeout(r, 50));
  const socket = createConnection(path);
  let done: (() => void) | undefined;
  let tail = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    tail = (tail + chunk).slice(-200);
    if (/(?:^|\n)\d{4} [^\n]*\n$/.test(tail)) {
      tail = "";
      done?.();
    }
  });
  await new Promise<void>((resolve) => {
    done = resolve;
  });
  const timed = async (command: string): Promise<number> => {
    const start = performance.now();
    const finished = new Promise<void>((resolve) => {
      done = resolve;
    });
    socket.write(`${command}\n`);
    await finished;
    return performance.now() - start;
  };
  // Routes come in after the start: all there when their number stays.
  await timed("show route count");
  await new Promise((r) => setTimeout(r, smoke ? 200 : 2000));
  return { timed, close: () => socket.destroy() };
}

function prefixSets(): BenchResult[] {
  const size = smoke ? 1000 : 100_000;
  const numbers = new Numbers();
  const patterns = Array.from({ length: size }, () => {
    const prefix = numbers.prefix();
    return { prefix, low: prefix.length, high: numbers.pick([prefix.length, 32]) };
  });
  const set = new PrefixSet(patterns);
  const nets = Array.from({ length: smoke ? 1000 : 200_000 }, () => numbers.prefix());
  let hits = 0;
  const ms = best(smoke ? 1 : 7, () => {
    for (const net of nets) if (set.matches(net)) hits++;
  });
  if (hits === 0) throw new Error("no prefix matches");
  return [{ name: "prefix set of 100,000, a search", value: (ms / nets.length) * 1e6, unit: "ns" }];
}

function best(rounds: number, action: () => void): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    action();
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest;
}

function hasBird(): boolean {
  return spawnSync("bird", ["--version"]).status === 0;
}
