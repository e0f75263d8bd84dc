/**
 * The start, as a user waits for it: from exec to the first route at a peer that waits, beside an empty Node
 * process; and what a daemon with nothing to do weighs.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { DEFAULT_CONTEXT } from "../protocol/codec/capability.ts";
import { encodeMessage, Framer } from "../protocol/codec/message.ts";

interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly ratio?: number;
  readonly against?: string;
}

const LINNET = resolve("dist/bin/linnet.js");
const TRIES = process.env.BENCH_SMOKE ? 3 : 25;

export async function run(): Promise<BenchResult[]> {
  const directory = mkdtempSync(join(tmpdir(), "linnet-bench-"));
  try {
    const [starts, empties, weights]: number[][] = [[], [], []];
    for (let i = 0; i < TRIES; i++) {
      empties!.push(await emptyProcess());
      const { took, resident } = await announced(directory);
      starts!.push(took);
      weights!.push(resident);
    }
    const [start, empty] = [median(starts!), median(empties!)];
    return [
      { name: "an empty Node process", value: empty, unit: "ms" },
      { name: "exec to the route at the peer", value: start, unit: "ms", ratio: start / empty, against: "empty" },
      { name: "resident, one session", value: median(weights!), unit: "MB" },
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function emptyProcess(): Promise<number> {
  const began = performance.now();
  const child = spawn(process.execPath, ["-e", "process.stdout.write('x')"], { stdio: ["ignore", "pipe", "ignore"] });
  return new Promise((done) => child.stdout.once("data", () => done(performance.now() - began)));
}

/** A peer that waits for the session and answers in BGP's own words. */
function announced(directory: string): Promise<{ took: number; resident: number }> {
  return new Promise((done, failed) => {
    let child: ChildProcess | undefined;
    let began = 0;
    const server = createServer((socket) => {
      answer(socket, () => {
        const took = performance.now() - began;
        const resident = residentOf(child!.pid!);
        child!.once("exit", () => server.close(() => done({ took, resident })));
        child!.kill("SIGTERM");
      });
    });
    server.listen(0, "127.0.0.2", () => {
      const { port } = server.address() as AddressInfo;
      writeFileSync(join(directory, "bird.conf"), configuration(port));
      began = performance.now();
      child = spawn(process.execPath, [LINNET, "-f", "-l"], { cwd: directory, stdio: "ignore" });
      child.once("error", failed);
    });
  });
}

function answer(socket: Socket, onRoute: () => void): void {
  const framer = new Framer();
  const keepalive = encodeMessage({ type: "keepalive" }, DEFAULT_CONTEXT);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    for (const message of framer.push(chunk)) {
      const type = message[18]!;
      if (type === OPEN) {
        const open = { type: "open", myAs: 65000, holdTime: 240, bgpId: 0x0a00_0009, capabilities: [] } as const;
        socket.write(encodeMessage(open, DEFAULT_CONTEXT));
        socket.write(keepalive);
      }
      if (type === UPDATE && message.length > EMPTY_UPDATE) onRoute();
    }
  });
}

function configuration(port: number): string {
  return `log syslog all; router id 1.1.1.1;
    protocol device { scan time 10; }
    protocol bgp { local as 65001; neighbor 127.0.0.2 port ${port} as 65000; multihop;
      ipv4 { import none; export filter { bgp_med = 0; accept; }; }; }
    protocol static tailscale { ipv4; route 100.64.0.0/10 blackhole; }`;
}

/** Megabytes. */
function residentOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) / 1024;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

const OPEN = 1;
const UPDATE = 2;
const EMPTY_UPDATE = 23;
