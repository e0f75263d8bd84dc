/** robustness.md §1: the message header, in the Framer and in decodeMessage. */
import { describe, expect, test } from "vitest";
import { DEFAULT_CONTEXT } from "../../protocol/codec/capability.ts";
import { NotificationError } from "../../protocol/codec/error.ts";
import { encodeMessage, Framer, MAX_EXTENDED_LENGTH } from "../../protocol/codec/message.ts";
import { EBGP, hex, MARKER, message, outcome, toHex } from "./support.ts";

const KEEPALIVE = hex(`${MARKER} 0013 04`);
const zeros = (count: number): string => "00".repeat(count);
const WIDE = { ...DEFAULT_CONTEXT, extendedMessages: true };

/** What a framer makes of a stream: the messages before, then the NOTIFICATION or how much is still waited for. */
function framed(framer: Framer, chunks: readonly Uint8Array[]): string {
  const seen: string[] = [];
  try {
    for (const chunk of chunks) for (const whole of framer.push(chunk)) seen.push(`${whole[18]}:${whole.length}`);
    seen.push(`waits ${framer.buffered}`);
  } catch (error) {
    if (!(error instanceof NotificationError)) throw error;
    seen.push(`${error.code}/${error.subcode} ${toHex(error.data)}`.trim());
  }
  return seen.join(" ");
}

const HEADERS: readonly [string, string, string][] = [
  ["marker not all ones", `${"ff".repeat(15)}fe 0013 04`, "1/1"],
  ["marker wrong in the first octet: no need to wait for a header", "00", "1/1"],
  ["HTTP", "474554202f20485454502f312e310d0a0d0a", "1/1"],
  ["TLS", "1603010200010001fc0303", "1/1"],
  ["SSH", "5353482d322e302d4f70656e5353480d0a", "1/1"],
  ["zeros", zeros(19), "1/1"],
  ["marker before length", `${"ff".repeat(15)}00 0000 09`, "1/1"],
  ["length 0", `${MARKER} 0000 04`, "1/2 0000"],
  ["length 18", `${MARKER} 0012 04`, "1/2 0012"],
  ["length before type", `${MARKER} 0012 09`, "1/2 0012"],
  ["length above 4096, before its body is there", `${MARKER} 1001 02`, "1/2 1001"],
  ["length above 4096 of an unknown type", `${MARKER} 1001 09`, "1/2 1001"],
  ["OPEN of 28", `${MARKER} 001c 01`, "1/2 001c"],
  ["OPEN of 29 waits for its body", `${MARKER} 001d 01`, "waits 19"],
  ["UPDATE of 22", `${MARKER} 0016 02`, "1/2 0016"],
  ["NOTIFICATION of 20", `${MARKER} 0014 03`, "1/2 0014"],
  ["KEEPALIVE of 20", `${MARKER} 0014 04`, "1/2 0014"],
  ["ROUTE-REFRESH too short for a subtype", `${MARKER} 0015 05`, "1/2 0015"],
  ["type 0", `${MARKER} 0013 00`, "1/3 00"],
  ["type 6, the dynamic capability of CVE-2022-37032", `${MARKER} 0017 06 00000000`, "1/3 06"],
  ["type 255", `${MARKER} 0013 ff`, "1/3 ff"],
  [
    "a good one, then a bad one: nothing behind it is read",
    `${toHex(KEEPALIVE)} ${MARKER} 0013 07 ${toHex(KEEPALIVE)}`,
    "4:19 1/3 07",
  ],
];

