/** What holds for every message, well formed or not. */
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { type CodecContext, DEFAULT_CONTEXT } from "../../protocol/codec/capability.ts";
import { NotificationError } from "../../protocol/codec/error.ts";
import { inspectAttributes, inspectMessage, UNKNOWN_CONTEXT } from "../../protocol/codec/inspect.ts";
import { decodeMessage, encodeMessage, Framer, type Message } from "../../protocol/codec/message.ts";
import { decodeNlri, type Nlri, walkPrefixes } from "../../protocol/codec/nlri.ts";
import { describeNlri } from "../../protocol/codec/nlri-text.ts";
import { describeNotification } from "../../protocol/codec/notification.ts";
import { packUpdates } from "../../protocol/codec/pack.ts";
import { emptyParts, scanUpdate, type Update } from "../../protocol/codec/update.ts";
import type { Family } from "../../protocol/wire/address.ts";
import { ByteReader, ShortRead } from "../../protocol/wire/bytes.ts";
import { anyContext, anyMessage, anyPrefix, anyU32 } from "./arbitraries.ts";
import { toHex } from "./support.ts";

vi.setConfig({ testTimeout: 60_000 }); // a busy machine is slow, not wrong

/** Octets that get past the header: a message with some octets changed, or noise behind a good header. */
const mutated: fc.Arbitrary<{ octets: Uint8Array; context: CodecContext }> = fc
  .tuple(anyMessage, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }), fc.option(fc.nat()))
  .map(([{ message, context }, changes, cut]) => {
    let octets = encodeMessage(message, context);
    const body = octets.length - 19;
    for (const [at, value] of changes) if (body > 0) octets[19 + (at % body)] = value;
    if (cut !== null && body > 0) octets = octets.slice(0, 19 + (cut % body));
    octets[16] = octets.length >>> 8;
    octets[17] = octets.length;
    return { octets, context };
  });

const framedNoise: fc.Arbitrary<{ octets: Uint8Array; context: CodecContext }> = fc
  .tuple(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 400 }), anyContext)
  .map(([type, body, context]) => {
    const length = body.length + 19;
    return { octets: Uint8Array.of(...new Uint8Array(16).fill(255), length >>> 8, length, type, ...body), context };
  });

const anything = fc.oneof(
  { weight: 3, arbitrary: mutated },
  { weight: 2, arbitrary: framedNoise },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((octets) => ({ octets, context: DEFAULT_CONTEXT })) },
);

function attempt(octets: Uint8Array, context: CodecContext): Message | NotificationError {
  try {
    return decodeMessage(octets, context);
  } catch (error) {
    if (error instanceof NotificationError) return error;
    throw error;
  }
}

