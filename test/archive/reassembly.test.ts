/** TCP as captures have it: order, repetition, overlap, loss, and connections that share their ends. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeCapture, frame, join, KEEPALIVE, open, pcap, reply, shortly, update } from "./support.ts";

const UPDATE = update({ announced: ["10.0.0.0/8"] });
const OPEN = open(65_001);

function decoded(...packets: readonly Uint8Array[]): string[] {
  return shortly(decodeCapture(pcap(packets)));
}

describe("a stream from its start", () => {
  const start = [frame({ seq: 99, flags: "S" }), reply({ seq: 499, ack: 100, flags: "SA" })];

  test("messages come in the packet that has their last octet", () => {
    const stream = join(OPEN, KEEPALIVE, UPDATE);
    const cut = OPEN.length + 5;
    expect(
      decoded(
        ...start,
        frame({ seq: 100, ack: 500, data: stream.subarray(0, cut) }),
        frame({ seq: 100 + cut, ack: 500, data: stream.subarray(cut) }),
      ),
    ).toEqual(["1 in 3", "4 in 4", "2 in 4"]);
  });

  test("out of order: the packet that filled the hole counts", () => {
    expect(
      decoded(
        ...start,
        frame({ seq: 119, ack: 500, data: UPDATE }),
        frame({ seq: 119 + UPDATE.length, ack: 500, data: KEEPALIVE }),
        frame({ seq: 100, ack: 500, data: KEEPALIVE }),
      ),
    ).toEqual(["4 in 5", "2 in 5", "4 in 5"]);
  });

  test("sent again: nothing new", () => {
    const packet = frame({ seq: 100, ack: 500, data: join(KEEPALIVE, UPDATE) });
    expect(decoded(...start, packet, packet, frame({ seq: 100, ack: 500, data: KEEPALIVE }))).toEqual([
      "4 in 3",
      "2 in 3",
    ]);
  });

  test("overlap: the first octets win", () => {
    const other = update({ announced: ["11.0.0.0/8"] });
    const records = decodeCapture(
      pcap([
        ...start,
        frame({ seq: 119, ack: 500, data: UPDATE }), // waits
        frame({ seq: 100, ack: 500, data: join(KEEPALIVE, other, KEEPALIVE) }), // fills the hole, says otherwise, goes on
      ]),
    );
    expect(shortly(records)).toEqual(["4 in 4", "2 in 4", "4 in 4"]);
    expect(records[1]).toMatchObject({ octets: UPDATE });
  });

  test("across the end of the sequence space", () => {
    expect(
      decoded(
        frame({ seq: 0xffff_fff0, flags: "S" }),
        frame({ seq: 0xffff_fff1 + 19 - 2 ** 32, ack: 1, data: UPDATE }),
        frame({ seq: 0xffff_fff1, ack: 1, data: KEEPALIVE }),
      ),
    ).toEqual(["4 in 3", "2 in 3"]);
  });

  test("keep-alive probes and window probes are nothing", () => {
    expect(
      decoded(
        ...start,
        frame({ seq: 100, ack: 500, data: KEEPALIVE }),
        frame({ seq: 118, ack: 500, data: [0] }), // keep-alive with an octet
        frame({ seq: 118, ack: 500 }), // and without
        reply({ seq: 500, ack: 119 }),
        frame({ seq: 119, ack: 500, data: KEEPALIVE.subarray(0, 1) }), // window probe
        frame({ seq: 119, ack: 500, data: KEEPALIVE }),
      ),
    ).toEqual(["4 in 3", "4 in 8"]);
  });

  test("data with the SYN", () => {
    expect(
      decoded(frame({ seq: 99, flags: "S", data: OPEN }), frame({ seq: 100 + OPEN.length, ack: 1, data: KEEPALIVE })),
    ).toEqual(["1 in 1", "4 in 2"]);
  });

  test("what is no BGP from the first octet on is skipped", () => {
    const junk = new Uint8Array(50).fill(0x41);
    expect(
      decoded(...start, frame({ seq: 100, ack: 500, data: junk }), frame({ seq: 150, ack: 500, data: KEEPALIVE })),
    ).toEqual(["gap 0+50 in 3", "4 in 4"]);
  });

  test("FIN ends a direction: what comes behind it is nothing", () => {
    expect(
      decoded(
        ...start,
        frame({ seq: 100, ack: 500, data: KEEPALIVE, flags: "FA" }),
        frame({ seq: 120, ack: 500, data: KEEPALIVE }),
        reply({ seq: 500, ack: 120, data: KEEPALIVE }),
      ),
    ).toEqual(["4 in 3", "4 in 5"]);
  });

  test("RST ends a direction, and what waited is read", () => {
    expect(
      decoded(
        ...start,
        frame({ seq: 119, ack: 500, data: UPDATE }),
        frame({ seq: 119 + UPDATE.length, ack: 500, flags: "R" }),
        frame({ seq: 119 + UPDATE.length, ack: 500, data: KEEPALIVE }),
      ),
    ).toEqual(["gap 19+0 in 4", "2 in 3"]);
  });

  test("a reset from elsewhere in sequence space is not believed", () => {
    expect(
      decoded(...start, frame({ seq: 0x7000_0000, flags: "R" }), frame({ seq: 100, ack: 500, data: KEEPALIVE })),
    ).toEqual(["4 in 4"]);
  });
});

describe("loss", () => {
  test("acknowledged but never captured: a gap, and on at the next marker", () => {
    expect(
      decoded(
        frame({ seq: 100, ack: 500, data: KEEPALIVE }),
        frame({ seq: 138, ack: 500, data: UPDATE }), // waits for 19 octets that never come
        reply({ seq: 500, ack: 138 + UPDATE.length }),
        frame({ seq: 138 + UPDATE.length, ack: 500, data: KEEPALIVE }),
      ),
    ).toEqual(["4 in 1", "gap 19+0 in 3", "2 in 2", "4 in 4"]);
  });

  test("in the middle of a message: what is left of it is skipped", () => {
    const third = Math.floor(UPDATE.length / 3);
    expect(
      decoded(
        frame({ seq: 100, ack: 500, data: UPDATE.subarray(0, third) }),
        frame({ seq: 100 + 2 * third, ack: 500, data: UPDATE.subarray(2 * third) }),
        frame({ seq: 100 + UPDATE.length, ack: 500, data: KEEPALIVE }),
        reply({ seq: 500, ack: 100 + UPDATE.length }),
      ),
    ).toEqual([`gap ${third}+${UPDATE.length - third} in 4`, "4 in 3"]);
  });

  test("several holes at once", () => {
    expect(
      decoded(
        frame({ seq: 100, ack: 500, data: KEEPALIVE }),
        frame({ seq: 138, ack: 500, data: KEEPALIVE }),
        frame({ seq: 176, ack: 500, data: KEEPALIVE }),
        reply({ seq: 500, ack: 300 }),
        frame({ seq: 300, ack: 500, data: KEEPALIVE }),
      ),
    ).toEqual(["4 in 1", "gap 19+0 in 4", "4 in 2", "gap 19+0 in 4", "4 in 3", "gap 105+0 in 4", "4 in 5"]);
  });

  test("too much waits: a gap", () => {
    const chunk = new Uint8Array(60_000).fill(1);
    const packets = Array.from({ length: 20 }, (_, i) => frame({ seq: 200 + i * 60_000, ack: 500, data: chunk }));
    const records = decodeCapture(pcap([frame({ seq: 100, ack: 500, data: KEEPALIVE }), ...packets]));
    expect(shortly(records)).toEqual(["4 in 1", "gap 81+1200000 in 19"]);
  });

  test("an acknowledgement of a FIN that was not captured is no gap", () => {
    expect(
      decoded(frame({ seq: 100, ack: 500, data: KEEPALIVE }), reply({ seq: 500, ack: 120, data: KEEPALIVE })),
    ).toEqual(["4 in 1", "4 in 2"]);
  });

  test("nobody acknowledged it when the capture ends: counted, not read", () => {
    expect(
      decoded(frame({ seq: 100, ack: 500, data: KEEPALIVE }), frame({ seq: 138, ack: 500, data: KEEPALIVE })),
    ).toEqual(["4 in 1", "gap 19+19 in 2"]);
  });

  test("of a one-sided capture time tells", () => {
    const packets = [
      frame({ seq: 100, data: KEEPALIVE }),
      frame({ seq: 138, data: KEEPALIVE }),
      frame({ seq: 157, data: KEEPALIVE }),
    ];
    expect(shortly(decodeCapture(pcap(packets, { step: 200 })))).toEqual([
      "4 in 1",
      "gap 19+0 in 3",
      "4 in 2",
      "4 in 3",
    ]);
  });

  test("cut by the snap length", () => {
    const first = frame({ seq: 100, ack: 500, data: join(KEEPALIVE, UPDATE) });
    const next = frame({ seq: 100 + 19 + UPDATE.length, ack: 500, data: KEEPALIVE });
    const snap = 54 + 19 + 10;
    expect(shortly(decodeCapture(pcap([first, next], { snap })))).toEqual([
      `truncated ${snap}/${first.length} in 1`,
      "4 in 1",
      `gap ${UPDATE.length - 10}+10 in 1`,
      "4 in 2",
    ]);
  });

  test("cut inside the headers", () => {
    const packets = [frame({ seq: 100, ack: 500, data: KEEPALIVE }), frame({ seq: 119, ack: 500, data: KEEPALIVE })];
    expect(shortly(decodeCapture(pcap(packets, { snap: 54 })))).toEqual([
      "truncated 54/73 in 1",
      "truncated 54/73 in 2",
      "gap 19+0 in 1", // how much is skipped behind it shows only now
      "gap 19+0 in 2",
    ]);
  });
});

describe("joined half-way", () => {
  test("at the first marker with a plausible header", () => {
    const falseMarker = join(new Uint8Array(16).fill(0xff), [0, 5, 2]);
    const junk = join(UPDATE.subarray(30), falseMarker);
    expect(decoded(frame({ seq: 100, ack: 500, data: join(junk, KEEPALIVE) }))).toEqual([
      `gap 0+${junk.length} in 1`,
      "4 in 1",
    ]);
  });

  test("the marker may lie across packets", () => {
    const stream = join([1, 2, 3], KEEPALIVE, UPDATE);
    const packets = Array.from(stream, (octet, i) => frame({ seq: 100 + i, ack: 500, data: [octet] }));
    expect(decoded(...packets)).toEqual(["gap 0+3 in 1", "4 in 22", `2 in ${stream.length}`]);
  });

  test("a keep-alive probe before the first data is nothing", () => {
    expect(
      decoded(
        frame({ seq: 99, ack: 500 }),
        reply({ seq: 500, ack: 100 }),
        frame({ seq: 100, ack: 500, data: KEEPALIVE }),
        reply({ seq: 500, ack: 119 }),
      ),
    ).toEqual(["4 in 3"]);
  });
});

describe("headers that lie", () => {
  test("a length that cannot be: the header is a message, the next marker goes on", () => {
    const bad = join(new Uint8Array(16).fill(0xff), [0, 7, 2], [1, 2, 3]);
    expect(
      decoded(
        frame({ seq: 100, ack: 500, flags: "S" }),
        frame({ seq: 101, ack: 500, data: join(KEEPALIVE, bad, KEEPALIVE) }),
      ),
    ).toEqual(["4 in 2", "2 in 2", "gap 0+3 in 2", "4 in 2"]);
  });

  test("more than 4096 octets to somebody who did not announce it", () => {
    const long = update({ announced: ["10.0.0.0/8"], extra: [attribute99(5000)] });
    const plain = [
      frame({ seq: 99, flags: "S" }),
      reply({ seq: 499, ack: 100, flags: "SA" }),
      reply({ seq: 500, ack: 100, data: open(65_002) }),
    ];
    const after = [
      frame({ seq: 100, ack: 500, data: long }),
      frame({ seq: 100 + long.length, ack: 500, data: KEEPALIVE }),
    ];
    expect(decoded(...plain, ...after)).toEqual(["1 in 3", "2 in 4", `gap 0+${long.length - 19} in 4`, "4 in 5"]);
    const able = reply({ seq: 500, ack: 100, data: open(65_002, [[6, 0]]) });
    expect(decoded(...plain.slice(0, 2), able, ...after)).toEqual(["1 in 3", "2 in 4", "4 in 5"]);
  });
});

describe("stream numbers", () => {
  const numbers = (...packets: readonly Uint8Array[]): (number | undefined)[] =>
    decodeCapture(pcap(packets)).map((record) => ("stream" in record ? record.stream : undefined));

  test("all TCP counts, in order of the first packet", () => {
    expect(
      numbers(
        frame({ seq: 1, sport: 5000, dport: 80 }),
        frame({ seq: 1, sport: 5001, data: KEEPALIVE }),
        frame({ seq: 1, sport: 80, dport: 6000 }),
        frame({ seq: 1, sport: 5002, data: KEEPALIVE }),
        frame({ seq: 20, sport: 5001, data: KEEPALIVE }),
      ),
    ).toEqual([1, 3, 1]);
  });

  test("both directions are one; a SYN with another number opens a new one, the same one does not", () => {
    expect(
      numbers(
        frame({ seq: 99, flags: "S" }),
        frame({ seq: 99, flags: "S" }),
        reply({ seq: 499, ack: 100, flags: "SA" }),
        frame({ seq: 100, ack: 500, data: KEEPALIVE }),
        reply({ seq: 500, ack: 119, data: KEEPALIVE }),
        frame({ seq: 9999, flags: "S" }),
        frame({ seq: 10_000, ack: 1, data: KEEPALIVE }),
      ),
    ).toEqual([0, 0, 1]);
  });

  test("another port can be BGP", () => {
    const file = pcap([frame({ seq: 1, dport: 1790, data: KEEPALIVE })]);
    expect(decodeCapture(file)).toEqual([]);
    expect(shortly(decodeCapture(file, [179, 1790]))).toEqual(["4 in 1"]);
  });
});

test("any cutting, order, repetition and overlap gives the same messages", () => {
  const stream = join(
    OPEN,
    ...Array.from({ length: 12 }, (_, i) => update({ announced: [`10.${i}.0.0/16`] })),
    KEEPALIVE,
  );
  const pieces = fc.array(fc.tuple(fc.nat(stream.length - 1), fc.integer({ min: 1, max: 200 })), { maxLength: 40 });
  const seqs = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(
    fc.property(pieces, seqs, fc.array(fc.nat(), { maxLength: 40 }), (some, seq, order) => {
      // Whatever was sent in whatever order, and then the whole once more.
      const all = some.map(([at, length]) => ({ at, data: stream.subarray(at, at + length) }));
      for (const [i, key] of order.entries())
        all.splice(key % (all.length + 1), 0, ...all.splice(i % (all.length || 1), 1));
      const packets = all.map(({ at, data }) => frame({ seq: (seq + 1 + at) >>> 0, ack: 1, data }));
      const file = pcap([
        frame({ seq, flags: "S" }),
        ...packets,
        frame({ seq: (seq + 1) >>> 0, ack: 1, data: stream }),
      ]);
      const messages = decodeCapture(file).map((record) => (record.kind === "message" ? record.octets : record));
      expect(join(...(messages as Uint8Array[]))).toEqual(stream);
    }),
    { numRuns: 200 },
  );
});

test("any chunks of the file give the same records", () => {
  const file = pcap([
    frame({ seq: 100, ack: 500, data: join(OPEN, KEEPALIVE) }),
    frame({ seq: 300, ack: 500, data: UPDATE }),
    reply({ seq: 500, ack: 400, data: KEEPALIVE }),
  ]);
  const whole = decodeCapture(file);
  for (const chunk of [1, 2, 3, 7, 16, 100]) expect(decodeCapture(file, [179], chunk)).toEqual(whole);
});

function attribute99(length: number): Uint8Array {
  return join([0xd0, 99], [(length >>> 8) & 255, length & 255], new Uint8Array(length));
}
