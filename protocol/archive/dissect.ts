/**
 * Packets to TCP segments: link layer, tags and tunnels, IP, fragments.
 *
 * One loop walks from layer to layer until TCP is found, or nothing that we read. The result is one record used again for
 * every packet: most packets of a large capture are looked at once and thrown away.
 */
import { Fragments } from "./fragments.ts";
import { u16be, u32be } from "./input.ts";
import { type Above, EtherType, ethernet, linkLayer, mpls, ppp, pppoe } from "./link.ts";
import type { Moment, Packet } from "./record.ts";

/** A TCP segment where it lies in `octets`. */
export interface Segment {
  octets: Uint8Array;
  family: 4 | 6;
  /** Index of the addresses. */
  srcAt: number;
  dstAt: number;
  srcPort: number;
  dstPort: number;
  seq: number;
  ack: number;
  flags: number;
  /** The payload that was captured, and how many octets more of it there were. */
  start: number;
  end: number;
  cut: number;
}

export const TcpFlag = { Fin: 0x01, Syn: 0x02, Rst: 0x04, Ack: 0x10 } as const;

export class Dissector {
  readonly segment: Segment = {
    octets: new Uint8Array(0),
    family: 4,
    srcAt: 0,
    dstAt: 0,
    srcPort: 0,
    dstPort: 0,
    seq: 0,
    ack: 0,
    flags: 0,
    start: 0,
    end: 0,
    cut: 0,
  };
  readonly #fragments = new Fragments();
  #moment: Moment = { frame: 0 };
  #snapped = false;

  /** @returns true if the packet holds, or completes, a TCP segment, which is then in `segment` */
  dissect(packet: Packet): boolean {
    const { octets } = packet;
    const above = linkLayer(packet.linkType)?.(octets, 0, octets.length);
    if (!above) return false;
    this.#moment = packet.moment;
    this.#snapped = packet.original > octets.length;
    return this.#walk(octets, above, octets.length, 0);
  }

  /** @param depth how many headers were read: tunnels in tunnels in one packet are bounded by it */
  #walk(o: Uint8Array, above: Above, end: number, depth: number): boolean {
    let here: Above | undefined = above;
    for (let layers = depth; here && layers < MAX_LAYERS; layers++) {
      const { type, at }: Above = here;
      if (type === EtherType.Ipv4) return this.#ipv4(o, at, end, layers + 1);
      if (type === EtherType.Ipv6) return this.#ipv6(o, at, end, layers + 1);
      here = LAYERS.get(type)?.(o, at, end);
    }
    return false;
  }

  #ipv4(o: Uint8Array, at: number, end: number, depth: number): boolean {
    if (at + 20 > end || o[at]! >> 4 !== 4) return false;
    const header = (o[at]! & 15) * 4;
    // Zero where the network card cuts the segments (TSO): then it is all there is.
    const total = u16be(o, at + 2) || end - at;
    if (header < 20 || total < header || at + header > end) return false;
    const stop = Math.min(end, at + total);
    const cut = this.#cut(at + total, end);
    const { segment } = this;
    const field = u16be(o, at + 6);
    // A first fragment that the snap length cut will never be whole: what is there is read.
    if ((field & 0x3fff) === 0 || (cut > 0 && (field & 0x1fff) === 0)) {
      segment.family = 4;
      segment.srcAt = at + 12;
      segment.dstAt = at + 16;
      return this.#transport(o, o[at + 9]!, at + header, stop, cut, depth);
    }
    if (cut > 0) return false;
    const whole = this.#fragments.add(
      {
        key: key(o, [at + 9, at + 10], [at + 4, at + 6], [at + 12, at + 20]),
        offset: (field & 0x1fff) * 8,
        more: (field & 0x2000) !== 0,
        payload: o.subarray(at + header, stop),
        header: ipv4Header(o, at),
      },
      this.#moment,
    );
    return whole !== undefined && this.#walk(whole, { type: EtherType.Ipv4, at: 0 }, whole.length, depth);
  }

  #ipv6(o: Uint8Array, at: number, end: number, depth: number): boolean {
    if (at + 40 > end || o[at]! >> 4 !== 6) return false;
    const length = u16be(o, at + 4) || end - at - 40; // zero: a jumbogram or TSO
    const stop = Math.min(end, at + 40 + length);
    const cut = this.#cut(at + 40 + length, end);
    let next = o[at + 6]!;
    let p = at + 40;
    // Extension headers (RFC 8200 §4): a type and a length, until one is no extension header.
    for (let headers = 0; EXTENSIONS.has(next) && headers < MAX_LAYERS; headers++) {
      if (p + 8 > stop) return false;
      if (next === FRAGMENT) {
        const field = u16be(o, p + 2);
        const first = cut > 0 && (field & 0xfff8) === 0;
        if ((field & 0xfff9) !== 0 && !first) return cut === 0 && this.#ipv6Fragment(o, at, p, stop, depth);
        next = o[p]!;
        p += 8;
        continue;
      }
      const size = next === AUTHENTICATION ? (o[p + 1]! + 2) * 4 : (o[p + 1]! + 1) * 8;
      next = o[p]!;
      p += size;
    }
    this.segment.family = 6;
    this.segment.srcAt = at + 8;
    this.segment.dstAt = at + 24;
    return this.#transport(o, next, p, stop, cut, depth);
  }

  /** @param p of the fragment header */
  #ipv6Fragment(o: Uint8Array, at: number, p: number, stop: number, depth: number): boolean {
    const field = u16be(o, p + 2);
    const header = o.slice(at, at + 40);
    header[4] = header[5] = 0; // as long as it is
    header[6] = o[p]!;
    const whole = this.#fragments.add(
      {
        key: key(o, [p + 4, p + 8], [at + 8, at + 40]),
        offset: field & 0xfff8,
        more: (field & 1) === 1,
        payload: o.subarray(p + 8, stop),
        header,
      },
      this.#moment,
    );
    return whole !== undefined && this.#walk(whole, { type: EtherType.Ipv6, at: 0 }, whole.length, depth);
  }

  #transport(o: Uint8Array, protocol: number, at: number, end: number, cut: number, depth: number): boolean {
    if (depth > MAX_LAYERS) return false;
    switch (protocol) {
      case Protocol.Tcp:
        return this.#tcp(o, at, end, cut);
      case Protocol.Ipv4:
        return this.#walk(o, { type: EtherType.Ipv4, at }, end, depth);
      case Protocol.Ipv6:
        return this.#walk(o, { type: EtherType.Ipv6, at }, end, depth);
      case Protocol.Gre: {
        const above = gre(o, at, end);
        return above !== undefined && this.#walk(o, above, end, depth);
      }
      case Protocol.Mpls:
        return this.#walk(o, { type: EtherType.MplsUnicast, at }, end, depth);
      case Protocol.Udp: {
        // VXLAN (RFC 7348), the one tunnel over UDP in which speakers are commonly captured.
        const vxlan = at + 16 <= end && u16be(o, at + 2) === VXLAN_PORT;
        return vxlan && this.#walk(o, { type: EtherType.Bridging, at: at + 16 }, end, depth);
      }
      case AUTHENTICATION: // over IPv4
        if (at + 8 > end) return false;
        return this.#transport(o, o[at]!, at + (o[at + 1]! + 2) * 4, end, cut, depth + 1);
      default:
        return false;
    }
  }

  #tcp(o: Uint8Array, at: number, end: number, cut: number): boolean {
    if (at + 20 > end) return false;
    const header = (o[at + 12]! >> 4) * 4;
    if (header < 20) return false;
    const { segment } = this;
    segment.octets = o;
    segment.srcPort = u16be(o, at);
    segment.dstPort = u16be(o, at + 2);
    segment.seq = u32be(o, at + 4);
    segment.ack = u32be(o, at + 8);
    segment.flags = o[at + 13]!;
    // The snap length may have cut the options too: then those octets of the cut are no payload.
    segment.start = Math.min(at + header, end);
    segment.end = end;
    segment.cut = Math.max(0, cut - Math.max(0, at + header - end));
    return cut > 0 || at + header <= end;
  }

  /** Octets that the IP header promises and the snap length cut off. Without a cut, a longer promise is a lie. */
  #cut(promised: number, end: number): number {
    return this.#snapped ? Math.max(0, promised - end) : 0;
  }
}

