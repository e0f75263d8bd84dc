/**
 * What stands in the NLRI of families that are carried as octets: a line a route, for people.
 *
 * Labelled unicast (RFC 8277), VPN (RFC 4364, 4659), EVPN (RFC 7432, 9136), VPLS (RFC 4761), route target
 * constraint (RFC 4684), flowspec (RFC 8955, 8956), link-state (RFC 9552), SR policy (RFC 9830),
 * multicast VPN (RFC 6514). What does not fit its family is shown in hex, never guessed at.
 */
import {
  addressFrom,
  type Family,
  formatAddress,
  formatDotted,
  formatPrefix,
  type IpAddress,
  prefixOf,
} from "../wire/address.ts";
import { ByteReader, ShortRead } from "../wire/bytes.ts";
import { formatExtCommunity } from "./community.ts";
import { flowspecText } from "./flowspec-text.ts";
import { Afi, Safi } from "./iana.ts";
import { hexText } from "./notification.ts";

/** One line a route; the last may be `? HEX` where the octets do not make a route. */
export function describeNlri(afi: number, safi: number, octets: Uint8Array, addPath = false): string[] {
  const read = READERS.get(`${afi}/${safi}`) ?? READERS.get(`*/${safi}`);
  if (!read) return octets.length > 0 ? [hexText(octets)] : [];
  const r = new ByteReader(octets);
  const lines: string[] = [];
  while (r.left > 0) {
    const start = r.at;
    try {
      const path = addPath ? ` path ${r.u32()}` : "";
      lines.push(read(r, afi === Afi.Ipv6 ? 6 : 4) + path);
    } catch (error) {
      if (!(error instanceof ShortRead)) throw error;
      lines.push(`? ${hexText(octets.subarray(start))}`);
      break;
    }
  }
  return lines;
}

/** A next hop of any family: an address, two, or behind a route distinguisher; hex if it is none. */
export function describeNextHop(octets: Uint8Array): string {
  const ip = (at: number, family: Family): string => formatAddress(addressFrom(octets, family, at));
  switch (octets.length) {
    case 4:
      return ip(0, 4);
    case 12:
      return ip(8, 4); // the route distinguisher before it is zero (RFC 4364 §4.3.2)
    case 16:
      return ip(0, 6);
    case 24:
      return ip(8, 6);
    case 32:
      return `${ip(0, 6)} ${ip(16, 6)}`;
    case 48:
      return `${ip(8, 6)} ${ip(32, 6)}`;
    default:
      return hexText(octets);
  }
}

/** Reads one route; a ShortRead says that there is none. */
type Reader = (r: ByteReader, family: Family) => string;

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  [`*/${Safi.MplsLabel}`, (r, family) => labelled(r, family, false)],
  [`*/${Safi.MplsVpn}`, (r, family) => labelled(r, family, true)],
  [`*/${Safi.MplsVpnMulticast}`, (r, family) => labelled(r, family, true)],
  [`*/${Safi.McastVpn}`, (r) => typed(r, 1, "mvpn", MVPN)],
  [`*/${Safi.RouteTarget}`, routeTarget],
  [`*/${Safi.Flowspec}`, (r, family) => flowspec(r, family, false)],
  [`*/${Safi.FlowspecVpn}`, (r, family) => flowspec(r, family, true)],
  [`*/${Safi.SrPolicy}`, srPolicy],
  [`${Afi.L2vpn}/${Safi.Vpls}`, vpls],
  [`${Afi.L2vpn}/${Safi.Evpn}`, evpn],
  [`${Afi.L2vpn}/${Safi.Flowspec}`, (r) => hexText(r.view(r.left))],
  [`${Afi.L2vpn}/${Safi.FlowspecVpn}`, (r) => hexText(r.view(r.left))],
  [`${Afi.BgpLs}/${Safi.BgpLs}`, (r) => typed(r, 2, "link-state", LINK_STATE)],
  [`${Afi.BgpLs}/${Safi.BgpLsVpn}`, (r) => typed(r, 2, "link-state", LINK_STATE)],
]);

/** `bits 1 | labels 3 each | [route distinguisher 8] | prefix` */
function labelled(r: ByteReader, family: Family, vpn: boolean): string {
  let bits = r.u8();
  const value = r.sub((bits + 7) >>> 3);
  const labels: number[] = [];
  for (let bottom = false; !bottom; bits -= 24) {
    const entry = value.u24();
    labels.push(entry >>> 4);
    // A withdrawal has a label without the bottom-of-stack bit (RFC 8277 §2.4, RFC 3107 §3).
    bottom = (entry & 1) === 1 || entry === WITHDRAWN_LABEL || entry === 0;
  }
  const distinguisher = vpn ? `${routeDistinguisher(value)} ` : "";
  if (vpn) bits -= 64;
  return `${distinguisher}${prefix(value, family, bits)} label ${labels.join("/")}`;
}

function prefix(r: ByteReader, family: Family, bits: number): string {
  if (bits < 0 || bits > (family === 4 ? 32 : 128)) throw new ShortRead(`prefix of ${bits} bits`);
  return formatPrefix(prefixOf(addressFrom(r.view((bits + 7) >>> 3), family), bits));
}

/** RFC 4364 §4.2 */
function routeDistinguisher(r: ByteReader): string {
  const type = r.u16();
  if (type === 0) return `${r.u16()}:${r.u32()}`;
  if (type === 1) return `${formatDotted(r.u32())}:${r.u16()}`;
  if (type === 2) return `${r.u32()}:${r.u16()}`;
  return `rd-type-${type}:${hexText(r.view(6))}`;
}

