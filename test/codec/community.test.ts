import { describe, expect, test } from "vitest";
import {
  describeCommunity,
  describeExtCommunity,
  type ExtCommunity,
  formatCommunity,
  formatExtCommunity,
  formatIpv6ExtCommunity,
  formatLargeCommunity,
  isTransitive,
  joinExtCommunity,
  parseCommunity,
  parseExtCommunity,
  parseLargeCommunity,
  splitExtCommunity,
} from "../../protocol/codec/community.ts";
import { communityName, WellKnownCommunity } from "../../protocol/codec/iana.ts";
import { hex } from "./support.ts";

const ext = (hi: number, lo: number): ExtCommunity => ({ hi, lo });

test.each([
  ["0:0", 0],
  ["65000:1", 65000 * 65536 + 1],
  ["65535:65535", 0xffff_ffff],
])("standard: %s", (text, value) => {
  expect(formatCommunity(value)).toBe(text);
  expect(parseCommunity(text)).toBe(value);
});

test.each(["", "1", "1:2:3", "65536:1", "1:65536", "-1:2", "1: 2", "a:b", "99999999999:1"])(
  "no standard community: %s",
  (text) => {
    expect(parseCommunity(text)).toBeUndefined();
  },
);

test("well-known ones by name", () => {
  expect(Object.values(WellKnownCommunity).map(communityName)).not.toContain(undefined);
  expect(
    ["65535:666", "65535:0", "65535:65281", "65535:65282", "65535:65283", "65535:6", "1:1"].map((text) =>
      describeCommunity(parseCommunity(text)!),
    ),
  ).toEqual([
    "blackhole",
    "graceful-shutdown",
    "no-export",
    "no-advertise",
    "no-export-subconfed",
    "llgr-stale",
    "1:1",
  ]);
});

test("large", () => {
  const value = { global: 4_294_967_295, local1: 0, local2: 7 };
  expect(formatLargeCommunity(value)).toBe("4294967295:0:7");
  expect(parseLargeCommunity("4294967295:0:7")).toEqual(value);
  expect(parseLargeCommunity("4294967296:0:7")).toBeUndefined();
  expect(parseLargeCommunity("1:2")).toBeUndefined();
});

describe("extended", () => {
  test.each<[string, number, number]>([
    ["rt:65000:5", 0x0002_fde8, 5],
    ["ro:65000:4294967295", 0x0003_fde8, 0xffff_ffff],
    ["rt:192.0.2.1:7", 0x0102_c000, 0x0201_0007],
    ["rt:70000:7", 0x0202_0001, 0x1170_0007],
    ["ro:255.255.255.255:65535", 0x0103_ffff, 0xffff_ffff],
    ["generic:0x030b0000:0x00000064", 0x030b_0000, 100],
    ["generic:0xffffffff:0xffffffff", 0xffff_ffff, 0xffff_ffff],
  ])("%s", (text, hi, lo) => {
    expect(formatExtCommunity(ext(hi, lo))).toBe(text);
    expect(parseExtCommunity(text)).toEqual(ext(hi, lo));
  });

  test("non-transitive twins print alike", () => {
    expect(formatExtCommunity(ext(0x4002_fde8, 5))).toBe("rt:65000:5");
    expect([isTransitive(ext(0x4002_fde8, 5)), isTransitive(ext(0x0002_fde8, 5))]).toEqual([false, true]);
  });

  test.each([
    [0x0004_fde8, 5], // subtype
    [0x0302_0000, 5], // type
    [0x8002_fde8, 5],
  ])("no route target: %i", (hi, lo) => {
    expect(splitExtCommunity(ext(hi, lo))).toBeUndefined();
  });

  test.each(["rt:1", "rt:70000:65536", "rt:1.2.3.4:65536", "rt:4294967296:1", "rt:1.2.3:1", "generic:1:2", "foo:1:2"])(
    "no extended community: %s",
    (text) => {
      expect(parseExtCommunity(text)).toBeUndefined();
    },
  );

  test("parts there and back", () => {
    for (const parts of [
      { kind: "rt", form: "as2", global: 65000, local: 0xffff_ffff },
      { kind: "ro", form: "ipv4", global: 0xc000_0201, local: 9 },
      { kind: "rt", form: "as4", global: 4_200_000_000, local: 65535 },
    ] as const) {
      expect(splitExtCommunity(joinExtCommunity(parts))).toEqual(parts);
    }
  });

  test.each<[number, number, string]>([
    [0x030b_0000, 100, "color 100"],
    [0x030c_0000, 8, "encapsulation 8"],
    [0x4004_fde9, 0x4e95_02f9, "link-bandwidth AS65001 1250000000 B/s"],
    [0x4300_0000, 2, "origin-validation invalid"],
    [0x8006_0000, 0, "traffic-rate AS0 0 B/s"],
    [0x8009_0000, 46, "traffic-marking dscp 46"],
    [0x0600_0100, 3, "mac-mobility sticky 3"],
    [0x0603_0011, 0x2233_4455, "router-mac 00:11:22:33:44:55"],
    [0x0002_fde8, 5, "rt:65000:5"],
    [0x9999_0000, 1, "generic:0x99990000:0x00000001"],
  ])("%i:%i is %s to people", (hi, lo, text) => {
    expect(describeExtCommunity(ext(hi, lo))).toBe(text);
  });
});

describe("IPv6-address specific", () => {
  const ip = "20010db8000000000000000000000001";
  test.each([
    [`0002 ${ip} 0005`, "rt:[2001:db8::1]:5"],
    [`4003 ${ip} ffff`, "ro:[2001:db8::1]:65535"],
    [`000b ${ip} 0005`, `generic:0x000b${ip}0005`],
    [`0102 ${ip} 0005`, `generic:0x0102${ip}0005`],
    ["0002", "generic:0x0002"],
  ])("%s is %s", (octets, text) => {
    expect(formatIpv6ExtCommunity(hex(octets))).toBe(text);
  });
});
