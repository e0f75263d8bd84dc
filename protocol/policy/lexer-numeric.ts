/**
 * The tokens that begin alike: addresses, route distinguishers, octet strings, numbers. bird takes the
 * longest of them, and of equally long ones the first in this table.
 */
import { type IpAddress, parseAddress } from "../wire/address.ts";
import { T, type Token } from "./tokens.ts";

interface Numeric {
  readonly token: Token;
  readonly end: number;
  readonly number?: number;
  readonly low?: number;
  readonly text?: string;
  readonly ip?: IpAddress;
}

/** @param shorter length of the plain number or word that stands here: only something longer counts (equal for octets) */
export function longestNumeric(text: string, at: number, shorter: number): Numeric | { error: string } | undefined {
  let best: Row | undefined;
  let end = at + shorter;
  for (const row of ROWS) {
    row.pattern.lastIndex = at;
    if (!row.pattern.test(text)) continue;
    const { lastIndex } = row.pattern;
    if (lastIndex > end || (lastIndex === end && !best && row.wins)) {
      best = row;
      end = lastIndex;
    }
  }
  if (!best) return undefined;
  const value = best.read(text.slice(at, end));
  return typeof value === "string" ? { error: value } : { ...value, end };
}

/** Whether the word could begin an IPv6 address or octets: `fd00:`, `hex:`. */
export function isHexWord(text: string, start: number, end: number): boolean {
  if (end - start === 3 && text.startsWith("hex", start)) return true;
  for (let i = start; i < end; i++) {
    if (!/[0-9a-fA-F]/.test(text[i] as string)) return false;
  }
  return true;
}

interface Row {
  readonly pattern: RegExp;
  /** Beats a word or number of the same length. */
  readonly wins: boolean;
  /** The value, or what is wrong with it. */
  read(text: string): Omit<Numeric, "end"> | string;
}

const ROWS: readonly Row[] = [
  { pattern: /\d+:\d+/y, wins: true, read: (text) => distinguisher(undefined, text) },
  { pattern: /[02]:\d+:\d+/y, wins: true, read: (text) => distinguisher(Number(text[0]), text.slice(2)) },
  { pattern: /(?:1:)?\d+\.\d+\.\d+\.\d+:\d+/y, wins: true, read: dottedDistinguisher },
  { pattern: /\d+\.\d+\.\d+\.\d+/y, wins: true, read: ipv4Token },
  { pattern: /hex:(?:[0-9a-fA-F]{2}(?:(?::[0-9a-fA-F]{2})*|(?:[0-9a-fA-F]{2})*))?/y, wins: false, read: octets },
  { pattern: /[0-9a-fA-F]{2}(?:(?::[0-9a-fA-F]{2}){15,}|(?:[0-9a-fA-F]{2}){15,})/y, wins: true, read: octets },
  {
    pattern: /(?:[0-9a-fA-F]*::|(?:[0-9a-fA-F]*:){3,})(?:[0-9a-fA-F]*:)*(?:\d+\.\d+\.\d+\.\d+|[0-9a-fA-F]*)/y,
    wins: true,
    read: ipv6Token,
  },
  { pattern: /0x[0-9a-fA-F]+/y, wins: true, read: hexadecimal },
];

function ipv4Token(text: string): Omit<Numeric, "end"> | string {
  // Leading zeros are decimal all the same.
  const ip = parseAddress(text.replace(/\d+/g, (part) => part.replace(/^0+(?=\d)/, "")));
  return ip ? { token: T.IP4, number: ip.w0 } : `Invalid IPv4 address ${text}`;
}

function ipv6Token(text: string): Omit<Numeric, "end"> | string {
  const ip = parseAddress(text);
  return ip && ip.family === 6 ? { token: T.IP6, ip } : `Invalid IPv6 address ${text}`;
}

function octets(text: string): Omit<Numeric, "end"> {
  const isMarked = text.startsWith("hex:");
  return { token: T.BYTESTRING, text: text.replace("hex:", "").replaceAll(":", ""), number: isMarked ? 1 : 0 };
}

function hexadecimal(text: string): Omit<Numeric, "end"> | string {
  const number = Number(text);
  return number > 0xffff_ffff ? "Number out of range" : { token: T.NUM, number };
}

/** RFC 4364 §4.2: type 0 `AS2:N4`, type 2 `AS4:N2`. */
function distinguisher(type: number | undefined, text: string): Omit<Numeric, "end"> | string {
  const [asn, value] = text.split(":").map(Number) as [number, number];
  if (asn > 0xffff_ffff) return "ASN out of range";
  const wide = type === 2 || (type === undefined && asn > 0xffff);
  if (asn > (wide ? 0xffff_ffff : 0xffff) || value > (wide ? 0xffff : 0xffff_ffff)) return "Number out of range";
  if (!wide) return { token: T.VPN_RD, number: asn, low: value };
  return { token: T.VPN_RD, number: (0x0002_0000 | (asn >>> 16)) >>> 0, low: ((asn << 16) | value) >>> 0 };
}

/** RFC 4364 §4.2: type 1 `IPv4:N2`. */
function dottedDistinguisher(text: string): Omit<Numeric, "end"> | string {
  const [address, local] = text.replace(/^1:(?=.*:)/, "").split(":") as [string, string];
  const ip = parseAddress(address);
  if (!ip) return `Invalid IPv4 address ${address} in Route Distinguisher`;
  if (Number(local) > 0xffff) return "Number out of range";
  return {
    token: T.VPN_RD,
    number: (0x0001_0000 | (ip.w0 >>> 16)) >>> 0,
    low: ((ip.w0 << 16) | Number(local)) >>> 0,
  };
}
