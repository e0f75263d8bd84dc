/** Death and return: graceful restart in both roles, BFD, hold timers, collisions with a scripted peer. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startBird, startFrr, startLinnet } from "./support/daemons.ts";
import { Lab, type Namespace, noNamespaces, sleep, until } from "./support/netns.ts";
import { BIRD, birdConf, FRR, linnetPeer, type PeerOptions } from "./support/peers.ts";

const reason = noNamespaces();

const OURS: PeerOptions = {
  as: 65001,
  address: "10.9.0.1",
  neighbor: "10.9.0.2",
  neighborAs: 65002,
  announce: ["100.64.0.0/10"],
};
const THEIRS: PeerOptions = {
  as: 65002,
  address: "10.9.0.2",
  neighbor: "10.9.0.1",
  neighborAs: 65001,
  announce: ["10.44.0.0/24"],
};
const PROTOCOL = "show protocols peer";

describe.skipIf(reason !== undefined)("restarts", () => {
  let lab: Lab;
  let us: Namespace;
  let them: Namespace;
  let hub: Namespace;

  beforeEach(() => {
    lab = new Lab();
    us = lab.namespace("us");
    them = lab.namespace("them");
    hub = lab.lan([
      { namespace: us, address: "10.9.0.1/24" },
      { namespace: them, address: "10.9.0.2/24" },
    ]);
  });
  afterEach(() => lab.close());

  /** Silence between the two, without any interface of theirs going down. */
  const cut = (): string => hub.ip("link", "set", "eth1", "down");
  const mend = (): string => hub.ip("link", "set", "eth1", "up");

  test("helper: routes of a bird that dies and comes back with -R stay, and are not stale in the end", async () => {
    const extra = "graceful restart on;";
    const conf = birdConf({ ...THEIRS, extra }, { timers: "connect delay time 1;" });
    const first = await startBird(them, conf);
    const linnet = await linnetPeer(us, OURS);
    const route = async (): Promise<boolean> => (await linnet.routes()).includes("10.44.0.0/24");
    await until("routes", route);
    await first.stop("SIGKILL");
    await until("the loss is noticed", async () => !(await linnet.established()));
    expect(await route()).toBe(true);
    const second = await startBird(them, conf, { args: ["-R"] });
    const watch = setInterval(() => void route().then((there) => (gap ||= !there)), 20);
    let gap = false;
    await until(
      "both are back",
      async () => (await linnet.established()) && (await second.query(PROTOCOL)).includes("Established"),
    );
    await sleep(1000);
    clearInterval(watch);
    expect(gap).toBe(false);
    expect(await route()).toBe(true);
  });

  test("helper: what does not come back in time goes", async () => {
    const first = await startBird(
      them,
      birdConf({ ...THEIRS, extra: "graceful restart on; graceful restart time 3;" }),
    );
    const linnet = await linnetPeer(us, OURS);
    const route = async (): Promise<boolean> => (await linnet.routes()).includes("10.44.0.0/24");
    await until("routes", route);
    await first.stop("SIGKILL");
    await sleep(1500);
    expect(await route()).toBe(true);
    await until("it is gone", async () => !(await route()), 5000);
  });

  test("restarter: FRR keeps our route over a planned restart, and it is never withdrawn", async () => {
    const frr = await startFrr(
      them,
      [
        "router bgp 65002",
        " bgp router-id 10.9.0.2",
        " no bgp ebgp-requires-policy",
        " bgp graceful-restart-helper".replace("-helper", ""),
        " neighbor 10.9.0.1 remote-as 65001",
        " neighbor 10.9.0.1 timers connect 1",
      ].join("\n"),
    );
    const conf = birdConf({ ...OURS, extra: "graceful restart on;" });
    const linnet = await startLinnet(us, conf);
    const held = async (): Promise<string> => await frr.query("show bgp ipv4 unicast 100.64.0.0/10");
    await until("FRR has the route", async () => (await held()).includes("65001"));
    const code = await linnet.stop("SIGUSR2");
    expect(code).toBe(0);
    await until("it is stale", async () => /stale/i.test(await held()));
    const again = await startLinnet(us, conf, { args: ["-R"] });
    await until("up again", async () => (await again.query(PROTOCOL)).includes("Established"));
    await until("fresh again", async () => (await held()).includes("65001") && !/stale/i.test(await held()));
  });

  test("RFC 8326: a drained session's routes carry GRACEFUL_SHUTDOWN, until it is switched off", async () => {
    const peer = await BIRD.start(them, THEIRS);
    const linnet = await linnetPeer(us, OURS);
    const communities = async (): Promise<string> => await peer.daemon.query("show route 100.64.0.0/10 all");
    await until("routes", async () => (await peer.routes()).includes("100.64.0.0/10"));
    expect(await linnet.daemon.query("graceful shutdown peer")).toMatch(/graceful shutdown on/);
    await until("it is drained", async () => (await communities()).includes("(65535,0)"));
    await linnet.daemon.query("graceful shutdown peer off");
    await until("it is back", async () => !(await communities()).includes("(65535,0)"));
    expect(await linnet.established()).toBe(true);
  });

  test.each([BIRD, FRR])("BFD notices a cut within 300 ms at 50 ms x 3; $name", async (kind) => {
    const peer = await kind.start(them, { ...THEIRS, bfd: true });
    const linnet = await linnetPeer(us, { ...OURS, bfd: true });
    await until("both are up", async () => (await linnet.established()) && (await peer.established()), 20_000);
    await until("BFD is up", async () => / Up /.test(await linnet.daemon.query("show bfd sessions")), 20_000);
    await sleep(500);
    const start = performance.now();
    cut();
    await until("the session is down", async () => !(await linnet.established()), 5000);
    const took = performance.now() - start;
    console.log(`BFD with ${kind.name}: down ${took.toFixed(0)} ms after the cut`);
    expect(took).toBeLessThan(600); // 150 ms for BFD, the rest for the commands on a busy machine
    expect(await linnet.daemon.query("show protocols all peer")).toContain("BFD session down");
    mend();
    await until("both are up again", async () => (await linnet.established()) && (await peer.established()), 30_000);
  });

  test("a silent death: the hold timer, then back within seconds of the link's return; FRR", async () => {
    const peer = await FRR.start(them, { ...THEIRS, hold: 3 });
    const linnet = await linnetPeer(us, { ...OURS, hold: 3 });
    await until("both are up", async () => (await linnet.established()) && (await peer.established()));
    cut();
    const start = performance.now();
    await until("down", async () => !(await linnet.established()), 6000);
    expect(performance.now() - start).toBeLessThan(3600);
    expect(await linnet.daemon.query(PROTOCOL)).toContain("BGP Error: Hold timer expired");
    await sleep(5000);
    mend();
    const back = performance.now();
    await until("up again", async () => (await linnet.established()) && (await peer.established()), 15_000);
    console.log(`hold timer with FRR: up again ${(performance.now() - back).toFixed(0)} ms after the link's return`);
  });

  test("a process that was stopped for longer than the hold time comes back by itself", async () => {
    const peer = await FRR.start(them, { ...THEIRS, hold: 3 });
    const linnet = await linnetPeer(us, { ...OURS, hold: 3 });
    await until("both are up", async () => (await linnet.established()) && (await peer.established()));
    const [pid] = pidsOf(us);
    process.kill(pid!, "SIGSTOP");
    await sleep(6000);
    process.kill(pid!, "SIGCONT");
    await until("up again", async () => (await linnet.established()) && (await peer.established()), 15_000);
  });

  /** Collisions: a scripted peer on both connections (RFC 4271 §6.8). */
  describe.each([
    { name: "its identifier is higher: its connection stays", id: "10.200.0.1", keeps: "theirs" },
    { name: "its identifier is lower: ours stays", id: "10.0.0.1", keeps: "ours" },
  ])("collision, $name", ({ id, keeps }) => {
    test.each(["ours", "theirs"])("OPEN first on %s", async (first) => {
      // The scripted peer runs in this process: its namespace is left for a veth into the initial one
      const outside = `lnx${process.pid % 10000}`;
      us.run("ip", "link", "add", "out0", "type", "veth", "peer", "name", outside);
      us.run("ip", "link", "set", outside, "netns", "1");
      execFileSync("ip", ["address", "add", "10.99.7.2/24", "dev", outside]);
      execFileSync("ip", ["link", "set", outside, "up"]);
      us.ip("address", "add", "10.99.7.1/24", "dev", "out0");
      us.ip("link", "set", "out0", "up");
      const server = createServer();
      try {
        const dialled = new Promise<Socket>((resolve) => server.once("connection", resolve));
        await new Promise<void>((resolve) => server.listen({ host: "10.99.7.2", port: 1790 }, resolve));
        const conf = birdConf({ ...OURS, address: "10.99.7.1", neighbor: "10.99.7.2 port 1790" });
        await startLinnet(us, conf);
        const ours = new Script(await dialled);
        const theirs = new Script(connect({ host: "10.99.7.1", port: 179 }));
        await until("both have linnet's OPEN", () => ours.types.includes(1) && theirs.types.includes(1));
        const order = first === "ours" ? [ours, theirs] : [theirs, ours];
        for (const script of order) {
          script.open(id);
          await sleep(200);
        }
        const [winner, loser] = keeps === "ours" ? [ours, theirs] : [theirs, ours];
        await until("the loser is told", () => loser.notifications.length > 0);
        expect(loser.notifications).toEqual(["6/7"]);
        await until("the loser is closed", () => loser.closed);
        winner.keepalive();
        await until("the winner gets routes", () => winner.types.includes(2));
        expect(winner.notifications).toEqual([]);
        const third = new Script(connect({ host: "10.99.7.1", port: 179 }));
        await until("a third is closed unread", () => third.closed);
        expect(third.types).toEqual([]);
      } finally {
        server.close();
        execFileSync("ip", ["link", "del", outside]);
      }
    });
  });
});

