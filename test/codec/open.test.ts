/** robustness.md §2, as far as the octets alone tell; capabilities there and back. */
import { describe, expect, test } from "vitest";
import { type Capability, decodeCapability } from "../../protocol/codec/capability.ts";
import { CapabilityCode } from "../../protocol/codec/iana.ts";
import { inspectMessage } from "../../protocol/codec/inspect.ts";
import { decodeMessage, encodeMessage } from "../../protocol/codec/message.ts";
import type { Open } from "../../protocol/codec/open.ts";
import { EBGP, hex, message, outcome, toHex } from "./support.ts";

const FIXED = "04 fde9 005a 0a000001";
const open = (parameters: string, fixed = FIXED): Uint8Array => {
  const length = hex(parameters).length.toString(16).padStart(2, "0");
  return message(1, `${fixed} ${length} ${parameters}`);
};
const AS4 = "41 04 0000fde9";
/** A parameter of type 2 around capabilities. */
const caps = (octets: string): string => `02 ${hex(octets).length.toString(16).padStart(2, "0")} ${octets}`;

const OPENS: readonly [string, Uint8Array, string][] = [
  ["no optional parameters", open(""), "open"],
  ["version 3: data is 00 04 in network order", open("", "03 fde9 005a 0a000001"), "reset 2/1 0004"],
  ["version before everything else", open("07 00", "05 0000 0001 00000000"), "reset 2/1 0004"],
  ["AS 0", open("", "04 0000 005a 0a000001"), "reset 2/2 0000"],
  ["AS 0 in My AS, with the capability", open(caps(AS4), "04 0000 005a 0a000001"), "reset 2/2 0000fde9"],
  ["AS 0 in the capability", open(caps("41 04 00000000")), "reset 2/2 00000000"],
  ["AS_TRANS with the capability", open(caps("41 04 00011170"), "04 5ba0 005a 0a000001"), "open"],
  ["identifier 0.0.0.0", open("", "04 fde9 005a 00000000"), "reset 2/3"],
  ["identifier multicast", open("", "04 fde9 005a e0000001"), "open"],
  ["identifier 255.255.255.255", open("", "04 fde9 005a ffffffff"), "open"],
  ["hold time 0", open("", "04 fde9 0000 0a000001"), "open"],
  ["hold time 1", open("", "04 fde9 0001 0a000001"), "reset 2/6 0001"],
  ["hold time 2", open("", "04 fde9 0002 0a000001"), "reset 2/6 0002"],
  ["hold time 3", open("", "04 fde9 0003 0a000001"), "open"],
  ["parameters longer than the message", message(1, `${FIXED} 09 02 06 ${AS4}`), "reset 2/0"],
  ["parameters said, none there", message(1, `${FIXED} 08`), "reset 2/0"],
  ["octets behind the parameters are ignored", message(1, `${FIXED} 00 0000`), "open"],
  ["parameter longer than the rest", open("02 07 41 04 0000fde9"), "reset 2/0"],
  ["a lone type octet (CVE-2022-40318)", open(`${caps(AS4)} 02`), "reset 2/0"],
  ["parameter type 1, authentication", open("01 01 00"), "reset 2/4"],
  ["parameter type 7", open("07 00"), "reset 2/4"],
  ["parameter type 255, not the first", open(`${caps(AS4)} ff 00`), "reset 2/4"],
  ["capabilities parameter of length 0", open("02 00"), "open"],
  ["extended form", message(1, `${FIXED} ff ff 0009 02 0006 ${AS4}`), "open"],
  ["extended form, length octet not 255", message(1, `${FIXED} 01 ff 0009 02 0006 ${AS4}`), "open"],
  ["length octet 0 is not extended, whatever follows", message(1, `${FIXED} 00 ff 0009 02 0006 ${AS4}`), "open"],
  ["extended form, `ff ff` at the end (CVE-2022-40302)", message(1, `${FIXED} ff ff`), "reset 2/0"],
  ["extended form, `ff ff 00`", message(1, `${FIXED} ff ff 00`), "reset 2/0"],
  ["extended form longer than the rest", message(1, `${FIXED} ff ff 000a 02 0006 ${AS4}`), "reset 2/0"],
  ["extended parameter header cut", message(1, `${FIXED} ff ff 0002 02 00`), "reset 2/0"],
  ["capability longer than its parameter", open("02 06 41 05 0000fde9"), "reset 2/0"],
  ["capability of one octet", open("02 01 41"), "reset 2/0"],
  ["unknown capabilities 0, 99, 255", open(caps("00 00 63 02 abcd ff 01 00")), "open"],
  ["the same capability twice", open(caps(AS4) + caps(AS4)), "open"],
  ["multiprotocol of 3 octets is ignored", open(caps("01 03 000100")), "open"],
  ["four-octet AS of 3 octets is ignored", open(caps("41 03 000000")), "open"],
  ["add-path with mode 4 is ignored", open(caps("45 04 00010104")), "open"],
  ["FQDN whose lengths lie is ignored", open(caps("49 03 09 6161")), "open"],
  ["one role twice", open(caps("09 01 03 09 01 03")), "open"],
  ["two roles", open(caps("09 01 03 09 01 04")), "reset 2/11"],
];

