/**
 * Values of the filter language that are one thing, not a list: their order and their text.
 */
import type { ExtCommunity, LargeCommunity } from "../codec/community.ts";
import type { Net } from "../rib/route.ts";
import { formatAddress, formatDotted, formatPrefix, type IpAddress } from "../wire/address.ts";
import { isEnum, isNumeric, Type } from "./types.ts";

/** A prefix that we neither route nor take apart: VPN, source-specific, labelled. Only bird's syntax knows it. */
export interface OtherNet extends IpAddress {
  readonly length: number;
  readonly netType: number;
  readonly text: string;
}

/** undefined: no scalar. */
export function formatScalar(type: Type, value: unknown): string | undefined {
  if (isEnum(type)) return `(enum ${type.toString(16)})${value}`;
  return FORMATS[type]?.(value as never);
}

/** bird's order of two scalars of one type; undefined where there is none. */
export function compareScalars(type: Type, a: unknown, b: unknown): number | undefined {
  if (isNumeric(type) || type === Type.Bool) return Number(a) - Number(b);
  return COMPARISONS[type]?.(a as never, b as never);
}

export function isOrdered(type: Type): boolean {
  return isNumeric(type) || type === Type.Bool || COMPARISONS[type] !== undefined;
}

/** IPv4 stands at ::ffff:0:0/96 when families meet, as in bird. */
export function compareIp(a: IpAddress, b: IpAddress): number {
  if (a.family === b.family) return a.w0 - b.w0 || a.w1 - b.w1 || a.w2 - b.w2 || a.w3 - b.w3;
  const [p, q] = [mapped(a), mapped(b)];
  return p[0] - q[0] || p[1] - q[1] || p[2] - q[2] || p[3] - q[3];
}

export function compareLarge(a: LargeCommunity, b: LargeCommunity): number {
  return a.global - b.global || a.local1 - b.local1 || a.local2 - b.local2;
}

/** Extended communities and route distinguishers: 64-bit numbers. */
export function compareWide(a: ExtCommunity, b: ExtCommunity): number {
  return a.hi - b.hi || a.lo - b.lo;
}

export function formatNet(net: Net): string {
  if ("text" in net) return (net as OtherNet).text;
  return "asn" in net ? `${formatPrefix(net)}-${net.maxLength} AS${net.asn}` : formatPrefix(net);
}

/** `(rt, 65000, 1)`, `(generic, 0x43000000, 0x1)` */
export function formatExtended({ hi, lo }: ExtCommunity): string {
  const form = (hi >>> 24) & 0xbf;
  if (form > 2) return `(generic, 0x${hi.toString(16)}, 0x${lo.toString(16)})`;
  const subtype = (hi >>> 16) & 0xff;
  const kind = subtype === 2 ? "rt" : subtype === 3 ? "ro" : `unknown 0x${(hi >>> 16).toString(16)}`;
  if (form === 0) return `(${kind}, ${hi & 0xffff}, ${lo})`;
  const key = (((hi & 0xffff) << 16) | (lo >>> 16)) >>> 0;
  return `(${kind}, ${form === 1 ? formatDotted(key) : key}, ${lo & 0xffff})`;
}

export function formatPair(pair: number): string {
  return `(${pair >>> 16},${pair & 0xffff})`;
}

export function formatLarge({ global, local1, local2 }: LargeCommunity): string {
  return `(${global}, ${local1}, ${local2})`;
}

function formatDistinguisher({ hi, lo }: ExtCommunity): string {
  const value = hi & 0xffff;
  const wide = ((value << 16) | (lo >>> 16)) >>> 0;
  switch (hi >>> 16) {
    case 0:
      return `${value}:${lo}`;
    case 1:
      return `${formatDotted(wide)}:${lo & 0xffff}`;
    default:
      return `${wide > 0xffff ? "" : "2:"}${wide}:${lo & 0xffff}`;
  }
}

function mapped(ip: IpAddress): readonly [number, number, number, number] {
  return ip.family === 4 ? [0, 0, 0xffff, ip.w0] : [ip.w0, ip.w1, ip.w2, ip.w3];
}

function compareNet(a: Net, b: Net): number {
  return (
    a.family - b.family ||
    compareIp(a, b) ||
    a.length - b.length ||
    roa(a).maxLength - roa(b).maxLength ||
    roa(a).asn - roa(b).asn ||
    order(formatNet(a), formatNet(b))
  );
}

function roa(net: Net): { readonly maxLength: number; readonly asn: number } {
  return "asn" in net ? net : { maxLength: -1, asn: 0 };
}

/** By code units. */
function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const FORMATS: Readonly<Record<number, ((value: never) => string) | undefined>> = {
  [Type.Int]: (value: number) => String(value),
  [Type.Bool]: (value: boolean) => (value ? "TRUE" : "FALSE"),
  [Type.Pair]: formatPair,
  [Type.Quad]: formatDotted,
  [Type.Ip]: formatAddress,
  [Type.Net]: formatNet,
  [Type.String]: (value: string) => value,
  [Type.Ec]: formatExtended,
  [Type.Lc]: formatLarge,
  [Type.Rd]: formatDistinguisher,
};

const COMPARISONS: Readonly<Record<number, ((a: never, b: never) => number) | undefined>> = {
  [Type.Ip]: compareIp,
  [Type.Net]: compareNet,
  [Type.Ec]: compareWide,
  [Type.Rd]: compareWide,
  [Type.Lc]: compareLarge,
  [Type.String]: order,
};
