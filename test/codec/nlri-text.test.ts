/** What stands in families that are carried as octets; vectors by hand from the RFCs. */
import { describe, expect, test } from "vitest";
import { describeNextHop, describeNlri } from "../../protocol/codec/nlri-text.ts";
import { hex } from "./support.ts";

const RD = "0000 fde9 00000001"; // 65001:1
const ESI = "00".repeat(10);

const NLRI: readonly [string, number, number, string, readonly string[]][] = [
  ["labelled unicast", 1, 4, "20 000641 0a 30 000651 0a0001", ["10.0.0.0/8 label 100", "10.0.1.0/24 label 101"]],
  ["two labels", 1, 4, "38 000640 000651 0a", ["10.0.0.0/8 label 100/101"]],
  ["withdrawn label", 1, 4, "20 800000 0a", ["10.0.0.0/8 label 524288"]],
  ["IPv6 labelled unicast", 2, 4, "38 000641 20010db8", ["2001:db8::/32 label 100"]],
  ["VPNv4", 1, 128, `70 000641 ${RD} c0a801`, ["65001:1 192.168.1.0/24 label 100"]],
  ["VPNv4, RD of an address", 1, 128, "58 000641 0001 c0000201 0007", ["192.0.2.1:7 0.0.0.0/0 label 100"]],
  [
    "VPNv6, RD of a four-octet AS",
    2,
    128,
    "78 000641 0002 00011170 0007 20010db8",
    ["70000:7 2001:db8::/32 label 100"],
  ],
  ["route target", 1, 132, "60 0000fde9 0002fde9 00000005 00", ["origin AS65001 rt:65001:5", "default"]],
  [
    "EVPN ethernet-ad",
    25,
    70,
    `01 19 ${RD} ${ESI} 00000000 000641`,
    [`evpn ethernet-ad 65001:1 esi ${"00:".repeat(9)}00 tag 0 label 100`],
  ],
  [
    "EVPN mac-ip",
    25,
    70,
    `02 25 ${RD} ${ESI} 00000000 30 001122334455 20 c0000201 000641`,
    [`evpn mac-ip 65001:1 esi ${"00:".repeat(9)}00 tag 0 00:11:22:33:44:55 192.0.2.1 label 100`],
  ],
  [
    "EVPN inclusive multicast",
    25,
    70,
    `03 11 ${RD} 00000007 20 c0000201`,
    ["evpn inclusive-multicast 65001:1 tag 7 192.0.2.1"],
  ],
  [
    "EVPN ethernet segment",
    25,
    70,
    `04 17 ${RD} ${ESI} 20 c0000201`,
    [`evpn ethernet-segment 65001:1 esi ${"00:".repeat(9)}00 192.0.2.1`],
  ],
  [
    "EVPN ip-prefix",
    25,
    70,
    `05 22 ${RD} ${ESI} 00000000 18 c0000200 00000000 000641`,
    [`evpn ip-prefix 65001:1 esi ${"00:".repeat(9)}00 tag 0 192.0.2.0/24 gateway 0.0.0.0 label 100`],
  ],
  ["EVPN of an unknown type", 25, 70, "0b 02 abcd", ["evpn type 11 abcd"]],
  ["VPLS", 25, 65, `0011 ${RD} 0001 0000 0008 000641`, ["vpls 65001:1 ve 1 offset 0 size 8 label 100"]],
  ["flowspec", 1, 133, "0d 01 18 c00002 03 81 06 05 03 50 c5 5a", ["dst 192.0.2.0/24 && proto =6 && dport >=80&<=90"]],
  ["flowspec, flags", 1, 133, "06 09 80 02 0c 81 04", ["tcp-flags 0x2 && fragment =0x4"]],
  ["flowspec, two values", 1, 133, "06 04 01 50 91 1f90", ["port =80|=8080"]],
  ["flowspec, long form of the length", 1, 133, "f003 03 81 11", ["proto =17"]],
  ["flowspec for IPv6", 2, 133, "07 01 20 00 20010db8", ["dst 2001:db8::/32"]],
  ["flowspec for IPv6 with an offset", 2, 133, "05 02 30 20 abcd", ["src bits 32-48 = abcd"]],
  ["VPN flowspec", 1, 134, `0b ${RD} 03 81 06`, ["65001:1 proto =6"]],
  ["link-state", 16388, 71, "0001 0002 abcd 0063 0000", ["link-state node abcd", "link-state type 99 "]],
  ["SR policy", 1, 73, "60 00000001 00000064 c0000201", ["sr-policy distinguisher 1 color 100 endpoint 192.0.2.1"]],
  ["multicast VPN", 1, 5, `01 0c ${RD} c0000201`, ["mvpn intra-as-i-pmsi 0000fde900000001c0000201"]],
  ["a family of which we know nothing", 77, 77, "abcd", ["abcd"]],
  ["nothing of it", 77, 77, "", []],
  ["cut in the second route", 1, 4, "20 000641 0a 30 000651", ["10.0.0.0/8 label 100", "? 30000651"]],
  ["a prefix shorter than its label", 1, 4, "08 00", ["? 0800"]],
  ["a prefix longer than its family", 1, 4, "50 000641 0a0a0a0a0a0a0a", ["? 500006410a0a0a0a0a0a0a"]],
  ["labels without a bottom", 1, 4, "18 000640", ["? 18000640"]],
  ["flowspec of an unknown component", 1, 133, "02 63 00", ["? 026300"]],
  ["flowspec without an end", 1, 133, "03 03 01 06", ["? 03030106"]],
];

describe("describeNlri", () => {
  test.each(NLRI)("%s", (_, afi, safi, octets, lines) => {
    expect(describeNlri(afi, safi, hex(octets))).toEqual(lines);
  });

  test("path ids", () => {
    expect(describeNlri(1, 4, hex("00000007 20 000641 0a"), true)).toEqual(["10.0.0.0/8 label 100 path 7"]);
  });
});

test.each([
  ["c0000201", "192.0.2.1"],
  ["0000000000000000 c0000201", "192.0.2.1"],
  ["20010db8000000000000000000000001", "2001:db8::1"],
  ["20010db8000000000000000000000001 fe800000000000000000000000000001", "2001:db8::1 fe80::1"],
  ["0000000000000000 20010db8000000000000000000000001", "2001:db8::1"],
  [
    `0000000000000000 20010db8000000000000000000000001 0000000000000000 fe80${"00".repeat(13)}01`,
    "2001:db8::1 fe80::1",
  ],
  ["c00002", "c00002"],
  ["", ""],
])("next hop %s", (octets, text) => {
  expect(describeNextHop(hex(octets))).toBe(text);
});
