/**
 * Convergence under faults, over many seeds: once the faults stop, every pair of neighbors is Established
 * and every Adj-RIB-In is the neighbor's Adj-RIB-Out. `SEED=n` replays one, `SEEDS=n` sets how many.
 */
import { expect, test } from "vitest";
import { between } from "../../src/testing/random.ts";
import { Simulation } from "../../src/testing/simulation.ts";

/** One of each kind of misfortune, and its end. */
async function misfortune(world: Simulation, note: (text: string) => void): Promise<void> {
  const { random } = world;
  const names = [...world.nodes.keys()];
  const pick = (): string => names[between(random, 0, names.length - 1)]!;
  const name = pick();
  const node = world.node(name);
  const other = node.neighbors[between(random, 0, node.neighbors.length - 1)]!.node;
  const kind = between(random, 0, 8);
  note(`@${world.time.now.toFixed(0)} ${kind} ${name} ${other.name}`);
  switch (kind) {
    case 0:
      return world.network.cut(node.host, other.host);
    case 1:
      return world.network.heal(node.host, other.host);
    case 2:
      return world.crash(name, "fin");
    case 3:
      return world.crash(name, "silent");
    case 4:
      return void (await world.boot(name));
    case 5:
      return node.host.resetConnections();
    case 6: {
      const route = node.speaker?.protocol("static1");
      if (!node.speaker || !route) return;
      if (route.state === "up") node.speaker.disable(route, {});
      else node.speaker.enable(route, {});
      return;
    }
    case 7: {
      const session = world.session(name, other.name);
      if (session) node.speaker?.restart(session);
      return;
    }
    default:
      world.time.jump(between(random, -3_600_000, 3_600_000));
      world.network.latency = [1, between(random, 2, 800)];
  }
}

async function scenario(seed: number): Promise<{ problems: string[]; story: string[] }> {
  const world = new Simulation(seed);
  const story: string[] = [];
  const count = between(world.random, 2, 5);
  const names = ["a", "b", "c", "d", "e"].slice(0, count);
  for (const [i, name] of names.entries()) {
    const prefixes = Array.from({ length: between(world.random, 0, 3) }, (_, n) => `10.${i + 1}.${n}.0/24`);
    const graceful = world.random() < 0.3 ? ({ gracefulRestart: "on", gracefulRestartTime: 20 } as const) : {};
    world.addSpeaker(name, { as: 65001 + i, prefixes, bgp: { holdTime: between(world.random, 3, 20), ...graceful } });
  }
  for (let i = 1; i < count; i++) world.connect(names[i]!, names[between(world.random, 0, i - 1)]!);
  for (let i = 0; i + 2 < count; i++) if (world.random() < 0.4) linkOnce(world, names[i]!, names[i + 2]!);
  await world.start();
  const rounds = between(world.random, 1, 12);
  for (let i = 0; i < rounds; i++) {
    await world.run(between(world.random, 1, 6000));
    await misfortune(world, (text) => story.push(text));
  }
  world.network.healAll();
  world.network.latency = [1, 20];
  for (const name of names) await world.boot(name);
  await world.run(SETTLE_MS);
  return { problems: world.problems(), story };
}

function linkOnce(world: Simulation, a: string, b: string): void {
  if (!world.node(a).neighbors.some(({ node }) => node.name === b)) world.connect(a, b);
}

test("after the faults stop, everybody agrees", async () => {
  const only = process.env.SEED;
  const seeds =
    only === undefined ? Array.from({ length: Number(process.env.SEEDS ?? 300) }, (_, i) => i + 1) : [Number(only)];
  for (const seed of seeds) {
    const { problems, story } = await scenario(seed);
    expect(problems, `SEED=${seed}\n${story.join("\n")}\n${problems.join("\n")}`).toEqual([]);
  }
}, 120_000);

test("a seed replays exactly", async () => {
  const [first, second] = [await scenario(7), await scenario(7)];
  expect(second).toEqual(first);
});

/** Longer than hold time, retry waits and the peer's error wait together. */
const SETTLE_MS = 90_000;
