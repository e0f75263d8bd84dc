import { describe, expect, test } from "vitest";
import type { Link, LinkAddress } from "../../fib/index.ts";
import { parseAddress } from "../../protocol/wire/address.ts";
import { InterfaceTable } from "../../src/protocols/device.ts";
import { findNeighbor, isUsable } from "../../src/protocols/neighbor.ts";

const link = (index: number, name: string, over: Partial<Link> = {}): Link => ({
  index,
  name,
  mtu: 1500,
  flags: 0,
  operState: 6,
  adminUp: true,
  lowerUp: true,
  loopback: false,
  pointToPoint: false,
  broadcast: true,
  multicast: true,
  noArp: false,
  ...over,
});

const address = (on: number, ip: string, length: number, peer?: string): LinkAddress => ({
  link: on,
  ip: parseAddress(ip)!,
  length,
  scope: 0,
  secondary: false,
  tentative: false,
  ...(peer ? { peer: parseAddress(peer)! } : {}),
});

const table = new InterfaceTable();
table.replace(
  [link(2, "eth0"), link(3, "down0", { adminUp: false }), link(4, "ptp0"), link(5, "host0")],
  [
    address(2, "10.0.0.10", 24),
    address(2, "fd00::10", 64),
    address(3, "10.3.0.1", 24),
    address(4, "10.7.0.1", 32, "10.8.0.1"),
    address(5, "10.128.0.10", 32),
    address(5, "10.9.0.0", 31),
  ],
);

describe("findNeighbor", () => {
  test.each([
    ["10.0.0.1", "eth0", false],
    ["10.0.0.10", "eth0", true],
    ["10.0.0.0", undefined, false], // the subnet's own address
    ["10.0.0.255", undefined, false], // its broadcast address
    ["10.3.0.2", undefined, false], // the interface is down
    ["10.8.0.1", "ptp0", false],
    ["10.7.0.2", undefined, false],
    ["10.128.0.201", undefined, false], // a NIC with a /32 has nobody on-link
    ["10.9.0.1", "host0", false], // RFC 3021
    ["fd00::1", "eth0", false],
    ["fd01::1", undefined, false],
  ])("%s is on %s", (ip, name, own) => {
    const found = findNeighbor(table, parseAddress(ip)!);
    expect(found?.iface.name).toBe(name);
    if (name) expect(found?.own).toBe(own);
  });

  test("an interface given rules out the others", () => {
    expect(findNeighbor(table, parseAddress("10.0.0.1")!, "ptp0")).toBeUndefined();
    expect(findNeighbor(table, parseAddress("10.0.0.1")!, "eth0")?.iface.index).toBe(2);
  });
});

test("check link takes UNKNOWN as up, and a missing carrier as down", () => {
  const view = (over: Partial<Link>) => {
    const one = new InterfaceTable();
    one.replace([link(9, "tun0", over)], []);
    return one.byName("tun0");
  };
  expect(isUsable(view({ operState: 0, lowerUp: false }), true)).toBe(true);
  expect(isUsable(view({ operState: 2, lowerUp: false }), true)).toBe(false);
  expect(isUsable(view({ operState: 2, lowerUp: false }), false)).toBe(true);
  expect(isUsable(view({ adminUp: false }), false)).toBe(false);
  expect(isUsable(undefined, false)).toBe(false);
});

describe("the interface table", () => {
  test("tells of real differences only, and of a rename as of both names", () => {
    const one = new InterfaceTable();
    const heard: string[] = [];
    one.onChange((change) => heard.push(`${change.type} ${change.name}`));
    one.apply({ type: "link", link: link(7, "tun0") });
    one.apply({ type: "link", link: link(7, "tun0") });
    one.apply({ type: "address", address: address(7, "100.64.0.1", 32) });
    one.apply({ type: "link", link: link(7, "tailscale0") });
    one.apply({ type: "link-gone", index: 7, name: "tailscale0" });
    expect(heard).toEqual(["changed tun0", "changed tun0", "removed tun0", "changed tailscale0", "removed tailscale0"]);
    expect(one.list()).toEqual([]);
  });

  test("the same name under another index replaces the old one", () => {
    const one = new InterfaceTable();
    one.apply({ type: "link", link: link(7, "tun0") });
    one.apply({ type: "link", link: link(8, "tun0") });
    one.apply({ type: "link-gone", index: 7, name: "tun0" });
    expect(one.byName("tun0")?.index).toBe(8);
  });
});
