/** Peers that are hostile, broken or unlucky (robustness of a session), in virtual time. */
import { describe, expect, test } from "vitest";
import { DEFAULT_CONTEXT } from "../../protocol/codec/capability.ts";
import { encodeMessage } from "../../protocol/codec/message.ts";
import { buildOpen } from "../../protocol/fsm/negotiate.ts";
import { type IpAddress, ipv4 } from "../../protocol/wire/address.ts";
import type { Connection } from "../../src/transport/transport.ts";
import { makePair, OPEN, type Pair } from "../support/pair.ts";

const THEIR_OPEN = encodeMessage(
  buildOpen({ ...OPEN, localAs: 65002, localId: 0x0a000002, peerAs: 65001, holdTime: 90 }),
  DEFAULT_CONTEXT,
);
const KEEPALIVE = encodeMessage({ type: "keepalive" }, DEFAULT_CONTEXT);
const ALL_ONES = new Uint8Array(16).fill(0xff);

/** A scripted peer at 10.0.0.2, where no session of ours runs. */
class Raw {
  readonly notifications: string[] = [];
  readonly types: number[] = [];
  closed = false;
  #connection: Connection;
  #input: number[] = [];

  constructor(pair: Pair, from: IpAddress = ipv4(0x0a000002)) {
    const host = pair.network.host(from)!;
    this.#connection = host.transport.dial({ remote: ipv4(0x0a000001), port: 179 });
    this.#connection.attach({
      open: () => undefined,
      data: (octets) => this.#read(octets),
      drain: () => undefined,
      close: () => void (this.closed = true),
    });
  }

  send(...octets: Uint8Array[]): void {
    for (const each of octets) this.#connection.write(each);
  }

  close(): void {
    this.#connection.close();
  }

  #read(octets: Uint8Array): void {
    this.#input.push(...octets);
    for (;;) {
      const length = (this.#input[16] ?? 0) * 256 + (this.#input[17] ?? 0);
      if (this.#input.length < 19 || this.#input.length < length) return;
      const message = this.#input.splice(0, length);
      this.types.push(message[18]!);
      if (message[18] === 3)
        this.notifications.push(
          `${message[19]}/${message[20]}${message.length > 21 ? ` ${Buffer.from(message.slice(21)).toString("hex")}` : ""}`,
        );
    }
  }
}

/** A is up and passive; B's session is not started: its address is the script's. */
function scripted(peer = {}): Pair {
  const pair = makePair({ peer: { passive: true, ...peer }, open: { holdTime: 90 } });
  pair.network.latency = [1, 1];
  pair.a.start();
  return pair;
}

function established(pair: Pair): Raw {
  const raw = new Raw(pair);
  pair.time.run(pair.time.now + 10);
  raw.send(THEIR_OPEN, KEEPALIVE);
  pair.time.run(pair.time.now + 10);
  expect(pair.a.established).toBe(true);
  return raw;
}

function message(type: number, body: Uint8Array, length = 19 + body.length): Uint8Array {
  return Uint8Array.of(...ALL_ONES, length >> 8, length & 255, type, ...body);
}

describe("before the session is up", () => {
  test("many silent connections of one peer: one is kept, the rest closed at once; the timer ends that one", () => {
    const pair = scripted();
    const raws = Array.from({ length: 200 }, () => new Raw(pair));
    pair.time.run(100);
    expect(raws.filter((raw) => !raw.closed)).toHaveLength(1);
    pair.time.run(241_000);
    expect(raws.filter((raw) => !raw.closed)).toHaveLength(0);
    expect(pair.a.last("ended")!.cause).toMatchObject({ type: "sent", error: { code: 4 } });
  });

  test("an OPEN that dribbles in does not hold the connection for ever", () => {
    const pair = scripted({ startupHoldMs: 60_000 });
    const raw = new Raw(pair);
    for (const octet of THEIR_OPEN.subarray(0, 20)) {
      pair.time.run(pair.time.now + 10_000);
      raw.send(Uint8Array.of(octet));
    }
    expect(raw.closed).toBe(true);
  });

  const first: readonly [string, Uint8Array, string][] = [
    ["HTTP", new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "1/1"],
    ["zeros", new Uint8Array(19), "1/1"],
    ["a length below the header's", message(1, new Uint8Array(0), 18), "1/2 0012"],
    ["a length above 4096", message(1, new Uint8Array(0), 4097), "1/2 1001"],
    ["an unknown type", message(9, new Uint8Array(0)), "1/3 09"],
    ["a KEEPALIVE", KEEPALIVE, "5/1 04"],
    ["an UPDATE", message(2, new Uint8Array(4)), "5/1 02"],
    ["a ROUTE-REFRESH", message(5, Uint8Array.of(0, 1, 0, 1)), "5/1 05"],
    ["another version", message(1, Uint8Array.of(3, 0xfd, 0xea, 0, 90, 10, 0, 0, 2, 0)), "2/1 0004"],
  ];
  test.each(first)("%s instead of an OPEN", (_, octets, answer) => {
    const pair = scripted();
    const raw = new Raw(pair);
    pair.time.run(10);
    raw.send(octets);
    pair.time.run(100);
    expect([raw.notifications, raw.closed]).toEqual([[answer], true]);
    expect(pair.a.session.state.wait?.kind).toBe("error");
    expect(pair.a.bugs).toEqual([]);
  });

  test("a NOTIFICATION is never answered", () => {
    const pair = scripted();
    const raw = new Raw(pair);
    pair.time.run(10);
    raw.send(message(3, Uint8Array.of(2, 7)));
    pair.time.run(100);
    expect([raw.notifications, raw.closed]).toEqual([[], true]);
  });

  test("nothing behind a fatal error is read", () => {
    const pair = scripted();
    const raw = new Raw(pair);
    pair.time.run(10);
    raw.send(Uint8Array.of(...message(9, new Uint8Array(0)), ...THEIR_OPEN, ...KEEPALIVE));
    pair.time.run(100);
    expect(raw.types).toEqual([1, 3]);
    expect(pair.a.heard.map((heard) => heard.type)).toEqual(["ended"]);
  });

  test("a second OPEN: 5/2", () => {
    const pair = scripted();
    const raw = new Raw(pair);
    pair.time.run(10);
    raw.send(THEIR_OPEN, THEIR_OPEN);
    pair.time.run(100);
    expect(raw.notifications).toEqual(["5/2 01"]);
  });
});

