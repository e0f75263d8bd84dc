/** Prefixes and addresses as filters and options write them: `10.0.0.0/8`, `10.0.0.0/8 max 24 as 5`, `1:2 10.0.0.0/8`. */
import type { RoaNet } from "../rib/route.ts";
import {
  formatAddress,
  formatPrefix,
  type IpAddress,
  ipv4,
  type Prefix,
  prefixOf,
  sameAddress,
  width,
} from "../wire/address.ts";
import type { Parser } from "./parser.ts";
import { formatScalar, type OtherNet } from "./scalars.ts";
import { T } from "./tokens.ts";
import { NetTypeNumber, Type } from "./types.ts";

/** IP4 or IP6, whichever stands there. */
export function parseIp(p: Parser): IpAddress {
  if (!p.is(T.IP4) && !p.is(T.IP6)) p.unexpected();
  return takeIp(p);
}

/** After `is(T.IP4)` or `is(T.IP6)`. An IPv4-mapped address is the IPv4 address, as in bird. */
export function takeIp(p: Parser): IpAddress {
  const ip = p.peek() === T.IP4 ? ipv4(p.number) : p.ip;
  p.take();
  return ip;
}

/** IPv4-mapped IPv6 addresses are IPv4 addresses, unless they begin a prefix. */
export function plainIp(ip: IpAddress): IpAddress {
  return ip.family === 6 && ip.w0 === 0 && ip.w1 === 0 && ip.w2 === 0xffff ? ipv4(ip.w3) : ip;
}

/** `/24` behind an address. @param ahead whether more of a prefix may follow, so that bird looks there first (IPv6 only) */
export function parsePrefixTail(p: Parser, ip: IpAddress, ahead = false): Prefix {
  p.expect(T["/"]);
  if (!p.is(T.NUM)) p.unexpected();
  const length = p.number;
  p.take();
  if (ahead && ip.family === 6) p.peek();
  if (length > width(ip.family)) {
    p.failLater(`Invalid prefix length ${length}`);
    return prefixOf(ip, width(ip.family));
  }
  const prefix = prefixOf(ip, length);
  if (!sameAddress(prefix, ip)) {
    const [wrong, right] = [`${formatAddress(ip)}/${length}`, formatPrefix(prefix)];
    p.failLater(`Invalid IPv${ip.family} prefix ${wrong}, maybe you wanted ${right}`);
  }
  return prefix;
}

/** A plain prefix. */
export function parsePrefix(p: Parser): Prefix {
  return parsePrefixTail(p, parseIp(p));
}

/** What may follow a prefix to make it something else: a ROA, a source-specific prefix. */
export function parseNetTail(p: Parser, prefix: Prefix): Prefix | RoaNet | OtherNet {
  if (p.accept(T.MAX)) {
    const maxLength = number(p);
    p.expect(T.AS);
    const asn = number(p);
    if (maxLength < prefix.length || maxLength > width(prefix.family)) p.fail(`Invalid max prefix length ${maxLength}`);
    return { ...prefix, maxLength, asn };
  }
  if (prefix.family === 6 && p.accept(T.FROM)) {
    if (!p.is(T.IP6)) p.unexpected();
    const source = parsePrefixTail(p, takeIp(p));
    return { ...prefix, netType: SADR, text: `${formatPrefix(prefix)} from ${formatPrefix(source)}` };
  }
  return prefix;
}

/** Behind a route distinguisher: the prefix that it belongs to. */
export function parseVpnNet(p: Parser, distinguisher: { readonly hi: number; readonly lo: number }): OtherNet {
  const prefix = parsePrefix(p);
  const netType = prefix.family === 4 ? NetTypeNumber.Vpn4 : NetTypeNumber.Vpn6;
  return { ...prefix, netType, text: `${formatScalar(Type.Rd, distinguisher)} ${formatPrefix(prefix)}` };
}

/** `mpls 5`, after the keyword. */
export function parseLabelNet(p: Parser): OtherNet {
  const label = number(p);
  return { ...prefixOf(ipv4(label), 20), netType: MPLS, text: String(label) };
}

function number(p: Parser): number {
  if (!p.is(T.NUM)) p.unexpected();
  const { number: value } = p;
  p.take();
  return value;
}

const SADR = 9;
const MPLS = 10;
