/** The same segment below every kind of link, tag and tunnel that is read. */
import { ethernet, type IpFields, ipv4, ipv6, join, KEEPALIVE, tcp, u16, u32 } from "./support.ts";

export interface Sample {
  readonly name: string;
  readonly linkType: number;
  readonly packets: readonly Uint8Array[];
}

function one(name: string, linkType: number, ...parts: readonly (Uint8Array | readonly number[])[]): Sample {
  return { name, linkType, packets: [join(...parts)] };
}

function tagged(...layers: readonly (readonly number[])[]): Uint8Array {
  return join([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], ...layers);
}

/** An extension header: next, length, filler. */
function extension(next: number, octets = 8): number[] {
  return [next, octets / 8 - 1, ...new Array<number>(octets - 2).fill(1)];
}

function gre(flags: number, protocol: number, options: readonly number[] = []): number[] {
  return [...u16(flags), ...u16(protocol), ...options];
}

function fragments4(payload: Uint8Array, size: number, fields: IpFields = {}): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const more = at + size < payload.length ? 0x2000 : 0;
    parts.push(ipv4(payload.subarray(at, at + size), { ...fields, fragment: more | (at / 8) }));
  }
  return parts;
}

function fragments6(payload: Uint8Array, size: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const more = at + size < payload.length ? 1 : 0;
    parts.push(ipv6(join([6, 0], u16(at | more), u32(77), payload.subarray(at, at + size)), { protocol: 44 }));
  }
  return parts;
}

const SLL = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
const SLL2 = [0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];

/** @param sport the segment's source port, so that samples in one file are not the same connection */
export function samples(sport = 40_000): readonly Sample[] {
  const segment = tcp({ sport, seq: 100, ack: 500, data: KEEPALIVE });
  const v4 = ipv4(segment);
  const v6 = ipv6(segment);
  return [
    one("Ethernet", 1, ethernet(v4)),
    one("Ethernet, IPv6", 1, ethernet(v6, 0x86dd)),
    one("Ethernet, padded", 1, ethernet(v4), new Array<number>(20).fill(0)),
    one("802.1Q", 1, tagged([0x81, 0], [0, 5], [8, 0]), v4),
    one("802.1ad and 802.1Q", 1, tagged([0x88, 0xa8], [0, 5], [0x81, 0], [0, 6], [0x86, 0xdd]), v6),
    one("three tags", 1, tagged([0x81, 0], [0, 5], [0x81, 0], [0, 6], [0x81, 0], [0, 7], [8, 0]), v4),
    one("LLC and SNAP", 1, tagged([0, 150], [0xaa, 0xaa, 3, 0, 0, 0, 8, 0]), v4),
    one("MPLS, two labels", 1, tagged([0x88, 0x47], [0, 1, 0x40, 64], [0, 2, 0x41, 64]), v4),
    one("MPLS, IPv6", 1, tagged([0x88, 0x47], [0, 1, 0x41, 64]), v6),
    one("PPPoE", 1, tagged([0x88, 0x64], [0x11, 0, 0, 1], u16(v4.length + 2), [0, 0x21]), v4),
    one("PPPoE, IPv6", 1, tagged([0x88, 0x64], [0x11, 0, 0, 1], u16(v6.length + 2), [0, 0x57]), v6),
    one("SLL", 113, SLL, [8, 0], v4),
    one("SLL, IPv6", 113, SLL, [0x86, 0xdd], v6),
    one("SLL, 802.1Q", 113, SLL, [0x81, 0], [0, 9, 8, 0], v4),
    one("SLL2", 276, [8, 0], SLL2, v4),
    one("SLL2, IPv6", 276, [0x86, 0xdd], SLL2, v6),
    one("RAW", 101, v4),
    one("RAW, IPv6", 101, v6),
    one("IPV4", 228, v4),
    one("IPV6", 229, v6),
    one("NULL, little-endian", 0, [2, 0, 0, 0], v4),
    one("NULL, big-endian", 0, [0, 0, 0, 2], v4),
    one("NULL, IPv6 of macOS", 0, [30, 0, 0, 0], v6),
    one("LOOP", 108, [0, 0, 0, 2], v4),
    one("LOOP, IPv6 of OpenBSD", 108, [0, 0, 0, 24], v6),
    one("PPP", 9, [0xff, 3, 0, 0x21], v4),
    one("PPP, no address and control", 9, [0, 0x57], v6),
    one("PPP, short protocol", 9, [0x21], v4),
    one("PPP that is Cisco HDLC", 9, [0x0f, 0, 8, 0], v4),
    one("PPP in HDLC", 50, [0xff, 3, 0, 0x21], v4),
    one("Cisco HDLC", 104, [0x0f, 0, 8, 0], v4),
    one("Cisco HDLC, IPv6", 104, [0x0f, 0, 0x86, 0xdd], v6),
    one("Frame Relay, RFC 2427", 107, [0x18, 0x41, 3, 0xcc], v4),
    one("Frame Relay, RFC 2427, padded", 107, [0x18, 0x41, 3, 0, 0x8e], v6),
    one("Frame Relay, SNAP", 107, [0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0], v4),
    one("Frame Relay, Cisco", 107, [0x18, 0x41, 8, 0], v4),
    one("IP in IP", 101, ipv4(v4, { protocol: 4, src: "198.51.100.1", dst: "198.51.100.2" })),
    one("6in4", 101, ipv4(v6, { protocol: 41, src: "198.51.100.1", dst: "198.51.100.2" })),
    one("IPv4 in IPv6", 101, ipv6(v4, { protocol: 4, src: "2001:db8::a", dst: "2001:db8::b" })),
    one("GRE", 101, ipv4(join(gre(0, 0x0800), v4), { protocol: 47, src: "198.51.100.1" })),
    one(
      "GRE with key and sequence",
      101,
      ipv4(join(gre(0x3000, 0x86dd, [0, 0, 0, 1, 0, 0, 0, 2]), v6), { protocol: 47 }),
    ),
    one("GRE with checksum", 101, ipv4(join(gre(0x8000, 0x0800, [0, 0, 0, 0]), v4), { protocol: 47 })),
    one("Ethernet in GRE", 101, ipv4(join(gre(0, 0x6558), ethernet(v4)), { protocol: 47 })),
    one(
      "IPv6 with extension headers",
      229,
      ipv6(join(extension(60), extension(43, 16), [6, 0, 0, 0, 0, 0, 0, 0], segment), { protocol: 0 }),
    ),
    one("IPv6, atomic fragment", 229, ipv6(join([6, 0, 0, 0, 0, 0, 0, 1], segment), { protocol: 44 })),
    { name: "IPv4 fragments", linkType: 101, packets: fragments4(segment, 16) },
    { name: "IPv4 fragments, last first", linkType: 101, packets: fragments4(segment, 16).reverse() },
    { name: "IPv6 fragments", linkType: 101, packets: fragments6(segment, 16) },
    { name: "fragments of a tunnel", linkType: 101, packets: fragments4(v4, 24, { protocol: 4, src: "198.51.100.1" }) },
  ];
}
