/** Many routes in few messages, none above the limit. */
import { describe, expect, test, vi } from "vitest";
import type { PathAttributes } from "../../protocol/codec/attribute.ts";
import type { CodecContext } from "../../protocol/codec/capability.ts";
import { decodeMessage } from "../../protocol/codec/message.ts";
import type { Nlri } from "../../protocol/codec/nlri.ts";
import { packUpdates, packWithdrawals } from "../../protocol/codec/pack.ts";
import type { Update } from "../../protocol/codec/update.ts";
import { ipv4, ipv6, parseAddress, prefixOf } from "../../protocol/wire/address.ts";
import { EBGP, IBGP, PATHS } from "./support.ts";

vi.setConfig({ testTimeout: 60_000 }); // a busy machine is slow, not wrong

const base: PathAttributes = { origin: 0, asPath: [{ type: 2, asns: [65001] }] };
const v4: PathAttributes = { ...base, nextHop: parseAddress("192.0.2.1")! };
const v6: PathAttributes = {
  ...base,
  mpReach: { afi: 2, safi: 1, nextHops: [parseAddress("2001:db8::1")!], nlri: [] },
};
const nets4 = (count: number): Nlri[] =>
  Array.from({ length: count }, (_, i) => ({ prefix: prefixOf(ipv4(0x0a00_0000 + i * 256), 24) }));
const nets6 = (count: number): Nlri[] =>
  Array.from({ length: count }, (_, i) => ({ prefix: prefixOf(ipv6(0x2001_0db8, i, 0, 0), 64) }));
const decode = (messages: Iterable<Uint8Array>, context: CodecContext): Update[] =>
  Array.from(messages, (octets) => decodeMessage(octets, context) as Update);

/** Every message but the last is so full that not one more of the longest prefixes would fit. */
function expectFull(messages: readonly Uint8Array[], max: number, longest: number): void {
  for (const { length } of messages) expect(length).toBeLessThanOrEqual(max);
  for (const { length } of messages.slice(0, -1)) expect(length).toBeGreaterThan(max - longest);
}

/** Attributes that leave so many octets of a message for prefixes. */
function filled(room: number): PathAttributes {
  // 23 octets of header and lengths, 20 of mandatory attributes, 4 of the opaque one's own header.
  const value = new Uint8Array(4096 - 23 - 20 - 4 - room);
  return { ...v4, unknown: [{ code: 99, flags: 0xc0, value }] };
}

describe("packUpdates", () => {
  test.each([4096, 65535])("IPv4, up to %i octets", (max) => {
    const nlri = nets4(20_000);
    const messages = [...packUpdates(v4, nlri, { ...EBGP, extendedMessages: true }, max)];
    expectFull(messages, max, 4);
    const updates = decode(messages, { ...EBGP, extendedMessages: true });
    expect(updates.flatMap(({ announced }) => announced)).toEqual(nlri);
    expect(new Set(updates.map(({ attributes }) => JSON.stringify(attributes))).size).toBe(1);
    expect(updates[0]!.attributes).toEqual(v4);
  });

  test.each([4096, 65535])("IPv6, up to %i octets", (max) => {
    const nlri = nets6(20_000);
    const messages = [...packUpdates(v6, nlri, { ...EBGP, extendedMessages: true }, max)];
    expectFull(messages, max, 9);
    const updates = decode(messages, { ...EBGP, extendedMessages: true });
    expect(updates.flatMap(({ attributes }) => attributes.mpReach?.nlri ?? [])).toEqual(nlri);
    expect(updates.every(({ faults }) => faults.length === 0)).toBe(true);
  });

  test("path ids are sent where they were negotiated", () => {
    const nlri: Nlri[] = nets4(5).map((net, i) => ({ ...net, pathId: i + 1 }));
    expect(decode(packUpdates(v4, nlri, PATHS), PATHS)[0]!.announced).toEqual(nlri);
  });

  test("NEXT_HOP is left out beside MP_REACH, MP_UNREACH is never taken along", () => {
    const [update] = decode(
      packUpdates({ ...v6, nextHop: ipv4(1), mpUnreach: { afi: 2, safi: 1, nlri: nets6(1) } }, nets6(1), EBGP),
      EBGP,
    );
    expect(Object.keys(update!.attributes)).toEqual(["mpReach", "origin", "asPath"]);
  });

  test("nothing for nothing", () => {
    expect([...packUpdates(v4, [], EBGP)]).toEqual([]);
  });

  test("the default limit is the session's", () => {
    expect([...packUpdates(v4, nets4(2000), EBGP)].every(({ length }) => length <= 4096)).toBe(true);
    expect([...packUpdates(v4, nets4(2000), { ...EBGP, extendedMessages: true })]).toHaveLength(1);
  });

  test("attributes that leave no room: the prefixes are named, nothing is cut (RFC 8654 §5)", () => {
    const heavy = filled(4);
    const short = { prefix: prefixOf(ipv4(0x0a00_0000), 8) };
    const long = { prefix: prefixOf(ipv4(0x0a00_0001), 32) };
    const unfit: Nlri[] = [];
    const messages = [...packUpdates(heavy, [long, short, long, short], EBGP, 4096, (nlri) => unfit.push(nlri))];
    expect(unfit).toEqual([long, long]);
    expect(decode(messages, EBGP).flatMap(({ announced }) => announced)).toEqual([short, short]);
    expect(() => [...packUpdates(heavy, [long], EBGP)]).toThrow(RangeError);
  });

  test("exactly the last octet is used", () => {
    const net = { prefix: prefixOf(ipv4(0x0a00_0000), 24) };
    const [octets] = packUpdates(filled(4), [net], EBGP);
    expect(octets!.length).toBe(4096);
    expect(() => [...packUpdates(filled(3), [net], EBGP)]).toThrow(RangeError);
  });

  test("to a two-octet peer", () => {
    const old = { ...IBGP, as4: false };
    const asPath = [{ type: 2, asns: [70000] }] as const;
    const [update] = decode(packUpdates({ ...v4, asPath }, nets4(1), old), old);
    expect(update!.attributes.asPath).toEqual(asPath);
  });
});

describe("packWithdrawals", () => {
  test("IPv4", () => {
    const nlri = nets4(5000);
    const messages = [...packWithdrawals(1, 1, nlri, EBGP)];
    expectFull(messages, 4096, 4);
    expect(decode(messages, EBGP).flatMap(({ withdrawn }) => withdrawn)).toEqual(nlri);
  });

  test("IPv6, with path ids", () => {
    const nlri = nets6(5000).map((net) => ({ ...net, pathId: 7 }));
    const messages = [...packWithdrawals(2, 1, nlri, PATHS)];
    expectFull(messages, 4096, 13);
    expect(decode(messages, PATHS).flatMap(({ attributes }) => attributes.mpUnreach?.nlri ?? [])).toEqual(nlri);
  });

  test("IPv4 multicast goes by MP_UNREACH", () => {
    const [update] = decode(packWithdrawals(1, 2, nets4(1), EBGP), EBGP);
    expect(update!.attributes.mpUnreach).toEqual({ afi: 1, safi: 2, nlri: nets4(1) });
  });
});