/** `bits 1 | origin AS 4 | route target 8`, cut after `bits` */
function routeTarget(r: ByteReader): string {
  const bits = r.u8();
  const value = r.sub((bits + 7) >>> 3);
  if (bits === 0) return "default";
  if (bits !== 96) return `origin and target of ${bits} bits ${hexText(value.view(value.left))}`;
  return `origin AS${value.u32()} ${formatExtCommunity({ hi: value.u32(), lo: value.u32() })}`;
}

function flowspec(r: ByteReader, family: Family, vpn: boolean): string {
  const first = r.u8();
  const length = first < 0xf0 ? first : ((first & 0x0f) << 8) | r.u8(); // RFC 8955 §4.1
  const value = r.sub(length);
  const distinguisher = vpn ? `${routeDistinguisher(value)} ` : "";
  return distinguisher + flowspecText(value, family);
}

/** `bits 1 | distinguisher 4 | color 4 | endpoint 4 or 16` */
function srPolicy(r: ByteReader): string {
  const value = r.sub(r.u8() >>> 3);
  const distinguisher = value.u32();
  const color = value.u32();
  const endpoint = addressFrom(value.view(value.left), value.left === 16 ? 6 : 4);
  return `sr-policy distinguisher ${distinguisher} color ${color} endpoint ${formatAddress(endpoint)}`;
}

function vpls(r: ByteReader): string {
  const value = r.sub(r.u16());
  const distinguisher = routeDistinguisher(value);
  if (value.left < 9) return `vpls ${distinguisher} ${hexText(value.view(value.left))}`;
  return `vpls ${distinguisher} ve ${value.u16()} offset ${value.u16()} size ${value.u16()} label ${value.u24() >>> 4}`;
}

/** `type | length | value` of the families whose routes are shown by their type only. */
function typed(r: ByteReader, width: 1 | 2, name: string, types: ReadonlyMap<number, string>): string {
  const type = width === 1 ? r.u8() : r.u16();
  const value = r.view(width === 1 ? r.u8() : r.u16());
  return `${name} ${types.get(type) ?? `type ${type}`} ${hexText(value)}`;
}

/** `type 1 | length 1 | value` (RFC 7432 §7) */
function evpn(r: ByteReader): string {
  const type = r.u8();
  const value = r.sub(r.u8());
  const read = EVPN.get(type);
  return read ? `evpn ${read(value)}` : `evpn type ${type} ${hexText(value.view(value.left))}`;
}

const EVPN: ReadonlyMap<number, (r: ByteReader) => string> = new Map<number, (r: ByteReader) => string>([
  [1, (r) => `ethernet-ad ${routeDistinguisher(r)} esi ${esi(r)} tag ${r.u32()} label ${r.u24() >>> 4}`],
  [2, macIp],
  [3, (r) => `inclusive-multicast ${routeDistinguisher(r)} tag ${r.u32()} ${counted(r)}`],
  [4, (r) => `ethernet-segment ${routeDistinguisher(r)} esi ${esi(r)} ${counted(r)}`],
  [5, ipPrefix],
]);

function macIp(r: ByteReader): string {
  const head = `mac-ip ${routeDistinguisher(r)} esi ${esi(r)} tag ${r.u32()}`;
  r.skip(1); // MAC address length, always 48
  const mac = colons(r.view(6));
  const ip = counted(r);
  const labels = r.left >= 6 ? `${r.u24() >>> 4}/${r.u24() >>> 4}` : String(r.u24() >>> 4);
  return `${head} ${mac}${ip ? ` ${ip}` : ""} label ${labels}`;
}

/** RFC 9136 §3.1: 34 octets with IPv4, 58 with IPv6. */
function ipPrefix(r: ByteReader): string {
  const family: Family = r.left === 58 ? 6 : 4;
  const head = `ip-prefix ${routeDistinguisher(r)} esi ${esi(r)} tag ${r.u32()}`;
  const bits = r.u8();
  const octets = family === 4 ? 4 : 16;
  if (bits > octets * 8) throw new ShortRead(`prefix of ${bits} bits`);
  const net = formatPrefix(prefixOf(addressFrom(r.view(octets), family), bits));
  return `${head} ${net} gateway ${formatAddress(addressFrom(r.view(octets), family))} label ${r.u24() >>> 4}`;
}

/** An address behind its length in bits; "" if that is 0. */
function counted(r: ByteReader): string {
  const bits = r.u8();
  if (bits === 0) return "";
  if (bits !== 32 && bits !== 128) throw new ShortRead(`address of ${bits} bits`);
  const ip: IpAddress = addressFrom(r.view(bits / 8), bits === 32 ? 4 : 6);
  return formatAddress(ip);
}

function esi(r: ByteReader): string {
  return colons(r.view(10));
}

function colons(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(":");
}

const WITHDRAWN_LABEL = 0x80_0000;
const MVPN: ReadonlyMap<number, string> = new Map([
  [1, "intra-as-i-pmsi"],
  [2, "inter-as-i-pmsi"],
  [3, "s-pmsi"],
  [4, "leaf"],
  [5, "source-active"],
  [6, "shared-tree-join"],
  [7, "source-tree-join"],
]);
const LINK_STATE: ReadonlyMap<number, string> = new Map([
  [1, "node"],
  [2, "link"],
  [3, "ipv4-prefix"],
  [4, "ipv6-prefix"],
  [6, "srv6-sid"],
]);
