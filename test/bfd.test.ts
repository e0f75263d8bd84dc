/** BFD (RFC 5880): the handshake, detection, intervals, authentication; two sessions in virtual time. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  adminDownBfd,
  type BfdConfig,
  type BfdSession,
  bfdDeadline,
  bfdInterval,
  detectionTime,
  newBfdSession,
  receiveBfd,
  reconfigureBfd,
  tickBfd,
} from "../protocol/bfd.ts";
import {
  type BfdAuth,
  type BfdAuthType,
  type BfdPacket,
  BfdState,
  decodeBfd,
  encodeBfd,
  verifyBfd,
} from "../protocol/bfd-packet.ts";

const CONFIG: BfdConfig = { minTxMs: 50, minRxMs: 50, idleTxMs: 1000, multiplier: 3, passive: false };

/** Two ends and what is under way between them, one millisecond each. */
class Link {
  now = 0;
  cut = false;
  readonly sent: [number, number] = [0, 0];
  readonly sessions: [BfdSession, BfdSession];
  readonly configs: [BfdConfig, BfdConfig];
  readonly changes: string[] = [];
  #flight: { to: 0 | 1; at: number; packet: BfdPacket }[] = [];

  constructor(a: Partial<BfdConfig> = {}, b: Partial<BfdConfig> = {}) {
    this.configs = [
      { ...CONFIG, ...a },
      { ...CONFIG, ...b },
    ];
    this.sessions = [newBfdSession(11, this.configs[0], 0, 0), newBfdSession(22, this.configs[1], 0, 0)];
  }

  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = Math.min(...this.sessions.map(bfdDeadline), ...this.#flight.map(({ at }) => at));
      if (next > end) break;
      this.now = Math.max(this.now, next);
      const arrived = this.#flight.filter(({ at }) => at <= this.now);
      this.#flight = this.#flight.filter(({ at }) => at > this.now);
      for (const { to, packet } of arrived)
        this.take(to, receiveBfd(this.sessions[to], packet, this.now, this.configs[to], 1));
      for (const end of [0, 1] as const) this.take(end, tickBfd(this.sessions[end], this.now, this.configs[end], 1));
    }
    this.now = end;
  }

  take(end: 0 | 1, step: { session: BfdSession; packet?: BfdPacket }): void {
    if (this.sessions[end].state !== step.session.state)
      this.changes.push(`@${this.now} ${"ab"[end]} ${step.session.state} ${step.session.diagnostic}`);
    this.sessions[end] = step.session;
    if (!step.packet) return;
    this.sent[end]++;
    if (!this.cut) this.#flight.push({ to: end === 0 ? 1 : 0, at: this.now + 1, packet: step.packet });
  }

  get states(): number[] {
    return this.sessions.map(({ state }) => state);
  }
}

describe("a session", () => {
  test("comes up by the three-way handshake", () => {
    const link = new Link();
    link.run(3000);
    expect(link.states).toEqual([BfdState.Up, BfdState.Up]);
    expect(link.changes.map((line) => line.split(" ").slice(1, 3).join(" ")).toSorted()).toEqual(
      ["a 2", "a 3", "b 2", "b 3"].slice(0, 4).toSorted(),
    );
  });

  test("sends slowly until it is up, then as both agreed", () => {
    const link = new Link({ minTxMs: 20 }, { minRxMs: 100 });
    link.run(3000);
    expect(bfdInterval(link.sessions[0])).toBe(100);
    const before = link.sent[0];
    link.run(10_000);
    expect(link.sent[0] - before).toBeGreaterThanOrEqual(99);
    expect(link.sent[0] - before).toBeLessThanOrEqual(101);
  });

  test("notices silence after the detection time, and says so", () => {
    const link = new Link();
    link.run(3000);
    expect(detectionTime(link.sessions[0])).toBe(150);
    link.cut = true;
    const cutAt = link.now;
    link.run(400);
    expect(link.states).toEqual([BfdState.Down, BfdState.Down]);
    const down = Number(/@(\d+)/.exec(link.changes.at(-1)!)![1]);
    expect(down - cutAt).toBeLessThanOrEqual(151);
    expect(link.sessions[0].diagnostic).toBe(1);
    link.cut = false;
    link.run(3000);
    expect(link.states).toEqual([BfdState.Up, BfdState.Up]);
  });

  test("is told when the other side goes down, with the reason", () => {
    const link = new Link();
    link.run(3000);
    link.take(0, adminDownBfd(link.sessions[0], CONFIG));
    link.run(10);
    expect(link.states).toEqual([BfdState.AdminDown, BfdState.Down]);
    expect(link.sessions[1]).toMatchObject({ diagnostic: 3, remoteDiagnostic: 7 });
  });

  test("a passive side speaks when it is spoken to", () => {
    const both = new Link({ passive: true }, { passive: true });
    both.run(10_000);
    expect(both.sent).toEqual([0, 0]);
    const one = new Link({ passive: true });
    one.run(4000);
    expect(one.states).toEqual([BfdState.Up, BfdState.Up]);
  });

  test("new intervals come into force by a poll sequence", () => {
    const link = new Link();
    link.run(3000);
    link.configs[0] = { ...CONFIG, minTxMs: 200 };
    link.sessions[0] = reconfigureBfd(link.sessions[0], link.configs[0], link.now);
    expect(link.sessions[0]).toMatchObject({ polling: true, usedTx: 50, minTx: 200 });
    link.run(300);
    expect(link.sessions[0]).toMatchObject({ polling: false, usedTx: 200 });
    expect(detectionTime(link.sessions[1])).toBe(600);
    expect(link.states).toEqual([BfdState.Up, BfdState.Up]);
  });

  test("stays up through loss that is no silence: every second packet", () => {
    const link = new Link();
    link.run(3000);
    for (let i = 0; i < 200; i++) {
      link.cut = i % 2 === 1;
      link.run(50);
    }
    expect(link.states).toEqual([BfdState.Up, BfdState.Up]);
  });
});

