/**
 * The kernel: 100,000 routes in and out, beside bird doing the same in the same namespace; a single change;
 * and how soon a link's end is known. In a network namespace of its own; nothing without root.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import koffi from "koffi";
import { Fib, type Kernel, openKernel, RouteTable, type WantedRoute } from "../fib/index.ts";
import { type IpAddress, ipv4, prefixOf } from "../protocol/wire/address.ts";

export interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly ratio?: number;
  readonly against?: string;
}

export async function run(): Promise<BenchResult[]> {
  if (process.getuid?.() !== 0) {
    console.log("bench/fib needs root");
    return [];
  }
  const count = process.argv.includes("smoke") || process.env.BENCH_SMOKE !== undefined ? 5000 : 100_000;
  return await inNamespace(async () => {
    sh("ip link set lo up; ip link add b0 type veth peer name b1; ip link set b0 up; ip link set b1 up");
    sh("ip addr add 10.255.0.1/24 dev b0");
    const bird = installed("bird") && installed("birdc") ? await birdTimes(count) : undefined;
    const kernel = await openKernel();
    const results = [
      ...(await bulk(kernel, count, bird)),
      ...(await single(kernel, count)),
      await reading(kernel, count),
      await linkGone(kernel),
    ];
    await kernel.close();
    return results;
  });
}

async function bulk(kernel: Kernel, count: number, bird: Times | undefined): Promise<BenchResult[]> {
  const link = await linkIndex(kernel);
  const runs: Times[] = [];
  for (let i = 0; i < RUNS; i++) {
    const fib = await openFib(kernel);
    const routes = Array.from({ length: count }, (_, n) => route(n, link, GATEWAY));
    const start = performance.now();
    for (const one of routes) fib.set(one);
    await fib.settled();
    const install = performance.now() - start;
    expectRoutes(count);
    const before = performance.now();
    await fib.close({ keep: false });
    runs.push({ install, flush: performance.now() - before });
    expectRoutes(0);
  }
  const ours = best(runs);
  const beside = (key: keyof Times): object =>
    bird ? { ratio: ours[key] / bird[key], against: `bird at ${bird[key].toFixed(0)} ms` } : {};
  return [
    { name: `fib: install ${count} routes (at most 1.0)`, value: ours.install, unit: "ms", ...beside("install") },
    { name: `fib: flush ${count} routes (at most 1.0)`, value: ours.flush, unit: "ms", ...beside("flush") },
  ];
}

/** One next hop changes while the table is full: from `set` to the kernel's answer. */
async function single(kernel: Kernel, count: number): Promise<BenchResult[]> {
  const link = await linkIndex(kernel);
  const fib = await openFib(kernel);
  for (let n = 0; n < count; n++) fib.set(route(n, link, GATEWAY));
  await fib.settled();
  const times: number[] = [];
  for (let n = 0; n < 500; n++) {
    const start = performance.now();
    fib.set(route(n, link, ipv4(GATEWAY.w0 + 1)));
    await fib.settled();
    times.push(performance.now() - start);
  }
  await fib.close({ keep: false });
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN;
  return [
    { name: "fib: one route changed, median (at most 1)", value: at(0.5), unit: "ms" },
    { name: "fib: one route changed, 99 % within", value: at(0.99), unit: "ms" },
  ];
}

async function reading(kernel: Kernel, count: number): Promise<BenchResult> {
  const link = await linkIndex(kernel);
  const fib = await openFib(kernel);
  for (let n = 0; n < count; n++) fib.set(route(n, link, GATEWAY));
  await fib.settled();
  let value = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now();
    await fib.scan();
    value = Math.min(value, performance.now() - start);
  }
  await fib.close({ keep: false });
  return { name: `fib: read ${count} routes again and compare`, value, unit: "ms" };
}