/** Processes that are linnet, of this namespace. */
function pidsOf(namespace: Namespace): number[] {
  const all = execFileSync("ip", ["netns", "pids", namespace.id], { encoding: "utf8" }).trim().split("\n").map(Number);
  return all.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[1]?.endsWith("linnet.js"));
}

/** A BGP peer of the simplest kind, on one connection. */
class Script {
  readonly types: number[] = [];
  readonly notifications: string[] = [];
  closed = false;
  readonly #socket: Socket;
  #input: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.closed = true;
    });
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  open(id: string): void {
    const body = Buffer.from([4, 65002 >> 8, 65002 & 255, 0, 90, ...id.split(".").map(Number), 0]);
    this.#send(1, body);
  }

  keepalive(): void {
    this.#send(4, Buffer.alloc(0));
  }

  #send(type: number, body: Buffer): void {
    const header = Buffer.alloc(19, 0xff);
    header.writeUInt16BE(19 + body.length, 16);
    header[18] = type;
    this.#socket.write(Buffer.concat([header, body]));
  }

  #read(chunk: Buffer): void {
    this.#input = Buffer.concat([this.#input, chunk]);
    while (this.#input.length >= 19 && this.#input.length >= this.#input.readUInt16BE(16)) {
      const message = this.#input.subarray(0, this.#input.readUInt16BE(16));
      this.#input = this.#input.subarray(message.length);
      this.types.push(message[18]!);
      if (message[18] === 3) this.notifications.push(`${message[19]}/${message[20]}`);
    }
  }
}
