/**
 * IP addresses and prefixes: values and their text forms (RFC 4291, RFC 5952).
 *
 * One shape for both families, four unsigned 32-bit words from the top, so that masks and prefix
 * lengths mean the same everywhere: an IPv4 address is in `w0`, the other words are 0.
 */
export type Family = 4 | 6;

export interface IpAddress {
  readonly family: Family;
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
}

/** A prefix; the bits behind `length` are zero. */
export interface Prefix extends IpAddress {
  readonly length: number;
}

export function ipv4(word: number): IpAddress {
  return { family: 4, w0: word >>> 0, w1: 0, w2: 0, w3: 0 };
}

export function ipv6(w0: number, w1: number, w2: number, w3: number): IpAddress {
  return { family: 6, w0: w0 >>> 0, w1: w1 >>> 0, w2: w2 >>> 0, w3: w3 >>> 0 };
}

/** Bits of an address: 32 or 128. */
export function width(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** The prefix of `length` bits around an address: host bits are cleared. */
export function prefixOf(ip: IpAddress, length: number): Prefix {
  return {
    family: ip.family,
    w0: (ip.w0 & wordMask(length)) >>> 0,
    w1: (ip.w1 & wordMask(length - 32)) >>> 0,
    w2: (ip.w2 & wordMask(length - 64)) >>> 0,
    w3: (ip.w3 & wordMask(length - 96)) >>> 0,
    length,
  };
}

export function sameAddress(a: IpAddress, b: IpAddress): boolean {
  return a.family === b.family && a.w0 === b.w0 && a.w1 === b.w1 && a.w2 === b.w2 && a.w3 === b.w3;
}

export function samePrefix(a: Prefix, b: Prefix): boolean {
  return a.length === b.length && sameAddress(a, b);
}

/** Numeric order, IPv4 before IPv6: negative, zero or positive. */
export function compareAddress(a: IpAddress, b: IpAddress): number {
  return a.family - b.family || a.w0 - b.w0 || a.w1 - b.w1 || a.w2 - b.w2 || a.w3 - b.w3;
}

/** By address, then the shorter first. */
export function comparePrefix(a: Prefix, b: Prefix): number {
  return compareAddress(a, b) || a.length - b.length;
}

export function isInside(ip: IpAddress, prefix: Prefix): boolean {
  return ip.family === prefix.family && sharesBits(ip, prefix, prefix.length);
}

/** Whether `inner` is `outer` or one of its more specifics. */
export function covers(outer: Prefix, inner: Prefix): boolean {
  return inner.length >= outer.length && isInside(inner, outer);
}

/** Network order: 4 or 16 octets. */
export function addressOctets(ip: IpAddress): Uint8Array {
  const octets = new Uint8Array(ip.family === 4 ? 4 : 16);
  const view = new DataView(octets.buffer);
  view.setUint32(0, ip.w0);
  if (ip.family === 6) {
    view.setUint32(4, ip.w1);
    view.setUint32(8, ip.w2);
    view.setUint32(12, ip.w3);
  }
  return octets;
}

/** @param octets at least 4 or 16 from `at` on; fewer read as zero. */
export function addressFrom(octets: Uint8Array, family: Family, at = 0): IpAddress {
  const word = (i: number): number =>
    (((octets[i] ?? 0) << 24) | ((octets[i + 1] ?? 0) << 16) | ((octets[i + 2] ?? 0) << 8) | (octets[i + 3] ?? 0)) >>>
    0;
  return family === 4 ? ipv4(word(at)) : ipv6(word(at), word(at + 4), word(at + 8), word(at + 12));
}

/** Canonical text: dotted quad, or RFC 5952. */
export function formatAddress(ip: IpAddress): string {
  return ip.family === 4 ? formatDotted(ip.w0) : formatIpv6(ip);
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix)}/${prefix.length}`;
}

/** A 32-bit identifier, as router ids and cluster ids are shown. */
export function formatDotted(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** @returns undefined if it is no address; an interface suffix (`%eth0`) is no part of one. */
export function parseAddress(text: string): IpAddress | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** @returns undefined if it is no prefix, or has host bits set. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  const ip = slash > 0 ? parseAddress(text.slice(0, slash)) : undefined;
  const digits = text.slice(slash + 1);
  if (!ip || !/^\d{1,3}$/.test(digits) || Number(digits) > width(ip.family)) return undefined;
  const prefix = prefixOf(ip, Number(digits));
  return sameAddress(prefix, ip) ? prefix : undefined;
}

/** fe80::/10 (RFC 4291 §2.5.6) or 169.254.0.0/16 (RFC 3927). */
export function isLinkLocal(ip: IpAddress): boolean {
  return ip.family === 4 ? ip.w0 >>> 16 === 0xa9fe : ip.w0 >>> 22 === 0xfe80 >>> 6;
}

/** 224.0.0.0/4 or ff00::/8. */
export function isMulticast(ip: IpAddress): boolean {
  return ip.family === 4 ? ip.w0 >>> 28 === 0xe : ip.w0 >>> 24 === 0xff;
}

/** 127.0.0.0/8 or ::1. */
export function isLoopback(ip: IpAddress): boolean {
  return ip.family === 4 ? ip.w0 >>> 24 === 127 : (ip.w0 | ip.w1 | ip.w2) === 0 && ip.w3 === 1;
}

/** 0.0.0.0 or `::`. */
export function isUnspecified(ip: IpAddress): boolean {
  return (ip.w0 | ip.w1 | ip.w2 | ip.w3) === 0;
}

/** 32 mask bits of one word: none for a length <= 0, all from 32 on. */
function wordMask(length: number): number {
  return length <= 0 ? 0 : length >= 32 ? 0xffff_ffff : (0xffff_ffff << (32 - length)) >>> 0;
}

function sharesBits(a: IpAddress, b: IpAddress, length: number): boolean {
  return (
    ((a.w0 ^ b.w0) & wordMask(length)) === 0 &&
    ((a.w1 ^ b.w1) & wordMask(length - 32)) === 0 &&
    ((a.w2 ^ b.w2) & wordMask(length - 64)) === 0 &&
    ((a.w3 ^ b.w3) & wordMask(length - 96)) === 0
  );
}

function parseIpv4(text: string): IpAddress | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  let word = 0;
  for (const part of match.slice(1)) {
    if (Number(part) > 255) return undefined;
    word = word * 256 + Number(part);
  }
  return ipv4(word);
}

function parseIpv6(text: string): IpAddress | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1] ?? "", true) : [];
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const g = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const word = (i: number): number => ((g[i]! << 16) | g[i + 1]!) >>> 0;
  return ipv6(word(0), word(2), word(4), word(6));
}

/** The 16-bit groups of a part without `::`; the last may be a dotted quad. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const result: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    const quad = last && i === parts.length - 1 && part.includes(".") ? parseIpv4(part) : undefined;
    if (quad) result.push(quad.w0 >>> 16, quad.w0 & 0xffff);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) result.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return result;
}

/** RFC 5952 §4: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
function formatIpv6(ip: IpAddress): string {
  if ((ip.w0 | ip.w1) === 0 && ip.w2 === 0xffff) return `::ffff:${formatDotted(ip.w3)}`; // §5
  const g = [ip.w0, ip.w1, ip.w2, ip.w3].flatMap((word) => [word >>> 16, word & 0xffff]);
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && g[i + run] === 0) run++;
    if (run > length) [start, length] = [i, run];
    i += run;
  }
  const hex = (part: number[]): string => part.map((n) => n.toString(16)).join(":");
  return start < 0 ? hex(g) : `${hex(g.slice(0, start))}::${hex(g.slice(start + length))}`;
}