describe("while the session is up", () => {
  test("one octet a second of a long message is no sign of life: whole messages count", () => {
    const pair = scripted();
    const raw = established(pair);
    const long = message(2, new Uint8Array(4000));
    for (let second = 0; second < 95; second++) {
      pair.time.run(pair.time.now + 1000);
      raw.send(long.subarray(second, second + 1));
    }
    expect(raw.notifications).toEqual(["4/0"]);
  });

  test("a message in single octets is a message", () => {
    const pair = scripted();
    const raw = established(pair);
    for (const octet of message(2, new Uint8Array(4))) raw.send(Uint8Array.of(octet));
    pair.time.run(pair.time.now + 1000);
    expect(pair.a.updates).toHaveLength(1);
    expect(pair.a.established).toBe(true);
  });

  test("cut in the middle of a message: the part has no effect", () => {
    const pair = scripted();
    const raw = established(pair);
    raw.send(message(2, new Uint8Array(4)).subarray(0, 20));
    raw.close();
    pair.time.run(pair.time.now + 1000);
    expect(pair.a.updates).toHaveLength(0);
    expect(pair.a.last("down")!.cause).toMatchObject({ type: "socket" });
  });

  test("an UPDATE and then the end, in one go: the UPDATE counts", () => {
    const pair = scripted();
    const raw = established(pair);
    raw.send(message(2, new Uint8Array(4)), message(3, Uint8Array.of(6, 2)));
    raw.close();
    pair.time.run(pair.time.now + 1000);
    expect(pair.a.updates).toHaveLength(1);
    expect(pair.a.last("down")!.cause).toMatchObject({ type: "received", code: 6, subcode: 2 });
  });

  const late: readonly [string, Uint8Array, string][] = [
    ["an OPEN", THEIR_OPEN, "5/3 01"],
    ["a KEEPALIVE with a body", message(4, Uint8Array.of(0)), "1/2 0014"],
    ["a bad marker", new Uint8Array(19).fill(1), "1/1"],
  ];
  test.each(late)("%s", (_, octets, answer) => {
    const pair = scripted();
    const raw = established(pair);
    raw.send(octets);
    pair.time.run(pair.time.now + 100);
    expect([raw.notifications, raw.closed, pair.a.established]).toEqual([[answer], true, false]);
  });

  test("further connections are closed at accept, the session does not notice", () => {
    const pair = scripted();
    established(pair);
    const raws = Array.from({ length: 50 }, () => new Raw(pair));
    pair.time.run(pair.time.now + 100);
    expect(raws.every((raw) => raw.closed && raw.types.length === 0)).toBe(true);
    expect(pair.a.established).toBe(true);
  });

  test("a bug of ours costs this session, not the process, and leaves the message behind", () => {
    const pair = scripted();
    const raw = established(pair);
    pair.a.updates.push = () => {
      throw new TypeError("cannot read properties of undefined");
    };
    raw.send(message(2, new Uint8Array(4)));
    pair.time.run(pair.time.now + 100);
    expect(raw.notifications).toEqual(["6/8"]);
    expect(pair.a.bugs[0]).toMatch(/TypeError.*\n[\s\S]*while handling ffffffff/);
    expect(pair.a.session.state.wait?.kind).toBe("error");
  });

  test("a reader that reads nothing: keepalives do not pile up, the send hold timer ends it after eight minutes", () => {
    const pair = scripted();
    const raw = established(pair);
    const [hostA, hostB] = [...pair.network.hosts()];
    for (let i = 0; i < 40; i++)
      pair.a.send(new Uint8Array(23 * 100).map((__, at) => message(2, new Uint8Array(4))[at % 23]!));
    // The way back works: only A's octets are stuck
    const stuck = hostB!.connections[0]!;
    stuck.pause();
    for (let i = 0; i < 60; i++)
      pair.a.send(new Uint8Array(23 * 100).map((__, at) => message(2, new Uint8Array(4))[at % 23]!));
    for (let minute = 0; minute < 12; minute++) {
      for (let i = 0; i < 2; i++) {
        raw.send(KEEPALIVE);
        pair.time.run(pair.time.now + 30_000);
      }
    }
    expect(hostA!.connections).toHaveLength(0);
    const down = pair.a.last("down")!;
    expect(down.cause).toMatchObject({ type: "sent", error: { code: 8, subcode: 0 } });
    expect(down.at).toBeGreaterThan(480_000);
    expect(down.at).toBeLessThan(490_000);
  });
});