describe("Framer", () => {
  test.each(HEADERS)("%s", (_, octets, expected) => {
    expect(framed(new Framer(), [hex(octets)])).toBe(expected);
    // The same whatever the segments are.
    expect(
      framed(
        new Framer(),
        [...hex(octets)].map((octet) => Uint8Array.of(octet)),
      ),
    ).toBe(expected);
  });

  test("announced extended messages lift the limit of UPDATE, NOTIFICATION and ROUTE-REFRESH only", () => {
    const framer = (): Framer => new Framer(MAX_EXTENDED_LENGTH);
    expect(framed(framer(), [hex(`${MARKER} ffff 02`)])).toBe("waits 19");
    expect(framed(framer(), [hex(`${MARKER} 1001 03`)])).toBe("waits 19");
    expect(framed(framer(), [hex(`${MARKER} 1001 01`)])).toBe("1/2 1001");
    expect(framed(framer(), [hex(`${MARKER} 1001 04`)])).toBe("1/2 1001");
  });

  test("a message of 65535 octets in pieces", () => {
    const long = hex(`${MARKER} ffff 02 ${zeros(65535 - 19)}`);
    const chunks = Array.from({ length: 66 }, (_, i) => long.subarray(i * 1000, i * 1000 + 1000));
    expect(framed(new Framer(MAX_EXTENDED_LENGTH), chunks)).toBe("2:65535 waits 0");
  });

  test("setLimit counts from the next header on", () => {
    const framer = new Framer();
    const long = hex(`${MARKER} 1100 02 ${zeros(0x1100 - 19)}`);
    const lengths: number[] = [];
    for (const whole of framer.push(Uint8Array.of(...KEEPALIVE, ...long))) {
      lengths.push(whole.length);
      framer.setLimit(MAX_EXTENDED_LENGTH);
    }
    expect(lengths).toEqual([19, 0x1100]);
  });

  test("is dead after an error: good octets are not read either", () => {
    const framer = new Framer();
    expect(framed(framer, [hex("00")])).toBe("1/1");
    expect(framed(framer, [KEEPALIVE])).toBe("1/1");
    expect(framed(framer, [new Uint8Array(0)])).toBe("1/1");
  });

  test("messages that are kept do not change when more comes", () => {
    const framer = new Framer();
    const one = [...framer.push(message(3, "06 02").subarray(0, 20)), ...framer.push(message(3, "06 02").subarray(20))];
    const two = [...framer.push(message(3, "06 04").subarray(0, 20)), ...framer.push(message(3, "06 04").subarray(20))];
    expect([...one, ...two].map(toHex)).toEqual([toHex(message(3, "06 02")), toHex(message(3, "06 04"))]);
  });
});

describe("decodeMessage", () => {
  test.each<[string, Uint8Array, string]>([
    ["fewer octets than a header", hex(`${MARKER} 0013`), "reset 1/2 0013"],
    ["nothing", new Uint8Array(0), "reset 1/2"],
    ["fewer octets than it says", hex(`${MARKER} 0017 02 0000`), "reset 1/2 0017"],
    ["more octets than it says", hex(`${MARKER} 0013 04 00`), "reset 1/2 0013"],
    ["ROUTE-REFRESH of 22", message(5, "0001 00"), "reset 1/2 0016"],
    ["ROUTE-REFRESH of 24, subtype 0: ORF was not negotiated", message(5, "0001 00 01 00"), "reset 1/2 0018"],
    ["BoRR of 24", message(5, "0001 01 01 00"), `reset 7/1 ${toHex(message(5, "0001 01 01 00"))}`],
    ["EoRR of 22", message(5, "0001 02"), `reset 7/1 ${toHex(message(5, "0001 02"))}`],
    ["ROUTE-REFRESH of an unknown subtype and 24", message(5, "0001 03 01 00"), "reset 1/2 0018"],
    ["ROUTE-REFRESH", message(5, "0001 00 01"), "route-refresh"],
    ["KEEPALIVE", KEEPALIVE, "keepalive"],
    ["NOTIFICATION without data", message(3, "06 02"), "notification"],
  ])("%s", (_, octets, expected) => {
    expect(outcome(octets)).toBe(expected);
  });

  test("BoRR of a wrong length from a peer without enhanced refresh is a bad message length", () => {
    const octets = message(5, "0001 01 01 00");
    expect(outcome(octets, { ...EBGP, enhancedRefresh: false })).toBe("reset 1/2 0018");
    expect(outcome(octets, { ...EBGP, enhancedRefresh: true })).toBe(`reset 7/1 ${toHex(octets)}`);
  });

  test("a long UPDATE: refused, negotiated, or announced by us alone (RFC 8654 §4)", () => {
    const octets = message(2, `${(5000).toString(16).padStart(4, "0")} ${zeros(5000)} 0000`);
    expect(outcome(octets, EBGP)).toBe("reset 1/2 139f");
    expect(outcome(octets, WIDE)).toBe("fine");
    expect(outcome(octets, { ...EBGP, acceptExtended: true })).toBe("fine");
  });
});

describe("encodeMessage", () => {
  const long = { type: "notification", code: 3, subcode: 9, data: new Uint8Array(70000) } as const;
  test("cuts the data of a NOTIFICATION to the peer's limit", () => {
    expect(encodeMessage(long, EBGP).length).toBe(4096);
    expect(encodeMessage(long, WIDE).length).toBe(65535);
  });

  test("refuses an OPEN above 4096 octets, extended messages or not (RFC 8654 §4)", () => {
    const capabilities = Array.from({ length: 20 }, () => ({ code: 200, value: new Uint8Array(255) }) as const);
    const open = { type: "open", myAs: 1, holdTime: 90, bgpId: 1, capabilities } as const;
    expect(() => encodeMessage(open, WIDE)).toThrow(RangeError);
  });
});