describe("OPEN", () => {
  test.each(OPENS)("%s", (_, octets, expected) => {
    expect(outcome(octets)).toBe(expected);
    const [finding] = inspectMessage(octets).findings;
    const seen = finding
      ? `reset ${finding.code}/${finding.subcode} ${toHex(finding.data ?? new Uint8Array())}`.trim()
      : "open";
    expect(seen).toBe(expected); // the lens agrees with the session
  });

  test("what was readable stays readable", () => {
    const seen = inspectMessage(open("02 06 41 04 0000fde9 07 00", "03 0000 0001 00000000"));
    expect(seen.open?.version).toBe(3);
    expect(seen.open?.capabilities).toEqual([
      { code: 65, value: hex("0000fde9"), capability: { code: 65, asn: 65001 } },
    ]);
    expect(seen.findings.map(({ code, subcode, offset }) => `${code}/${subcode}@${offset}`)).toEqual([
      "2/1@19",
      "2/2@20",
      "2/6@22",
      "2/3@24",
      "2/4@37",
    ]);
  });

  test("malformed capabilities do not reach the session, but the lens", () => {
    const octets = open(caps(`${AS4} 01 03 000100`));
    expect((decodeMessage(octets, EBGP) as Open).capabilities).toEqual([{ code: 65, asn: 65001 }]);
    expect(inspectMessage(octets).open?.capabilities[1]).toEqual({ code: 1, value: hex("000100") });
  });

  test("capabilities of several parameters come in wire order", () => {
    const decoded = decodeMessage(open(caps(AS4) + caps("02 00 06 00")), EBGP) as Open;
    expect(decoded.capabilities.map(({ code }) => code)).toEqual([65, 2, 6]);
  });
});

/** Each capability, its octets on record. */
const CAPABILITIES: readonly [Capability, string][] = [
  [{ code: 1, afi: 2, safi: 1 }, "01 04 0002 00 01"],
  [{ code: 2 }, "02 00"],
  [{ code: 5, nextHops: [{ afi: 1, safi: 1, nextHopAfi: 2 }] }, "05 06 0001 0001 0002"],
  [{ code: 6 }, "06 00"],
  [{ code: 9, role: 3 }, "09 01 03"],
  [
    {
      code: 64,
      restartTime: 120,
      restartState: true,
      notification: true,
      families: [{ afi: 1, safi: 1, forwarding: true }],
    },
    "40 06 c078 0001 01 80",
  ],
  [{ code: 64, restartTime: 4095, restartState: false, notification: false, families: [] }, "40 02 0fff"],
  [{ code: 65, asn: 4_200_000_000 }, "41 04 fa56ea00"],
  [{ code: 69, families: [{ afi: 1, safi: 1, mode: 3 }] }, "45 04 0001 01 03"],
  [{ code: 70 }, "46 00"],
  [{ code: 71, families: [{ afi: 2, safi: 1, forwarding: false, staleTime: 86400 }] }, "47 07 0002 01 00 015180"],
  [{ code: 73, hostname: "rtr1", domain: "example" }, "49 0d 04 72747231 07 6578616d706c65"],
  [{ code: 75, version: "linnet 1" }, "4b 09 08 6c696e6e65742031"],
  [{ code: 99, value: hex("abcd") }, "63 02 abcd"],
];

