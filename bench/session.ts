/**
 * Sessions of the built daemon, on loopback: how soon a withdrawal is on the wire, how soon many peers are
 * up and have each other's routes (against bird in the same run, where bird is installed), and how late
 * the control socket is while a table streams in.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { DEFAULT_CONTEXT } from "../protocol/codec/capability.ts";
import { encodeMessage, lengthOf } from "../protocol/codec/message.ts";
import { packUpdates } from "../protocol/codec/pack.ts";
import { buildOpen } from "../protocol/fsm/negotiate.ts";
import { ipv4, prefixOf } from "../protocol/wire/address.ts";

interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly ratio?: number;
  readonly against?: string;
}

export async function run(): Promise<BenchResult[]> {
  const small = process.env.BENCH_SMOKE !== undefined;
  const directory = mkdtempSync(join(tmpdir(), "linnet-bench-"));
  try {
    const toggles = await withdrawals(directory, small ? 50 : 500);
    const peers = small ? 20 : 500;
    const linnet = await manyPeers(directory, LINNET, peers);
    const bird = spawnSync("bird", ["--version"]).error ? undefined : await manyPeers(directory, ["bird"], peers);
    const against = bird && { against: "bird" };
    return [
      { name: "session: disable to withdrawal on the wire, p50", value: quantile(toggles, 0.5), unit: "ms" },
      { name: "session: the same, p99 (at most 2)", value: quantile(toggles, 0.99), unit: "ms" },
      {
        name: `session: ${peers} peers up`,
        value: linnet.up,
        unit: "ms",
        ...(bird && { ratio: linnet.up / bird.up, ...against }),
      },
      {
        name: `session: ${peers} peers x ${EACH} prefixes, everybody has everything`,
        value: linnet.all,
        unit: "ms",
        ...(bird && { ratio: linnet.all / bird.all, ...against }),
      },
      {
        name: "session: control socket while a table streams in, worst (at most 10)",
        value: await latency(directory, small ? 20_000 : 500_000),
        unit: "ms",
      },
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const LINNET = [process.execPath, resolve("dist/bin/linnet.js")];
const EACH = 100;
let port = 20_000 + (process.pid % 20_000);

async function withdrawals(directory: string, count: number): Promise<number[]> {
  const daemon = await start(
    directory,
    LINNET,
    `${HEAD}protocol static tailscale { ipv4; route 100.64.0.0/10 blackhole; }\n${neighbor(0)}`,
  );
  try {
    const peer = new Peer(0, daemon.port);
    await until("the route", () => peer.withdrawn + peer.announced > 0);
    const control = createConnection(daemon.socket);
    await new Promise((done) => control.once("data", done));
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const before = peer.withdrawn;
      const start = performance.now();
      control.write("disable tailscale\n");
      await peer.next(() => peer.withdrawn > before);
      times.push(peer.heardAt - start);
      control.write("enable tailscale\n");
      await peer.next(() => peer.announced > i + 1);
    }
    control.destroy();
    peer.close();
    return times;
  } finally {
    await stop(daemon.process);
  }
}

async function manyPeers(
  directory: string,
  command: readonly string[],
  count: number,
): Promise<{ up: number; all: number }> {
  const conf = HEAD + Array.from({ length: count }, (_, i) => neighbor(i)).join("");
  const begin = performance.now();
  const daemon = await start(directory, command, conf);
  const peers = Array.from({ length: count }, (_, i) => new Peer(i, daemon.port));
  try {
    await until("all are up", () => peers.every((peer) => peer.up), 120_000);
    const up = performance.now() - begin;
    const from = performance.now();
    for (const [i, peer] of peers.entries()) peer.send(...table(i, EACH));
    await until("everybody has everything", () => peers.every((peer) => peer.announced >= (count - 1) * EACH), 300_000);
    return { up, all: up + performance.now() - from };
  } finally {
    for (const peer of peers) peer.close();
    await stop(daemon.process);
  }
}

/** The longest answer to `show status` while prefixes come in. */
async function latency(directory: string, prefixes: number): Promise<number> {
  const daemon = await start(directory, LINNET, HEAD + neighbor(0) + neighbor(1));
  const sender = new Peer(0, daemon.port);
  const sink = new Peer(1, daemon.port);
  try {
    await until("both are up", () => sender.up && sink.up);
    const control = createConnection(daemon.socket);
    let worst = 0;
    let asked = 0;
    control.on("data", (text: Buffer) => {
      if (!text.toString().includes("0013 ")) return;
      worst = Math.max(worst, performance.now() - asked);
      setTimeout(ask, 1);
    });
    const ask = (): void => {
      asked = performance.now();
      control.write("show status\n");
    };
    await new Promise((done) => control.once("data", done));
    sender.send(...table(0, prefixes));
    ask();
    await until("the sink has all", () => sink.announced >= prefixes, 120_000);
    control.destroy();
    return worst;
  } finally {
    sender.close();
    sink.close();
    await stop(daemon.process);
  }
}

