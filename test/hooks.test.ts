import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HookConfig } from "../src/config/schema.ts";
import { type Ending, type Facts, type HookCommand, HookRunner } from "../src/hook-runner.ts";
import { Hooks } from "../src/hooks.ts";
import { type Host, nodeClock, nodeScheduler } from "../src/host.ts";
import { Simulation } from "../src/testing/simulation.ts";
import { VirtualTime } from "../src/testing/time.ts";

/** A program of which the test decides when and how it ends. */
interface Started {
  readonly argv: readonly string[];
  readonly facts: Facts;
  readonly signals: string[];
  end(ending?: Partial<Ending>): Promise<void>;
}

let started: Started[];
let log: string[];

function start(argv: readonly string[], facts: Facts): { kill(signal: string): void; ended: Promise<Ending> } {
  const signals: string[] = [];
  let resolve: (ending: Ending) => void = () => undefined;
  const ended = new Promise<Ending>((done) => {
    resolve = done;
  });
  const end = async (ending: Partial<Ending> = {}): Promise<void> => {
    resolve({ output: "", ...ending });
    for (let i = 0; i < 5; i++) await Promise.resolve();
  };
  started.push({ argv, facts, signals, end });
  return { kill: (signal) => signals.push(signal), ended };
}

function virtualHost(time: VirtualTime): Host {
  const { clock, scheduler } = time;
  return { clock, random: () => 0, log: (level, text) => log.push(`${level} ${text}`), scheduler };
}

beforeEach(() => {
  started = [];
  log = [];
});

describe("the runner", () => {
  const hook: HookCommand = { name: "move", argv: ["/bin/move", "rtb-1"], timeoutMs: 5000, retries: 2 };
  let time: VirtualTime;
  let runner: HookRunner;

  beforeEach(() => {
    time = new VirtualTime();
    runner = new HookRunner(virtualHost(time), start);
  });

  const states = (): (string | undefined)[] => started.map(({ facts }) => facts.S);

  test("runs one at a time for a key, and the latest state wins", async () => {
    for (const S of ["1", "2", "3", "4"]) runner.submit(hook, "a", { S });
    runner.submit(hook, "b", { S: "b" });
    expect(states()).toEqual(["1", "b"]);
    expect(started[0]?.argv).toEqual(["/bin/move", "rtb-1"]);
    await started[0]?.end({ output: "first line\nroute moved\n" });
    expect(states()).toEqual(["1", "b", "4"]);
    await started[2]?.end();
    expect(log).toEqual(["info Hook move for a: done in 0 ms: route moved", "info Hook move for a: done in 0 ms"]);
  });

  test("has nothing to do if all is back as it was when the command ends", async () => {
    runner.submit(hook, "a", { S: "1" });
    runner.submit(hook, "a", { S: "2" });
    runner.submit(hook, "a", { S: "1" });
    await started[0]?.end();
    expect(states()).toEqual(["1"]);
  });

  test("tries a failed command again, later and later, and gives up", async () => {
    runner.submit(hook, "a", { S: "1" });
    await started[0]?.end({ failure: "exit code 2", output: "no \u001b[31mroute\n" });
    time.run(999);
    expect(started).toHaveLength(1);
    time.run(1000);
    await started[1]?.end({ failure: "exit code 2" });
    time.run(2999);
    expect(started).toHaveLength(2);
    time.run(3000);
    await started[2]?.end({ failure: "killed by SIGBUS" });
    time.run(600_000);
    expect(states()).toEqual(["1", "1", "1"]);
    expect(log).toEqual([
      "warning Hook move for a: exit code 2 after 0 ms, again in 1.0 s: no ?[31mroute",
      "warning Hook move for a: exit code 2 after 0 ms, again in 2.0 s",
      "error Hook move for a: killed by SIGBUS after 0 ms, given up",
    ]);
  });

  test("tells a new state at once instead of trying the old one again", async () => {
    runner.submit(hook, "a", { S: "1" });
    await started[0]?.end({ failure: "exit code 2" });
    runner.submit(hook, "a", { S: "2" });
    expect(states()).toEqual(["1", "2"]);
    runner.submit(hook, "a", { S: "3" });
    await started[1]?.end({ failure: "exit code 2" });
    expect(states()).toEqual(["1", "2", "3"]);
    await started[2]?.end();
    time.run(600_000);
    expect(states()).toEqual(["1", "2", "3"]);
  });

  test("ends a command that takes too long, with force if it must", async () => {
    runner.submit(hook, "a", { S: "1" });
    time.run(4999);
    expect(started[0]?.signals).toEqual([]);
    time.run(5000);
    expect(started[0]?.signals).toEqual(["SIGTERM"]);
    time.run(7000);
    expect(started[0]?.signals).toEqual(["SIGTERM", "SIGKILL"]);
    await started[0]?.end({ failure: "killed by SIGKILL" });
    expect(log[0]).toBe("warning Hook move for a: no end within 5000 ms after 7000 ms, again in 1.0 s");
  });

  test("runs no more than a few at once", async () => {
    for (let i = 0; i < 100; i++) runner.submit(hook, String(i), { S: String(i) });
    expect(started).toHaveLength(8);
    for (let i = 0; i < 100; i++) await started[i]?.end();
    expect(started).toHaveLength(100);
  });

  test("starts nothing after close", async () => {
    runner.submit(hook, "a", { S: "1" });
    runner.submit(hook, "a", { S: "2" });
    runner.close();
    await started[0]?.end();
    runner.submit(hook, "b", { S: "3" });
    expect(states()).toEqual(["1"]);
  });
});

