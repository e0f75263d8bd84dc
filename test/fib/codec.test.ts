/** Octets as Linux 6.18 sent them, and noise. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RtnetlinkKernel } from "../../fib/kernel.ts";
import { MessageCursor, NetlinkWriter } from "../../fib/netlink.ts";
import { decodeRoute, encodeChange, encodeRoute } from "../../fib/route-message.ts";
import { decodeAddress, decodeLink, encodeLink } from "../../fib/rtnetlink.ts";
import type { DatagramHandlers, DatagramSocket, Transport } from "../../fib/transport.ts";
import type { KernelRoute, Link, LinkAddress } from "../../fib/types.ts";
import { ip, ours, prefix, via, wanted } from "./support.ts";

const ADDRESSES: readonly [string, string, LinkAddress][] = [
  [
    "a TUN's",
    "540000001400020002000000d56300080220800002000000080001006440000108000200644000010f0003007461696c7363616c65300000080008008000000014000600ffffffffffffffff3831080038310800",
    { link: 2, ip: ip("100.64.0.1"), length: 32, scope: 0, secondary: false, tentative: false, label: "tailscale0" },
  ],
  [
    "an Ethernet's with broadcast",
    "580000001400020002000000d5630008021880000400000008000100c000020108000200c000020108000400c00002ff090003006574683000000000080008008000000014000600ffffffffffffffff3f3108003f310800",
    {
      link: 4,
      ip: ip("192.0.2.1"),
      length: 24,
      scope: 0,
      secondary: false,
      tentative: false,
      broadcast: ip("192.0.2.255"),
      label: "eth0",
    },
  ],
  [
    "a link-local one that is still looked for (DAD)",
    "500000001400020002000000d56300080a40c0fd0300000014000100fe80000000000000b87000fffe05d24114000600ffffffffffffffff3e3108003e31080008000800c000000005000b0003000000",
    { link: 3, ip: ip("fe80::b870:ff:fe05:d241"), length: 64, scope: 253, secondary: false, tentative: true },
  ],
];

const ROUTES: readonly [string, string, KernelRoute][] = [
  [
    "multipath by IPv4 and IPv6, with a locked MTU, in table 1000",
    "840000001800220003000000d563000802080000fc0c00010000000008000f00e8030000080001000a00000008000600200000001c0008000800010004000000080002007805000008000b001400000034000900100000020400000008000500c00002082000040004000000160012000a0020010db80000000000000000000000090000",
    ours(
      wanted("10.0.0.0/8", {
        kind: "unicast",
        scope: 0,
        mtu: 1400,
        metrics: { lock: 4, initcwnd: 20 },
        nextHops: [
          { gateway: ip("192.0.2.8"), link: 4, weight: 3 },
          { gateway: ip("2001:db8::9"), link: 4, onlink: true },
        ],
      }),
      { table: 1000 },
    ),
  ],
  [
    "an IPv6 sink, told with the loopback link",
    "740000001800220004000000d56300080a300000fe0c00070000000008000f00fe0000001400010020010db80001000000000000000000000800060000040000080004000100000024000c0000000000000000000000000000000000000000000000000000000000000000000500140000000000",
    ours(wanted("2001:db8:1::/48", { kind: "unreachable", metric: 1024 })),
  ],
];

describe("on record", () => {
  test.each(ADDRESSES)("the address %s", (_, octets, address) => {
    expect(decodeAddress(cursor(octets))).toEqual(address);
  });

  test.each(ROUTES)("the route %s", (_, octets, route) => {
    expect(decodeRoute(cursor(octets))).toEqual(route);
  });

  test("a request as `ip route add` makes it", () => {
    const w = new NetlinkWriter();
    encodeChange(w, { op: "install", route: ours(via("198.51.100.0/24", "192.0.2.9")) }, 7);
    w.addFlags(4);
    const header = "3c000000 1800 0506 07000000 00000000";
    const route = "02 18 00 00 fe 0c 00 01 00000000";
    const attributes = "0800 0f00 fe000000  0800 0100 c6336400  0800 0600 20000000  0800 0500 c0000209";
    expect(Buffer.from(w.take()).toString("hex")).toBe(`${header}${route}${attributes}`.replaceAll(" ", ""));
  });

  test("a deletion names the key and the protocol, and nothing that others may have changed", () => {
    const w = new NetlinkWriter();
    encodeChange(w, { op: "delete", route: ours(via("198.51.100.0/24", "192.0.2.9")) }, 7);
    const expected =
      "34000000 1900 0100 07000000 00000000  02 18 00 00 fe 0c ff 00 00000000  0800 0f00 fe000000  0800 0100 c6336400  0800 0600 20000000";
    expect(Buffer.from(w.take()).toString("hex")).toBe(expected.replaceAll(" ", ""));
  });
});

test("a bridge's word about its port and a wireless event are not the link's own", () => {
  const link: Link = {
    index: 3,
    name: "eth0",
    mtu: 1500,
    flags: 0x1043,
    operState: 6,
    adminUp: true,
    lowerUp: false,
    loopback: false,
    pointToPoint: false,
    broadcast: true,
    multicast: true,
    noArp: false,
    kind: "veth",
    master: 9,
    mac: "02:00:00:00:00:01",
  };
  const w = new NetlinkWriter();
  encodeLink(w.begin(16, 0, 0), link);
  const octets = w.end().take().slice();
  expect(decodeLink(first(octets))).toEqual(link);
  octets[16] = 7; // AF_BRIDGE
  expect(decodeLink(first(octets))).toBeUndefined();
  encodeLink(w.begin(16, 0, 0), link);
  w.attrU32(11, 0);
  expect(decodeLink(first(w.end().take()))).toBeUndefined();
});

const anyRoute: fc.Arbitrary<KernelRoute> = fc
  .record({
    octets: fc.array(fc.nat(255), { minLength: 2, maxLength: 2 }),
    table: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    protocol: fc.nat(255),
    metric: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    scope: fc.nat(255),
    hops: fc.array(
      fc.record({
        link: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        weight: fc.integer({ min: 2, max: 256 }),
        six: fc.boolean(),
      }),
      { minLength: 2, maxLength: 20 },
    ),
    mtu: fc.nat(65_535),
  })
  .map(({ octets, hops, ...rest }) => ({
    prefix: prefix(`10.${octets.join(".")}.0/24`),
    kind: "unicast" as const,
    nextHops: hops.map(({ link, weight, six }) => ({ gateway: ip(six ? "fe80::1" : "192.0.2.1"), link, weight })),
    ...rest,
  }));

test("decode undoes encode", () => {
  fc.assert(
    fc.property(anyRoute, (route) => {
      const w = new NetlinkWriter(16);
      encodeRoute(w.begin(24, 0, 1), route);
      expect(decodeRoute(first(w.end().take()))).toEqual(route);
    }),
  );
});

test("noise is no message, and nothing is read outside of it", () => {
  const header = fc.tuple(fc.constantFrom(16, 20, 24), fc.uint8Array({ maxLength: 200 }));
  fc.assert(
    fc.property(header, ([type, payload]) => {
      const w = new NetlinkWriter();
      const octets = w.begin(type, 0, 0).bytes(payload).end().take().slice();
      for (const decode of [decodeLink, decodeAddress, decodeRoute]) decode(first(octets));
    }),
  );
});

test("noise from the kernel disturbs nothing", async () => {
  const sockets: DatagramHandlers[] = [];
  const kernel = new RtnetlinkKernel(silent(sockets));
  const heard: unknown[] = [];
  await kernel.watch({ routes: true }, (event) => heard.push(event));
  void kernel.links().catch(() => undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
      for (const socket of sockets) socket.receive(noise);
    }),
  );
  expect(heard).toEqual([]);
  await kernel.close();
});

test("without koffi there are links and addresses, no route events, and a word about it", async () => {
  const sockets: DatagramHandlers[] = [];
  const groups: number[] = [];
  const kernel = new RtnetlinkKernel(silent(sockets, { safe: false, join: (group) => groups.push(group) }));
  expect(kernel.limits).toEqual([expect.stringContaining("koffi")]);
  expect((await kernel.watch({ routes: true }, () => undefined)).routes).toBe(false);
  expect(groups).toEqual([1, 5, 9]);
  await kernel.close();
});

test("a socket that fails takes its questions with it; another one takes its place", async () => {
  const sockets: DatagramHandlers[] = [];
  const kernel = new RtnetlinkKernel(silent(sockets));
  await kernel.watch({ routes: true }, () => undefined);
  const question = kernel.links();
  await Promise.resolve();
  sockets[0]?.fail(new Error("gone"));
  await expect(question).rejects.toThrow("gone");
  expect(sockets).toHaveLength(3);
  sockets[1]?.fail(new Error("gone too"));
  expect(sockets).toHaveLength(4);
  await kernel.close();
  await expect(kernel.links()).rejects.toMatchObject({ code: "EPIPE" });
});

/** A kernel that never answers. */
function silent(sockets: DatagramHandlers[], change: Partial<DatagramSocket> = {}): Transport {
  const nothing = (): void => undefined;
  return {
    open: (handlers) => {
      sockets.push(handlers);
      return {
        port: 1000 + sockets.length,
        safe: true,
        send: nothing,
        sendBulk: nothing,
        join: nothing,
        leave: nothing,
        drops: () => 0,
        ignorePort: nothing,
        close: nothing,
        ...change,
      };
    },
  };
}

function cursor(octets: string): MessageCursor {
  return first(Uint8Array.from(Buffer.from(octets, "hex")));
}

function first(octets: Uint8Array): MessageCursor {
  const m = new MessageCursor(octets);
  expect(m.next()).toBe(true);
  return m;
}
