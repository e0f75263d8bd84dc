/** The router id that is taken where the configuration names none: as bird 2.0.12 chose on the same addresses. */
import { describe, expect, test } from "vitest";
import type { Link } from "../../fib/index.ts";
import { formatDotted, parseAddress } from "../../protocol/wire/address.ts";
import { chooseRouterId, InterfaceTable } from "../../src/protocols/device.ts";

interface Row {
  readonly what: string;
  /** Interfaces in order of index; `(second)` is a secondary address, a name in parentheses is down. */
  readonly links: Readonly<Record<string, readonly string[]>>;
  readonly from?: string;
  readonly chosen: string | undefined;
}

const rows: readonly Row[] = [
  { what: "the only one", links: { eth0: ["10.90.0.1"] }, chosen: "10.90.0.1 eth0" },
  { what: "the lowest of all", links: { eth0: ["192.168.5.1"], eth1: ["172.16.0.1"] }, chosen: "172.16.0.1 eth1" },
  { what: "a loopback's own", links: { lo: ["127.0.0.1", "10.1.1.1"], eth0: ["10.90.0.1"] }, chosen: "10.1.1.1 lo" },
  { what: "nothing of 127/8", links: { lo: ["127.0.0.1", "127.1.0.1"] }, chosen: undefined },
  { what: "a link-local one, if lower", links: { eth0: ["169.254.3.3", "192.168.5.1"] }, chosen: "169.254.3.3 eth0" },
  { what: "no secondary", links: { eth0: ["10.90.0.1", "10.90.0.0 (second)"] }, chosen: "10.90.0.1 eth0" },
  { what: "nothing of a link that is down", links: { "(eth0)": ["10.90.0.1"] }, chosen: undefined },
  { what: "no IPv6", links: { eth0: ["fd00::1"] }, chosen: undefined },
  {
    what: "where the file says",
    links: { lo: ["10.1.1.1"], eth0: ["10.90.0.1"] },
    from: "eth*",
    chosen: "10.90.0.1 eth0",
  },
  { what: "nothing where the file says so", links: { eth0: ["10.90.0.1"] }, from: "lo", chosen: undefined },
];

describe("router id", () => {
  test.each(rows)("$what", ({ links, from, chosen }) => {
    const table = new InterfaceTable();
    const names = Object.keys(links);
    table.replace(
      names.map((name, i) => link(name, i + 1)),
      names.flatMap((name, i) => links[name]!.map((text) => address(text, i + 1))),
    );
    const found = chooseRouterId(table, from === undefined ? undefined : [{ name: from, negative: false }]);
    expect(found && `${formatDotted(found.id)} ${found.iface}`).toBe(chosen);
  });
});

function address(text: string, index: number) {
  const ip = parseAddress(text.replace(" (second)", ""))!;
  return { link: index, ip, length: 24, scope: 0, secondary: text.endsWith("(second)"), tentative: false };
}

function link(name: string, index: number): Link {
  const down = name.startsWith("(");
  return {
    index,
    name: name.replace(/[()]/g, ""),
    mtu: 1500,
    flags: 0,
    operState: 0,
    adminUp: !down,
    lowerUp: !down,
    loopback: name === "lo",
    pointToPoint: false,
    broadcast: true,
    multicast: true,
    noArp: false,
  };
}
