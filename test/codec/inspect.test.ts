/** The lens on attribute lists without a message. */
import { describe, expect, test } from "vitest";
import type { CodecContext } from "../../protocol/codec/capability.ts";
import { inspectAttributes, inspectMessage, UNKNOWN_CONTEXT } from "../../protocol/codec/inspect.ts";
import { parseAddress } from "../../protocol/wire/address.ts";
import { attribute, hex, MARKER, ORIGIN, toHex } from "./support.ts";

describe("MRT RIB entries (RFC 6396 §4.3.4)", () => {
  const context: CodecContext = { ...UNKNOWN_CONTEXT, ribFamily: { afi: 2, safi: 1 } };
  const nextHop = "20010db8000000000000000000000001";
  test.each([
    ["the next hop alone", attribute(0x80, 14, `10 ${nextHop}`)],
    ["the whole attribute, as some write it", attribute(0x80, 14, `0002 01 10 ${nextHop} 00`)],
  ])("%s", (_, octets) => {
    const seen = inspectAttributes(hex(ORIGIN + octets), context);
    expect(seen.findings).toEqual([]);
    expect(seen.attributes.mpReach).toEqual({ afi: 2, safi: 1, nextHops: [parseAddress("2001:db8::1")], nlri: [] });
  });

  test("a next hop of a wrong length", () => {
    const [finding] = inspectAttributes(hex(attribute(0x80, 14, "05 2001000000")), context).findings;
    expect(finding).toMatchObject({ code: 3, subcode: 9, action: "session-reset", offset: 3 });
  });

  test("of a family that is not decoded", () => {
    const vpn: CodecContext = { ...context, ribFamily: { afi: 1, safi: 128 } };
    const { mpReach } = inspectAttributes(hex(attribute(0x80, 14, "0c 0000000000000000c0000201")), vpn).attributes;
    expect(toHex(mpReach?.raw?.nextHop ?? hex(""))).toBe("0000000000000000c0000201");
  });
});

describe("less than a message", () => {
  test.each<[string, string, object]>([
    ["no length field", MARKER, { code: 1, subcode: 2, offset: 16 }],
    ["a length field, no type", `${MARKER} 0013`, { code: 1, subcode: 2, data: hex("0013") }],
    ["fewer octets than the length says", `${MARKER} 0017 02 00`, { code: 1, subcode: 2, data: hex("0017") }],
  ])("%s", (_, octets, finding) => {
    expect(inspectMessage(hex(octets)).findings).toMatchObject([finding]);
  });

  test("the header is read where it is there", () => {
    expect(inspectMessage(hex(`${MARKER} 0017 02 00`))).toMatchObject({ type: "UPDATE", typeCode: 2, length: 23 });
    expect(inspectMessage(hex(`${MARKER} 0013 63`))).toMatchObject({ type: "UNKNOWN", typeCode: 99, length: 19 });
    expect(inspectMessage(hex(MARKER)).type).toBeUndefined();
  });

  test("a ROUTE-REFRESH of an odd length still says what it is about", () => {
    const seen = inspectMessage(hex(`${MARKER} 0018 05 0002 00 01 00`));
    expect(seen.routeRefresh).toMatchObject({ afi: 2, safi: 1, subtype: 0 });
    expect(seen.findings).toMatchObject([{ code: 1, subcode: 2, action: "session-reset" }]);
  });
});