/** GRE (RFC 2784, RFC 2890) and its version 1 for PPTP (RFC 2637). */
function gre(o: Uint8Array, at: number, end: number): Above | undefined {
  if (at + 4 > end) return undefined;
  const flags = u16be(o, at);
  if ((flags & GRE_ROUTING) !== 0 || (flags & 7) > 1) return undefined;
  let p = at + 4;
  if (flags & GRE_CHECKSUM) p += 4;
  if (flags & GRE_KEY) p += 4;
  if (flags & GRE_SEQUENCE) p += 4;
  if ((flags & 7) === 1 && flags & GRE_ACKNOWLEDGEMENT) p += 4;
  return p < end ? { type: u16be(o, at + 2), at: p } : undefined;
}

/** A header without options and fragment fields; its total length 0 stands for "as long as it is". */
function ipv4Header(o: Uint8Array, at: number): Uint8Array {
  const header = o.slice(at, at + 20);
  header[0] = 0x45;
  header[2] = header[3] = header[6] = header[7] = 0;
  return header;
}

function key(o: Uint8Array, ...ranges: readonly (readonly [number, number])[]): string {
  return ranges.map(([from, to]) => String.fromCharCode(...o.subarray(from, to))).join("");
}

/** IANA's protocol numbers, as far as we look into them. */
const Protocol = { Ipv4: 4, Tcp: 6, Udp: 17, Ipv6: 41, Gre: 47, Mpls: 137 } as const;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
/** Hop-by-hop, routing, fragment, authentication, destination options, mobility, HIP, shim6. */
const EXTENSIONS = new Set([0, 43, FRAGMENT, AUTHENTICATION, 60, 135, 139, 140]);
const VXLAN_PORT = 4789;
const GRE_CHECKSUM = 0x8000;
const GRE_ROUTING = 0x4000;
const GRE_KEY = 0x2000;
const GRE_SEQUENCE = 0x1000;
const GRE_ACKNOWLEDGEMENT = 0x0080;
/** Tags, labels, tunnels and headers in one packet; more is no network but an attack. */
const MAX_LAYERS = 32;

/** What stands between a link header and IP. */
const LAYERS = new Map<number, (o: Uint8Array, at: number, end: number) => Above | undefined>([
  [EtherType.Vlan, tag],
  [EtherType.ProviderBridging, tag],
  [EtherType.OldQinQ, tag],
  [EtherType.OldQinQ2, tag],
  [EtherType.MplsUnicast, mpls],
  [EtherType.MplsMulticast, mpls],
  [EtherType.PppoeSession, pppoe],
  [EtherType.Ppp, ppp],
  [EtherType.Bridging, ethernet],
]);

/** 802.1Q, 802.1ad: two octets of tag, then the next EtherType, or a length as in Ethernet. */
function tag(o: Uint8Array, at: number, end: number): Above | undefined {
  return at + 4 <= end ? { type: u16be(o, at + 2), at: at + 4 } : undefined;
}