describe("a real command", () => {
  let directory: string;
  const host: Host = {
    clock: nodeClock(),
    random: () => 0,
    log: (level, text) => log.push(`${level} ${text}`),
    scheduler: nodeScheduler(),
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "linnet-hook-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  async function logged(count: number): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (log.length < count && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  test("gets its arguments and facts unharmed, whatever is in them", async () => {
    const script =
      "require('fs').writeFileSync(process.argv[1], JSON.stringify([process.argv.slice(2), process.env.LINNET_X]))";
    const file = join(directory, "out");
    const odd = "$(touch /nowhere); `id` \"'&|>";
    const argv = [process.execPath, "-e", script, file, odd, ""];
    new HookRunner(host).submit({ name: "h", argv, timeoutMs: 10_000, retries: 0 }, "k", { LINNET_X: odd });
    await logged(1);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual([[odd, ""], odd]);
    expect(log).toEqual([expect.stringMatching(/^info Hook h for k: done in \d+ ms$/)]);
  });

  test.each([
    [
      "exits with another code than 0",
      ["sh", "-c", "echo no luck >&2; exit 3"],
      /exit code 3 after \d+ ms, given up: no luck$/,
    ],
    ["does not exist", ["/no/such/program"], /spawn .*ENOENT after \d+ ms, given up$/],
    [
      "takes too long, with its children",
      ["sh", "-c", "sleep 60 & sleep 60"],
      /no end within 300 ms after \d+ ms, given up$/,
    ],
  ])("that %s is told so", async (_, argv, words) => {
    new HookRunner(host).submit({ name: "h", argv, timeoutMs: 300, retries: 0 }, "k", {});
    await logged(1);
    expect(log).toEqual([expect.stringMatching(words)]);
  });

  test("may leave somebody behind who holds its output open", async () => {
    const flag = join(directory, "flag");
    writeFileSync(flag, "");
    const argv = ["sh", "-c", `(while [ -e ${flag} ]; do sleep 0.05; done) & echo done`];
    new HookRunner(host).submit({ name: "h", argv, timeoutMs: 10_000, retries: 0 }, "k", {});
    await logged(1);
    expect(existsSync(flag)).toBe(true);
    expect(log).toEqual([expect.stringMatching(/^info Hook h for k: done in \d+ ms: done$/)]);
  });
});