/** From the start of `ip link del` to our event, which includes the start of `ip` itself. */
async function linkGone(kernel: Kernel): Promise<BenchResult> {
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    sh("ip link add b8 type veth peer name b9");
    const heard = new Promise<number>((resolve) => {
      void kernel.watch({ routes: false }, (event) => {
        if (event.type === "link-gone" && event.name === "b8") resolve(performance.now());
      });
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
    sh("ip link del b8"); // returns when the kernel is done with it
    const done = performance.now();
    times.push((await heard) - done);
  }
  times.sort((a, b) => a - b);
  return { name: "fib: link deleted, to our event (at most 10)", value: times.at(-1) ?? Number.NaN, unit: "ms" };
}

interface Times {
  readonly install: number;
  readonly flush: number;
}

/** The same routes as static ones of bird, by switching its kernel protocol on and off. */
async function birdTimes(count: number): Promise<Times> {
  const directory = mkdtempSync(join(tmpdir(), "bench-fib-"));
  const file = (name: string): string => join(directory, name);
  const statics = Array.from({ length: count }, (_, n) => `route ${text(n)} via 10.255.0.2;`).join("\n");
  const conf = `router id 1.1.1.1; protocol device {} protocol kernel kern1 { disabled; ipv4 { export all; }; }
    protocol static stat1 { ipv4; ${statics} }`;
  writeFileSync(file("bird.conf"), conf);
  execFileSync("bird", ["-c", file("bird.conf"), "-s", file("ctl"), "-P", file("pid")]);
  const ask = (...words: string[]): unknown => execFileSync("birdc", ["-s", file("ctl"), ...words]);
  try {
    await pause(1000);
    const runs: Times[] = [];
    for (let i = 0; i < RUNS; i++) {
      const install = await timed(
        () => ask("enable", "kern1"),
        () => installedRoutes() >= count,
      );
      await pause(300);
      const flush = await timed(
        () => ask("disable", "kern1"),
        () => installedRoutes() < 10,
      );
      await pause(300);
      runs.push({ install, flush });
    }
    return best(runs);
  } finally {
    process.kill(Number(readFileSync(file("pid"), "utf8")));
    await pause(300);
    rmSync(directory, { recursive: true });
  }
}

async function timed(work: () => unknown, done: () => boolean): Promise<number> {
  const start = performance.now();
  work();
  while (!done()) {
    if (performance.now() - start > 60_000) throw new Error("bird takes more than a minute");
    await pause(2);
  }
  return performance.now() - start;
}

function best(runs: readonly Times[]): Times {
  return { install: Math.min(...runs.map((one) => one.install)), flush: Math.min(...runs.map((one) => one.flush)) };
}

async function openFib(kernel: Kernel): Promise<Fib> {
  const fib = new Fib(kernel, {
    family: 4,
    table: RouteTable.Main,
    onFailures: ([first]) => {
      throw new Error(`${first?.change.op}: ${first?.message}`);
    },
  });
  await fib.start();
  return fib;
}

function route(n: number, link: number, gateway: IpAddress): WantedRoute {
  const prefix = prefixOf(ipv4(FIRST + n * 256), 24);
  return { prefix, metric: 32, kind: "unicast", nextHops: [{ gateway, link }] };
}

function text(n: number): string {
  const word = FIRST + n * 256;
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.0/24`;
}

async function linkIndex(kernel: Kernel): Promise<number> {
  return (await kernel.links()).find((link) => link.name === "b0")?.index ?? 0;
}

/** Prefixes in the main table, without reading them all; the few of the local table stand in the same tree. */
function installedRoutes(): number {
  const main = readFileSync("/proc/thread-self/net/fib_triestat", "utf8").split("Main:")[1] ?? "";
  return Number(/Prefixes:\s+(\d+)/.exec(main)?.[1] ?? 0);
}

function expectRoutes(count: number): void {
  const found = installedRoutes();
  if (found < count || found > count + OF_LOCAL) throw new Error(`${found} routes in the kernel, ${count} expected`);
}

/** This thread in a namespace of its own while `work` runs, and the programs it starts. */
async function inNamespace<T>(work: () => Promise<T>): Promise<T> {
  const c = koffi.load(null);
  const home = openSync("/proc/thread-self/ns/net", "r");
  if (c.func("int unshare(int)")(CLONE_NEWNET) !== 0) throw new Error("no network namespace to be had");
  try {
    return await work();
  } finally {
    c.func("int setns(int, int)")(home, CLONE_NEWNET);
    closeSync(home);
  }
}

function sh(line: string): void {
  execFileSync("sh", ["-ec", line]);
}

function installed(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const RUNS = 3;
const OF_LOCAL = 10;
const FIRST = 0x1400_0000;
const GATEWAY = ipv4(0x0aff_0002);
const CLONE_NEWNET = 0x4000_0000;