describe("messages", () => {
  test("decode undoes encode", () => {
    fc.assert(
      fc.property(anyMessage, ({ message, context }) => {
        expect(decodeMessage(encodeMessage(message, context), context)).toEqual(message);
      }),
      { numRuns: 600 },
    );
  });

  test("encode after decode is a fixpoint, whatever the octets", () => {
    fc.assert(
      fc.property(anything, ({ octets, context }) => {
        const first = attempt(octets, context);
        if (first instanceof NotificationError) return;
        if (first.type === "update" && first.verdict === "treat-as-withdraw") return; // a set with holes is not sent
        const again = encodeMessage(first, context);
        expect(toHex(encodeMessage(decodeMessage(again, context), context))).toBe(toHex(again));
      }),
      { numRuns: 2000 },
    );
  });

  test("noise gives a message, faults or a NotificationError, nothing else, and never changes its input", () => {
    fc.assert(
      fc.property(anything, ({ octets, context }) => {
        const before = toHex(octets);
        for (const peer of ["ebgp", "ibgp", "confederation", "unknown"] as const) attempt(octets, { ...context, peer });
        expect(toHex(octets)).toBe(before);
      }),
      { numRuns: 2000 },
    );
  });

  test("faults point into the message and explain themselves", () => {
    fc.assert(
      fc.property(anything, ({ octets, context }) => {
        const result = attempt(octets, context);
        const faults =
          result instanceof NotificationError
            ? [{ reason: result.message, offset: result.offset, data: result.data }]
            : result.type === "update"
              ? result.faults
              : [];
        for (const { reason, offset, data } of faults) {
          expect(reason.length).toBeGreaterThan(5);
          expect(offset).toBeLessThanOrEqual(octets.length);
          expect(data?.length ?? 0).toBeLessThanOrEqual(Math.max(2, octets.length));
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("the verdict is the strongest fault", () => {
    fc.assert(
      fc.property(anything, ({ octets, context }) => {
        const result = attempt(octets, context);
        if (result instanceof NotificationError || result.type !== "update") return;
        const severities = new Set<string>(result.faults.map(({ severity }) => severity));
        const strongest =
          ["treat-as-withdraw", "attribute-discard"].find((severity) => severities.has(severity)) ?? "none";
        expect(result.verdict).toBe(strongest);
      }),
      { numRuns: 1000 },
    );
  });

  test("what is kept is bounded by what came: octets of all values, faults, prefixes", () => {
    fc.assert(
      fc.property(anything, ({ octets, context }) => {
        const seen = inspectMessage(octets, context);
        const values = seen.update?.wire.reduce((sum, { value }) => sum + value.length, 0) ?? 0;
        const count = (seen.update?.announced.length ?? 0) + (seen.update?.withdrawn.length ?? 0);
        expect(values).toBeLessThanOrEqual(octets.length);
        expect(count).toBeLessThanOrEqual(octets.length);
        expect(seen.findings.length).toBeLessThanOrEqual(66);
        expect(seen.open?.capabilities.length ?? 0).toBeLessThanOrEqual(octets.length);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("the lens", () => {
  test("never throws, and resets where a session does", () => {
    fc.assert(
      fc.property(anything, ({ octets, context }) => {
        const unknown: CodecContext = { ...context, peer: "unknown" };
        const { findings } = inspectMessage(octets, unknown);
        const result = attempt(octets, { ...unknown, acceptExtended: true });
        if (octets.length < 19) {
          expect(findings).toMatchObject([{ code: 1, subcode: 2 }]); // no header: its marker is not looked at
        } else if (result instanceof NotificationError) {
          expect(findings[0]).toMatchObject({
            action: "session-reset",
            code: result.code,
            subcode: result.subcode,
            message: result.message,
          });
        } else {
          expect(findings.some(({ action }) => action === "session-reset")).toBe(false);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("nor on attribute lists, NLRI of any family and NOTIFICATIONs", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(255),
        fc.constantFrom(1, 2, 25, 16388),
        fc.boolean(),
        (noise, safi, afi, paths) => {
          inspectAttributes(noise, UNKNOWN_CONTEXT);
          inspectAttributes(noise, { ...UNKNOWN_CONTEXT, ribFamily: { afi, safi } });
          for (const known of [safi, 4, 5, 65, 70, 71, 73, 128, 132, 133, 134]) {
            expect(describeNlri(afi, known, noise, paths).length).toBeLessThanOrEqual(noise.length + 1);
          }
          describeNotification({ type: "notification", code: noise[0] ?? 6, subcode: noise[1] ?? 2, data: noise });
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("finds nothing wrong with a well-formed message", () => {
    fc.assert(
      fc.property(anyMessage, ({ message, context }) => {
        expect(inspectMessage(encodeMessage(message, context), { ...context, peer: "unknown" }).findings).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

/** The stream cut at these places. */
function chunks(stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length].sort((a, b) => a - b);
  return places.slice(1).map((end, i) => stream.slice(places[i], end));
}

function frame(pieces: readonly Uint8Array[]): string[] {
  const framer = new Framer();
  const seen: string[] = [];
  try {
    for (const piece of pieces) for (const whole of framer.push(piece)) seen.push(toHex(whole));
    seen.push(`${framer.buffered} wait`);
  } catch (error) {
    if (!(error instanceof NotificationError)) throw error;
    seen.push(`${error.code}/${error.subcode} ${toHex(error.data)} ${error.offset}`);
  }
  return seen;
}

test("any chunking gives the same messages and the same error", () => {
  const stream = fc
    .array(anything, { maxLength: 5 })
    .map((list) => Uint8Array.from(list.flatMap(({ octets }) => [...octets])));
  fc.assert(
    fc.property(stream, fc.array(fc.nat(), { maxLength: 20 }), (octets, cuts) => {
      const whole = frame([octets]);
      expect(frame(chunks(octets, cuts))).toEqual(whole);
      expect(frame([...octets].map((octet) => Uint8Array.of(octet)))).toEqual(whole);
    }),
    { numRuns: 300 },
  );
});

describe("hot-path twins", () => {
  test("walkPrefixes sees what decodeNlri sees", () => {
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .array(fc.constantFrom(0, 8, 16, 24, 32, 64, 128, 10, 255), { maxLength: 60 })
        .map((list) => Uint8Array.from(list)),
    );
    fc.assert(
      fc.property(octets, fc.constantFrom<Family>(4, 6), fc.boolean(), (noise, family, addPath) => {
        const plain: Nlri[] = [];
        const malformed = decodeNlri(new ByteReader(noise), family, addPath, plain);
        const walked: Nlri[] = [];
        let failed = false;
        try {
          walkPrefixes(noise, 0, noise.length, family, addPath, (w0, w1, w2, w3, length, pathId) => {
            const prefix = { family, w0, w1, w2, w3, length };
            walked.push(addPath ? { prefix, pathId } : { prefix });
          });
        } catch (error) {
          if (!(error instanceof ShortRead)) throw error;
          failed = true;
        }
        expect(walked).toEqual(plain);
        expect(failed).toBe(malformed !== undefined);
      }),
      { numRuns: 2000 },
    );
  });

  test("scanUpdate finds the parts that decodeUpdate reads", () => {
    fc.assert(
      fc.property(framedNoise, ({ octets, context }) => {
        if (octets[18] !== 2 || octets.length < 23) return;
        const parts = emptyParts();
        let found = true;
        try {
          scanUpdate(octets, parts);
        } catch (error) {
          expect(error).toMatchObject({ code: 3, subcode: 1 });
          found = false;
        }
        const result = attempt(octets, context);
        if (!found) expect(result).toMatchObject({ code: 3, subcode: 1 });
        else expect(parts.nlriEnd).toBe(octets.length);
      }),
    );
  });

  test("packed UPDATEs say what they were given, in order, and keep the limit", () => {
    const nlri = fc.array(fc.tuple(anyPrefix(4), anyU32), { maxLength: 300 });
    fc.assert(
      fc.property(nlri, fc.integer({ min: 100, max: 500 }), fc.boolean(), (list, max, addPath) => {
        const paths = new Set(addPath ? (["1/1"] as const) : []);
        const context: CodecContext = { ...DEFAULT_CONTEXT, addPathRx: paths, addPathTx: paths };
        const routes = list.map(([prefix, pathId]) => (addPath ? { prefix, pathId } : { prefix }));
        const attributes = {
          origin: 0,
          asPath: [],
          nextHop: { family: 4, w0: 0x0a00_0001, w1: 0, w2: 0, w3: 0 },
        } as const;
        const messages = [...packUpdates(attributes, routes, context, max)];
        expect(messages.every(({ length }) => length <= max)).toBe(true);
        expect(messages.flatMap((octets) => (decodeMessage(octets, context) as Update).announced)).toEqual(routes);
      }),
      { numRuns: 100 },
    );
  });
});
