/**
 * Link layers: from the first octet of a packet to the network protocol it carries.
 *
 * Every function looks at `octets` from `at` up to `end` and gives the protocol as an EtherType and where it starts.
 * Undefined: cut short, or nothing that can carry IP.
 */
import { u16be, u32be } from "./input.ts";

/** What lies above a layer: `type` is an EtherType. */
export interface Above {
  readonly type: number;
  readonly at: number;
}

export type Layer = (octets: Uint8Array, at: number, end: number) => Above | undefined;

export const EtherType = {
  Ipv4: 0x0800,
  Ipv6: 0x86dd,
  Vlan: 0x8100,
  Bridging: 0x6558,
  MplsUnicast: 0x8847,
  MplsMulticast: 0x8848,
  PppoeSession: 0x8864,
  ProviderBridging: 0x88a8,
  OldQinQ: 0x9100,
  OldQinQ2: 0x9200,
  Ppp: 0x880b,
} as const;

/** The link layer of a LINKTYPE_ value (tcpdump.org/linktypes.html). Undefined: we cannot read it. */
export function linkLayer(linkType: number): Layer | undefined {
  return LINKS.get(linkType);
}

/** The EtherType above an Ethernet header, or above a LLC and SNAP header if it has a length instead. */
export function ethernet(o: Uint8Array, at: number, end: number): Above | undefined {
  return at + 14 <= end ? lengthOrType(o, u16be(o, at + 12), at + 14, end) : undefined;
}

/** PPP with or without address and control, with a protocol of one octet or two (RFC 1661 §6.5, RFC 1662). */
export function ppp(o: Uint8Array, at: number, end: number): Above | undefined {
  let p = at;
  if (p + 2 <= end && o[p] === 0xff && o[p + 1] === 0x03) p += 2;
  if (p + 2 > end) return undefined;
  // An odd octet ends the protocol field.
  const short = (o[p]! & 1) === 1;
  const type = PPP_PROTOCOLS.get(short ? o[p]! : u16be(o, p));
  return type === undefined ? undefined : { type, at: p + (short ? 1 : 2) };
}

/** PPPoE session header (RFC 2516), then PPP. */
export function pppoe(o: Uint8Array, at: number, end: number): Above | undefined {
  return at + 6 <= end ? ppp(o, at + 6, end) : undefined;
}

/** The label stack (RFC 3032) down to its bottom; what is below tells itself by its IP version. */
export function mpls(o: Uint8Array, at: number, end: number): Above | undefined {
  for (let p = at; p + 4 < end; p += 4) {
    if (o[p + 2]! & 1) return ip(o, p + 4, end);
  }
  return undefined;
}

/** IP of either version, told by its first four bits. */
function ip(o: Uint8Array, at: number, end: number): Above | undefined {
  const version = at < end ? o[at]! >> 4 : 0;
  if (version === 4) return { type: EtherType.Ipv4, at };
  return version === 6 ? { type: EtherType.Ipv6, at } : undefined;
}

/** A field that is a length up to 1500, then LLC and perhaps SNAP follow (RFC 1042), or an EtherType. */
function lengthOrType(o: Uint8Array, type: number, at: number, end: number): Above | undefined {
  return type > 1500 ? { type, at } : llc(o, at, end);
}

function llc(o: Uint8Array, at: number, end: number): Above | undefined {
  if (at + 8 > end || u16be(o, at) !== 0xaaaa || o[at + 2] !== 0x03) return undefined;
  return snap(o, at + 3);
}

function snap(o: Uint8Array, at: number): Above {
  return { type: u16be(o, at + 3), at: at + 5 };
}

/** Linux "any" device: the protocol is an EtherType, or 4 for LLC. */
function sll(o: Uint8Array, at: number, end: number): Above | undefined {
  return at + 16 <= end ? lengthOrType(o, u16be(o, at + 14), at + 16, end) : undefined;
}

function sll2(o: Uint8Array, at: number, end: number): Above | undefined {
  return at + 20 <= end ? lengthOrType(o, u16be(o, at), at + 20, end) : undefined;
}

