/**
 * The control socket under load: how long a client waits for its answer alone, and beside clients that
 * stream a table, talk nonsense, or never read.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { Lab } from "../test/control/lab.ts";

export interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly ratio?: number;
  readonly against?: string;
}

export async function run(): Promise<BenchResult[]> {
  const small = process.env.BENCH_SMOKE === "1";
  const [routes, crowd, rounds] = small ? [1000, 50, 50] : [20_000, 1000, 300];
  const directory = mkdtempSync(join(tmpdir(), "linnet-bench-"));
  const path = join(directory, "bird.ctl");
  const lab = new Lab();
  const prefixes = Array.from({ length: routes }, (_, i) => `route 10.${i >> 8}.${i & 255}.0/24 blackhole;`);
  const conf = `protocol device {} protocol static many { ipv4; ${prefixes.join(" ")} } protocol static tailscale { ipv4; route 100.64.0.0/10 blackhole; }`;
  const daemon = await lab.daemon({ conf, address: "10.0.0.10" });
  await lab.run(0);
  const server = daemon.server([path]);
  await server.listen();
  let others: ChildProcess | undefined;
  try {
    const alone = await latency(path, rounds);
    others = await nuisances(path, crowd);
    const crowded = await latency(path, rounds);
    const full = await stream(path);
    return [
      { name: "disable + enable, alone, median", value: alone.median, unit: "ms" },
      { name: "disable + enable, alone, slowest", value: alone.slowest, unit: "ms" },
      { name: `beside ${crowd} bad clients, median`, value: crowded.median, unit: "ms" },
      { name: `beside ${crowd} bad clients, 99th of 100`, value: crowded.p99, unit: "ms" },
      { name: `show route all, ${routes} routes beside them`, value: full, unit: "ms" },
    ];
  } finally {
    others?.kill();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** In a process of their own: a third stream the table, a third talk nonsense, a third never read. */
async function nuisances(path: string, count: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["-e", NUISANCES, path, String(count)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout?.once("data", resolve));
  return child;
}

const NUISANCES = `
const { connect } = require("node:net");
const [path, count] = process.argv.slice(1);
let open = 0;
for (let i = 0; i < count; i++) {
  const socket = connect(path);
  socket.on("error", () => {});
  socket.once("data", () => {
    const say = () => socket.write(i % 3 === 0 ? "show route all\\n" : "nonsense and more\\n".repeat(20));
    if (i % 3 === 2) {
      socket.pause();
      socket.write("show route all\\n".repeat(100));
    } else {
      socket.on("data", (chunk) => {
        if (chunk.includes("0000 ") || chunk.includes("9001 ")) setTimeout(say, 5);
      });
      say();
    }
    if (++open == count) console.log("all there");
  });
}`;

/** A client with a loop of its own, so that its own work does not count. */
async function latency(path: string, rounds: number): Promise<{ median: number; slowest: number; p99: number }> {
  const worker = new Worker(POLITE, { eval: true, execArgv: [], workerData: { path, rounds } });
  const times = await new Promise<number[]>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  times.sort((a, b) => a - b);
  const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
  return { median: at(0.5), p99: at(0.99), slowest: at(1) };
}

const POLITE = `
const { connect } = require("node:net");
const { parentPort, workerData } = require("node:worker_threads");
const socket = connect(workerData.path);
const times = [];
let start = 0;
const say = () => {
  start = performance.now();
  socket.write((times.length % 2 ? "enable" : "disable") + " tailscale\\n");
};
socket.once("data", () => {
  socket.on("data", () => {
    times.push(performance.now() - start);
    if (times.length < 2 * workerData.rounds) setTimeout(say, 2);
    else {
      socket.destroy();
      parentPort.postMessage(times);
    }
  });
  say();
});`;

async function stream(path: string): Promise<number> {
  const socket = await open(path);
  const start = performance.now();
  socket.write("show route all\n");
  await reply(socket);
  socket.destroy();
  return performance.now() - start;
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", reject);
    socket.once("data", () => resolve(socket));
  });
}

/** Resolves with the line that ends a reply. */
function reply(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    let last = "";
    const heard = (chunk: Buffer): void => {
      last = (last + chunk.toString("latin1")).slice(-200);
      if (!/(^|\n)\d{4} [^\n]*\n$/.test(last)) return;
      socket.off("data", heard);
      resolve();
    };
    socket.on("data", heard);
  });
}
