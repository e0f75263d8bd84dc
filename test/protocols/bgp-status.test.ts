/** What a bgp protocol tells of its past: last error, messages of operators. Two speakers on a virtual network. */
import { describe, expect, test } from "vitest";
import type { BgpConfig } from "../../src/config/schema.ts";
import type { BgpProtocol } from "../../src/protocols/bgp.ts";
import { Simulation } from "../../src/testing/simulation.ts";

const SEED = 7;

interface World {
  readonly world: Simulation;
  readonly a: BgpProtocol;
  readonly b: BgpProtocol;
}

/** Two neighbors, `change` on each side, after `ms` of life. */
async function pair(change: { a?: Partial<BgpConfig>; b?: Partial<BgpConfig> }, ms: number): Promise<World> {
  const world = new Simulation(SEED);
  world.addSpeaker("a", { as: 65001 });
  world.addSpeaker("b", { as: 65002 });
  world.connect("a", "b", change);
  await world.start();
  await world.run(ms);
  return { world, a: world.session("a", "b")!, b: world.session("b", "a")! };
}

/** BIRD's patience after an error. */
const SULKING = { errorWaitTime: [60, 300] } as const;

describe("last error", () => {
  test.each([5_000, 20_000, 50_000])("a wrong AS is still named while the peer only hangs up (%i ms)", async (ms) => {
    const { a } = await pair({ a: { neighborAs: 65099 }, b: { ...SULKING, passive: true } }, ms);
    expect(a.info).toMatch(/BGP Error: Bad peer AS$/);
    const status = a.status();
    expect(status.lastError).toBe("BGP Error: Bad peer AS");
    expect(status.why).toContain("65002");
    expect(status.why).toContain("65099");
  });

  test("news replace it: nobody listens any more", async () => {
    const { world, a } = await pair({ a: { neighborAs: 65099 }, b: SULKING }, 20_000);
    world.crash("b", "fin");
    world.node("b").host.boot();
    await world.run(20_000);
    expect(a.status().lastError).toBe("Socket: Connection refused");
  });

  test("a SYN that nobody answers is said once, and that it may be the key", async () => {
    const world = new Simulation(SEED);
    world.addSpeaker("a", { as: 65001, bgp: { password: "x" } });
    world.addSpeaker("b", { as: 65002, bgp: { passive: true } });
    world.connect("a", "b");
    world.network.cut(world.node("a").host, world.node("b").host);
    await world.start();
    await world.run(60_000);
    const a = world.session("a", "b")!;
    expect(a.info).toBe("Connect       Socket: Connection timed out");
    expect(a.status().why).toContain("MD5 password mismatch suspected");
    expect(world.node("a").log.filter((line) => line.includes("timed out"))).toHaveLength(1);
  });
});

describe("messages", () => {
  test("a switch without words takes away those of the one before", async () => {
    const { world, a, b } = await pair({}, 5_000);
    const speaker = world.node("a").speaker!;
    speaker.restart(a, "back soon");
    await world.run(5_000);
    expect([a.info, a.status().message, b.status().message]).toEqual(["Established   ", "back soon", "back soon"]);
    speaker.restart(a);
    await world.run(5_000);
    expect([a.info, a.status().message]).toEqual(["Established   ", undefined]);
    speaker.disable(a, {}, "good night");
    await world.run(5_000);
    expect([a.info, a.status().message, b.status().message]).toEqual(["", "good night", "good night"]);
    speaker.enable(a, {});
    await world.run(15_000);
    expect([a.info, a.status().message, b.status().message]).toEqual(["Established   ", undefined, "good night"]);
  });
});