/** BSD loopback: an address family in the byte order of the capturing host, or for LOOP of the network. */
function loopback(o: Uint8Array, at: number, end: number): Above | undefined {
  if (at + 4 > end) return undefined;
  const word = u32be(o, at);
  const family = word > 0xffff ? o[at]! | (o[at + 1]! << 8) : word;
  if (family === AF_INET) return { type: EtherType.Ipv4, at: at + 4 };
  return AF_INET6.has(family) ? { type: EtherType.Ipv6, at: at + 4 } : ip(o, at + 4, end);
}

/** Cisco HDLC: address, control, EtherType. */
function ciscoHdlc(o: Uint8Array, at: number, end: number): Above | undefined {
  return at + 4 <= end ? { type: u16be(o, at + 2), at: at + 4 } : undefined;
}

/** A serial line that calls itself PPP and may as well be Cisco HDLC, told by the address octet. */
function serial(o: Uint8Array, at: number, end: number): Above | undefined {
  const address = at < end ? o[at]! : 0;
  return address === 0x0f || address === 0x8f ? ciscoHdlc(o, at, end) : ppp(o, at, end);
}

/** Frame Relay: a Q.922 address of two to four octets, then RFC 2427's NLPID, or Cisco's EtherType. */
function frameRelay(o: Uint8Array, at: number, end: number): Above | undefined {
  let p = at;
  while (p < end && p < at + 4 && (o[p]! & 1) === 0) p++;
  p++;
  if (p + 2 > end) return undefined;
  if (o[p] !== 0x03) return { type: u16be(o, p), at: p + 2 };
  p++;
  if (o[p] === 0) p++; // padding (RFC 2427 §3)
  switch (o[p]) {
    case NLPID_IPV4:
      return { type: EtherType.Ipv4, at: p + 1 };
    case NLPID_IPV6:
      return { type: EtherType.Ipv6, at: p + 1 };
    case NLPID_SNAP:
      return p + 6 <= end ? snap(o, p + 1) : undefined;
    default:
      return undefined;
  }
}

/** Juniper's own header before Ethernet: "MGC", flags, and extensions if the highest bit of the flags is set. */
function juniperEthernet(o: Uint8Array, at: number, end: number): Above | undefined {
  if (at + 6 > end || o[at] !== 0x4d || o[at + 1] !== 0x47 || o[at + 2] !== 0x43) return undefined;
  const flags = o[at + 3]!;
  const header = flags & 0x80 ? 6 + u16be(o, at + 4) : 4;
  // No link header: the address family in four octets, then the packet.
  return flags & 0x02 ? ip(o, at + header + 4, end) : ethernet(o, at + header, end);
}

function always(type: number): Layer {
  return (_octets, at) => ({ type, at });
}

const AF_INET = 2;
/** IPv6 is another number on every system: Linux, NetBSD and OpenBSD, FreeBSD, macOS. */
const AF_INET6 = new Set([10, 24, 28, 30]);
const NLPID_IPV4 = 0xcc;
const NLPID_IPV6 = 0x8e;
const NLPID_SNAP = 0x80;

const PPP_PROTOCOLS = new Map<number, number>([
  [0x0021, EtherType.Ipv4],
  [0x0057, EtherType.Ipv6],
  [0x0281, EtherType.MplsUnicast],
  [0x0283, EtherType.MplsMulticast],
]);

const LINKS = new Map<number, Layer>([
  [0, loopback], // NULL
  [1, ethernet],
  [9, serial], // PPP
  [12, ip], // RAW, the platform's own numbers
  [14, ip],
  [50, serial], // PPP_HDLC
  [51, pppoe], // PPP_ETHER
  [101, ip], // RAW
  [104, serial], // C_HDLC, with PPP in HDLC framing on some
  [107, frameRelay],
  [108, loopback], // LOOP
  [113, sll],
  [166, (o, at, end) => ppp(o, at + 2, end)], // PPP_PPPD: a direction where address and control were
  [178, juniperEthernet],
  [204, (o, at, end) => ppp(o, at + 1, end)], // PPP_WITH_DIR
  [228, always(EtherType.Ipv4)],
  [229, always(EtherType.Ipv6)],
  [276, sll2],
]);