const HEAD = "router id 10.0.0.1;\nprotocol device {}\n";

function neighbor(i: number): string {
  return `protocol bgp p${i} { local 127.0.0.1 port PORT as 65000; neighbor ${address(i)} port 1 as ${65_100 + i}; multihop; passive; hold time 180; ipv4 { import all; export all; }; }\n`;
}

function address(i: number): string {
  return `127.1.${Math.floor(i / 200)}.${(i % 200) + 1}`;
}

function table(peer: number, count: number): Uint8Array[] {
  const nlri = Array.from({ length: count }, (_, i) => ({
    prefix: prefixOf(ipv4((0x1400_0000 + (peer * count + i) * 256) >>> 0), 24),
  }));
  const messages: Uint8Array[] = [];
  for (let at = 0; at < nlri.length; at += GROUP) {
    const asPath = [{ type: 2 as const, asns: [65_100 + peer, 3000 + (at % 5000), 4000] }];
    messages.push(
      ...packUpdates(
        { origin: 0, asPath, nextHop: ipv4(0x0a63_0001 + peer) },
        nlri.slice(at, at + GROUP),
        DEFAULT_CONTEXT,
        4096,
      ),
    );
  }
  return messages;
}

/** Prefixes that share their attributes. */
const GROUP = 100;

/** A peer of the simplest kind: counts what it hears. */
class Peer {
  up = false;
  announced = 0;
  withdrawn = 0;
  heardAt = 0;
  #socket!: Socket;
  #closed = false;
  #rest: Buffer = Buffer.alloc(0);
  #waiting: (() => void) | undefined;

  constructor(i: number, port: number) {
    this.#dial(i, port);
  }

  /** Until the daemon listens. */
  #dial(i: number, port: number): void {
    const open = { ...OPEN, localAs: 65_100 + i, localId: 0x0b00_0001 + i };
    const socket = createConnection({ host: "127.0.0.1", port, localAddress: address(i) });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("error", () => {
      if (!this.up && !this.#closed) setTimeout(() => this.#dial(i, port), 5);
    });
    socket.on("connect", () => socket.write(encodeMessage(buildOpen(open), DEFAULT_CONTEXT)));
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  send(...messages: Uint8Array[]): void {
    this.#socket.write(Buffer.concat(messages));
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  async next(probe: () => boolean): Promise<void> {
    while (!probe()) await new Promise<void>((done) => (this.#waiting = done));
  }

  #read(chunk: Buffer): void {
    const input = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    while (input.length - at >= 19) {
      const length = lengthOf(input.subarray(at, at + 19));
      if (input.length - at < length) break;
      this.#message(input.subarray(at, at + length));
      at += length;
    }
    this.#rest = input.subarray(at);
    this.heardAt = performance.now();
    this.#waiting?.();
  }

  #message(m: Buffer): void {
    if (m[18] === 1) this.#socket.write(encodeMessage({ type: "keepalive" }, DEFAULT_CONTEXT));
    if (m[18] === 4) this.up = true;
    if (m[18] !== 2) return;
    const withdrawn = m.readUInt16BE(19);
    const attributes = m.readUInt16BE(21 + withdrawn);
    this.withdrawn += prefixes(m, 21, 21 + withdrawn);
    this.announced += prefixes(m, 23 + withdrawn + attributes, m.length);
  }
}

function prefixes(m: Buffer, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at += 1 + ((m[at]! + 7) >> 3)) count++;
  return count;
}

const OPEN = {
  localAs: 0,
  localId: 0,
  peerAs: 65_000,
  confederationMember: false,
  holdTime: 180,
  minHoldTime: 0,
  minKeepaliveTime: 0,
  families: [{ afi: 1, safi: 1, mandatory: false, extendedNextHop: false, gracefulRestart: false }],
  capabilities: true,
  routeRefresh: true,
  as4: true,
  extendedMessages: false,
  gracefulRestart: "off",
  restartTime: 0,
  restarting: false,
  longLived: "off",
  requireRoles: false,
  enforceFirstAs: false,
  allowLocalPref: false,
  rejectAsSets: false,
} as const;

async function start(
  directory: string,
  command: readonly string[],
  conf: string,
): Promise<{ process: ChildProcess; port: number; socket: string }> {
  const own = port++;
  const file = join(directory, `${own}.conf`);
  const socket = join(directory, `${own}.ctl`);
  writeFileSync(file, `log "${join(directory, "log")}" all;\n${conf.replaceAll("PORT", String(own))}`);
  const [program, ...args] = command;
  const child = spawn(program!, [...args, "-f", "-c", file, "-s", socket], { stdio: "ignore" });
  await until(`${program} starts`, () => existsSync(socket) && child.exitCode === null);
  return { process: child, port: own, socket };
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done();
    child.once("exit", () => done());
    child.kill("SIGTERM");
  });
}

async function until(what: string, probe: () => boolean, ms = 30_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!probe()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((done) => setTimeout(done, 1));
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
}