const PACKET: BfdPacket = {
  diagnostic: 1,
  state: BfdState.Up,
  poll: true,
  final: false,
  demand: false,
  multiplier: 3,
  myDiscriminator: 0xdeadbeef,
  yourDiscriminator: 7,
  desiredMinTx: 300_000,
  requiredMinRx: 50_000,
};

describe("packets", () => {
  test("octets as RFC 5880 §4.1 draws them", () => {
    expect(Buffer.from(encodeBfd(PACKET, undefined, 0)).toString("hex")).toBe(
      "21e00318deadbeef00000007000493e00000c35000000000",
    );
  });

  const dropped: readonly [string, (octets: Uint8Array) => void][] = [
    ["another version", (o) => void (o[0] = 0x41)],
    ["multiplier 0", (o) => void (o[2] = 0)],
    ["a length below the header", (o) => void (o[3] = 23)],
    ["a length beyond the packet", (o) => void (o[3] = 25)],
    ["the multipoint bit", (o) => void (o[1]! |= 1)],
    ["my discriminator 0", (o) => o.fill(0, 4, 8)],
    ["your discriminator 0 in state Up", (o) => o.fill(0, 8, 12)],
  ];
  test.each(dropped)("%s: dropped", (_, spoil) => {
    const octets = encodeBfd(PACKET, undefined, 0);
    spoil(octets);
    expect(decodeBfd(octets)).toBeUndefined();
  });

  test("noise is dropped or decoded, never more", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        decodeBfd(noise);
      }),
    );
  });

  test("encode and decode agree", () => {
    expect(decodeBfd(encodeBfd(PACKET, undefined, 0))).toEqual(PACKET);
  });
});

describe("authentication", () => {
  const digest: BfdAuth["digest"] = (algorithm, octets) => createHash(algorithm).update(octets).digest();
  const auth = (type: BfdAuthType, text = "secret", id = 1): BfdAuth => {
    const key = { id, octets: new TextEncoder().encode(text) };
    return { type, send: key, accept: [key], digest };
  };
  const session = newBfdSession(1, CONFIG, 0, 0);
  const types: BfdAuthType[] = ["simple", "keyed md5", "meticulous keyed md5", "keyed sha1", "meticulous keyed sha1"];

  test.each(types)("%s: the right key passes, anything else does not", (type) => {
    const octets = encodeBfd(PACKET, auth(type), 100);
    expect(decodeBfd(octets)).toEqual(PACKET);
    expect(verifyBfd(octets, auth(type), session)).toBe(type === "simple" ? 0 : 100);
    expect(verifyBfd(octets, auth(type, "wrong"), session)).toBeUndefined();
    expect(verifyBfd(octets, auth(type, "secret", 2), session)).toBeUndefined();
    expect(verifyBfd(octets, undefined, session)).toBeUndefined();
    expect(verifyBfd(encodeBfd(PACKET, undefined, 0), auth(type), session)).toBeUndefined();
    octets[9]! ^= 1; // a discriminator on the way
    if (type !== "simple") expect(verifyBfd(octets, auth(type), session)).toBeUndefined();
  });

  test("sequence numbers: not back, not far ahead, not twice where meticulous", () => {
    const at = (type: BfdAuthType, sequence: number): boolean => {
      const known = { ...session, receiveSequence: 0xffff_ffff, remoteMultiplier: 3 };
      return verifyBfd(encodeBfd(PACKET, auth(type), sequence), auth(type), known) !== undefined;
    };
    expect([at("keyed sha1", 0xffff_ffff), at("meticulous keyed sha1", 0xffff_ffff)]).toEqual([true, false]);
    expect([at("keyed sha1", 8), at("keyed sha1", 9), at("keyed sha1", 0xffff_fffe)]).toEqual([true, false, false]);
  });
});