describe("capabilities", () => {
  test.each(CAPABILITIES)("%o", (capability, wire) => {
    const octets = hex(wire);
    expect(decodeCapability(octets[0]!, octets.slice(2))).toEqual(capability);
    const sent = encodeMessage({ type: "open", myAs: 65001, holdTime: 90, bgpId: 1, capabilities: [capability] }, EBGP);
    expect(toHex(sent.subarray(31))).toBe(toHex(octets));
  });

  const WRONG: readonly [number, string][] = [
    [CapabilityCode.Multiprotocol, "0001 00"],
    [CapabilityCode.Multiprotocol, "0001 00 01 00"],
    [CapabilityCode.RouteRefresh, "00"],
    [CapabilityCode.ExtendedNextHop, "0001 0001 00"],
    [CapabilityCode.ExtendedMessage, "00"],
    [CapabilityCode.Role, ""],
    [CapabilityCode.GracefulRestart, "00"],
    [CapabilityCode.GracefulRestart, "0078 0001"],
    [CapabilityCode.FourOctetAs, "fde9"],
    [CapabilityCode.AddPath, "0001 01"],
    [CapabilityCode.AddPath, "0001 01 01 0002 01 00"],
    [CapabilityCode.EnhancedRouteRefresh, "00"],
    [CapabilityCode.LongLivedGracefulRestart, "0001 01 80"],
    [CapabilityCode.Fqdn, ""],
    [CapabilityCode.Fqdn, "ff 61"],
    [CapabilityCode.Fqdn, "01 61 01"],
    [CapabilityCode.Fqdn, "01 61 00 00"],
    [CapabilityCode.SoftwareVersion, "05 61"],
  ];
  test.each(WRONG)("%i of %s counts as not sent", (code, value) => {
    expect(decodeCapability(code, hex(value))).toBeUndefined();
  });

  test("more than 255 octets of them go into the extended form", () => {
    const capabilities = [1, 2].map((i) => ({ code: 200, value: new Uint8Array(200).fill(i) }) as const);
    const octets = encodeMessage({ type: "open", myAs: 1, holdTime: 9, bgpId: 1, capabilities }, EBGP);
    expect(toHex(octets.subarray(28, 35))).toBe(`ffff${(407).toString(16).padStart(4, "0")}020194`);
    expect((decodeMessage(octets, EBGP) as Open).capabilities).toEqual(capabilities);
  });

  test.each([
    [250, "plain"],
    [251, "plain"],
    [252, "extended"],
    [253, "extended"],
  ])("a capability value of %i octets makes the %s form", (length, form) => {
    const capabilities = [{ code: 200, value: new Uint8Array(length) }] as const;
    const octets = encodeMessage({ type: "open", myAs: 1, holdTime: 9, bgpId: 1, capabilities }, EBGP);
    expect(octets[29] === 255 ? "extended" : "plain").toBe(form);
    expect((decodeMessage(octets, EBGP) as Open).capabilities).toEqual(capabilities);
  });

  test("long host names are cut between characters", () => {
    const capabilities = [{ code: 73, hostname: "ä".repeat(200), domain: "x" }] as const;
    const octets = encodeMessage({ type: "open", myAs: 1, holdTime: 9, bgpId: 1, capabilities }, EBGP);
    expect((decodeMessage(octets, EBGP) as Open).capabilities).toEqual([
      { code: 73, hostname: "ä".repeat(126), domain: "x" },
    ]);
  });
});