describe("what a speaker does", () => {
  const hookConfig = (change: Partial<HookConfig>): HookConfig => ({
    name: "h",
    argv: ["/bin/hook"],
    on: "route",
    protocols: [],
    tables: [],
    timeoutMs: 1000,
    retries: 0,
    place: { file: "linnet.conf", line: 1, column: 1 },
    ...change,
  });

  /** Two speakers; the hooks are those of b. */
  async function world(hooks: readonly HookConfig[]): Promise<{ sim: Simulation; follow: () => Hooks }> {
    const sim = new Simulation(7);
    sim.addSpeaker("a", { as: 65001, prefixes: ["10.1.0.0/16"] });
    sim.addSpeaker("b", { as: 65002, prefixes: ["10.2.0.0/16"] });
    sim.connect("a", "b");
    await sim.start();
    const speaker = sim.node("b").speaker!;
    const follow = (): Hooks => {
      speaker.reconfigure({ ...speaker.config, linnet: { ...speaker.config.linnet, hooks } }, { soft: true });
      return new Hooks(speaker, virtualHost(sim.time), start);
    };
    return { sim, follow };
  }

  const heard = (name = "h"): string[] =>
    started
      .filter(({ facts }) => facts.LINNET_HOOK === name)
      .map(({ facts }) =>
        [facts.LINNET_EVENT, facts.LINNET_NET ?? facts.LINNET_PROTOCOL, facts.LINNET_AS_PATH].join(" "),
      );

  async function run(sim: Simulation, ms: number): Promise<void> {
    await sim.run(ms);
    for (const program of [...started]) await program.end();
  }

  test("routes: added, changed and removed, with facts", async () => {
    const { sim, follow } = await world([hookConfig({ protocols: ["a"] })]);
    const hooks = follow();
    await run(sim, 10_000);
    expect(heard()).toEqual(["route-added 10.1.0.0/16 65001"]);
    expect(started[0]?.facts).toMatchObject({
      LINNET_TABLE: "master4",
      LINNET_PROTOCOL: "a",
      LINNET_NEIGHBOR_AS: "65001",
      LINNET_MED: "",
      LINNET_LOCAL_PREF: "100",
    });
    sim.crash("a", "fin");
    await run(sim, 10_000);
    expect(heard()).toEqual(["route-added 10.1.0.0/16 65001", "route-removed 10.1.0.0/16 65001"]);
    await sim.boot("a");
    await run(sim, 60_000);
    hooks.close();
    sim.crash("a", "fin");
    await run(sim, 10_000);
    expect(heard()).toHaveLength(3);
  });

  test("sessions: up and down, once each", async () => {
    const { sim, follow } = await world([
      hookConfig({ on: "session" }),
      hookConfig({ name: "other", on: "session", protocols: ["x"] }),
    ]);
    follow();
    await run(sim, 10_000);
    sim.crash("a", "fin");
    await run(sim, 10_000);
    expect(heard()).toEqual(["session-up a ", "session-down a "]);
    expect(started[0]?.facts).toMatchObject({
      LINNET_STATE: "Established",
      LINNET_LOCAL_AS: "65002",
      LINNET_REASON: "",
    });
    expect(heard("other")).toEqual([]);
    const b = sim.node("b").speaker!;
    await sim.boot("a");
    await run(sim, 60_000);
    b.disable(b.protocol("a")!, {});
    await run(sim, 1000);
    expect(heard().slice(2)).toEqual(["session-up a ", "session-down a "]);
  });

  test("a hook that comes with a reload hears of the routes that are there; one that goes hears no more", async () => {
    const where = {
      run: (net: { w0: number }, attributes: unknown) => (net.w0 >>> 16 === 0x0a01 ? attributes : undefined),
    };
    const { sim, follow } = await world([hookConfig({ where: where as unknown as HookConfig["where"] & object })]);
    await run(sim, 10_000);
    follow();
    await run(sim, 10);
    expect(heard()).toEqual(["route-added 10.1.0.0/16 65001"]);
    const b = sim.node("b").speaker!;
    b.reconfigure({ ...b.config, linnet: { ...b.config.linnet, hooks: [] } }, { soft: true });
    sim.crash("a", "fin");
    await run(sim, 10_000);
    expect(heard()).toHaveLength(1);
  });

  test("a table without a hook is not followed", async () => {
    const { sim, follow } = await world([hookConfig({ tables: ["master6"] })]);
    follow();
    await run(sim, 10_000);
    expect(started).toEqual([]);
  });
});
