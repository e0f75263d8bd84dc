/** Two sessions over a simulated network: how they come up, break and come back. */
import { describe, expect, test } from "vitest";
import { NotificationError } from "../../protocol/codec/error.ts";
import { makePair, type Pair } from "../support/pair.ts";

function bothUp(pair: Pair): void {
  pair.a.start();
  pair.b.start();
  pair.time.run(pair.time.now + 2000);
  expect([pair.a.established, pair.b.established]).toEqual([true, true]);
}

describe("coming up", () => {
  test("both dial at once: one connection survives, whatever the latencies", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const pair = makePair({}, {}, seed);
      bothUp(pair);
      pair.time.run(30_000);
      expect([pair.a.established, pair.b.established]).toEqual([true, true]);
      expect(pair.a.heard.filter((heard) => heard.type === "down")).toEqual([]);
      expect(pair.network.host(pair.b.session.established!.connection.remote.ip)!.connections).toHaveLength(1);
      expect([...pair.a.bugs, ...pair.b.bugs]).toEqual([]);
    }
  });

  test("the first dial is at once", () => {
    const pair = makePair({}, { peer: { passive: true } });
    pair.network.latency = [1, 1];
    bothUp(pair);
    expect(pair.a.last("up")!.at).toBeLessThan(10);
  });

  test("passive on both sides: nobody dials", () => {
    const pair = makePair({ peer: { passive: true } }, { peer: { passive: true } });
    pair.a.start();
    pair.b.start();
    pair.time.run(600_000);
    expect(pair.a.fsm).toBe("Active Idle Idle");
    expect(pair.time.events).toBe(0);
  });

  test("a connect delay that the file names comes before the first dial", () => {
    const pair = makePair({ peer: { connectDelayMs: 5000 } }, { peer: { passive: true } });
    pair.a.start();
    pair.b.start();
    pair.time.run(3700);
    expect(pair.a.fsm).toBe("Active Idle Idle");
    pair.time.run(5200);
    expect(pair.a.established).toBe(true);
  });
});

describe("keeping up", () => {
  test("keepalives hold an idle session for an hour", () => {
    const pair = makePair({ open: { holdTime: 3 } });
    bothUp(pair);
    pair.time.run(3_600_000);
    expect(pair.a.heard.filter((heard) => heard.type === "down")).toEqual([]);
    const sent = pair.a.session.counters.sent.KEEPALIVE!;
    expect(sent).toBeGreaterThan(3500); // one a second, never more
    expect(sent).toBeLessThanOrEqual(3601);
  });

  test("hold time 0: no keepalive, no expiry", () => {
    const pair = makePair({ open: { holdTime: 0 } });
    bothUp(pair);
    pair.network.cut(
      pair.network.host(pair.a.session.established!.connection.local!.ip)!,
      pair.network.host(pair.b.session.established!.connection.local!.ip)!,
    );
    pair.time.run(36_000_000);
    expect(pair.a.established).toBe(true);
    expect(pair.a.session.counters.sent.KEEPALIVE).toBe(1);
  });

  test("the hold timer is exact", () => {
    const pair = makePair({ open: { holdTime: 9 } });
    bothUp(pair);
    const [hostA, hostB] = [...pair.network.hosts()];
    pair.time.run(20_000);
    const heard = pair.a.session.counters.received.KEEPALIVE!;
    pair.network.cut(hostA!, hostB!);
    const cutAt = pair.time.now;
    pair.time.run(cutAt + 10_000);
    const down = pair.a.last("down")!;
    expect(down.cause).toMatchObject({ type: "sent", error: { code: 4, subcode: 0 } });
    expect(pair.a.session.counters.received.KEEPALIVE).toBe(heard);
    expect(down.at - cutAt).toBeLessThanOrEqual(9000);
    expect(down.at - cutAt).toBeGreaterThanOrEqual(9000 - 3100);
  });
});

describe("coming back", () => {
  test("after the link was cut for longer than the hold time: within seconds", () => {
    const pair = makePair({ open: { holdTime: 9 } });
    bothUp(pair);
    const [hostA, hostB] = [...pair.network.hosts()];
    pair.network.cut(hostA!, hostB!);
    pair.time.run(pair.time.now + 60_000);
    expect(pair.a.established).toBe(false);
    pair.network.heal(hostA!, hostB!);
    pair.time.run(pair.time.now + 7000);
    expect([pair.a.established, pair.b.established]).toEqual([true, true]);
  });

  test("after a reset: within a second", () => {
    const pair = makePair();
    bothUp(pair);
    const [hostA] = [...pair.network.hosts()];
    hostA!.resetConnections();
    pair.time.run(pair.time.now + 1100);
    expect([pair.a.established, pair.b.established]).toEqual([true, true]);
  });

  test("after an administrative shutdown: a second, then two, four, eight, ten", () => {
    const pair = makePair({}, { peer: { passive: true } });
    pair.a.start();
    const gaps: number[] = [];
    for (let round = 0; round < 6; round++) {
      pair.b.start();
      pair.time.run(pair.time.now + 11_000);
      expect(pair.a.established).toBe(true);
      pair.b.session.handle({ type: "stop", error: new NotificationError(6, 2, "") });
      pair.time.run(pair.time.now + 100);
      gaps.push(pair.a.session.state.wait!.totalMs);
      // a session longer than ten seconds makes the ladder new
    }
    expect(gaps).toEqual([1000, 1000, 1000, 1000, 1000, 1000]);
  });

  test("a wrong AS: error wait, five seconds doubling; meanwhile nobody is let in", () => {
    const pair = makePair({ open: { peerAs: 64999 } }, {});
    pair.a.start();
    pair.b.start();
    const waits: number[] = [];
    for (let i = 0; i < 400; i++) {
      pair.time.run(pair.time.now + 1000);
      const { wait } = pair.a.session.state;
      if (wait?.kind === "error" && waits.at(-1) !== wait.totalMs) waits.push(wait.totalMs);
    }
    expect(waits.slice(0, 5)).toEqual([5000, 10_000, 20_000, 40_000, 80_000]);
    expect(pair.a.last("ended")!.cause).toMatchObject({ type: "sent", error: { code: 2, subcode: 2 } });
    expect(pair.b.last("ended")!.cause).toMatchObject({ type: "received", code: 2, subcode: 2 });
  });
});
