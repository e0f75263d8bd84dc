/**
 * Communities: standard (RFC 1997), extended (RFC 4360, RFC 5668, RFC 7153), large (RFC 8092), as values
 * and as text.
 */
import { addressFrom, formatAddress, formatDotted, parseAddress } from "../wire/address.ts";
import { communityName } from "./iana.ts";
import { hexText } from "./notification.ts";

/** Eight octets as two words. */
export interface ExtCommunity {
  readonly hi: number;
  readonly lo: number;
}

export interface LargeCommunity {
  readonly global: number;
  readonly local1: number;
  readonly local2: number;
}

/** `65000:1` */
export function formatCommunity(community: number): string {
  return `${community >>> 16}:${community & 0xffff}`;
}

/** `no-export` where it has a name, else `65000:1`. */
export function describeCommunity(community: number): string {
  return communityName(community) ?? formatCommunity(community);
}

export function parseCommunity(text: string): number | undefined {
  const parts = numbers(text, 2, 0xffff);
  return parts && parts[0]! * 65536 + parts[1]!;
}

/** `65000:1:2` */
export function formatLargeCommunity({ global, local1, local2 }: LargeCommunity): string {
  return `${global}:${local1}:${local2}`;
}

export function parseLargeCommunity(text: string): LargeCommunity | undefined {
  const parts = numbers(text, 3, 0xffff_ffff);
  return parts && { global: parts[0]!, local1: parts[1]!, local2: parts[2]! };
}

/** A route target or route origin in its parts; the administrator as AS number or IPv4 address. */
export interface ExtCommunityParts {
  readonly kind: "rt" | "ro";
  readonly form: "as2" | "ipv4" | "as4";
  readonly global: number;
  readonly local: number;
}

/** Types 0x00, 0x01, 0x02 and their non-transitive twins 0x40 to 0x42, subtypes 2 and 3; else undefined. */
export function splitExtCommunity({ hi, lo }: ExtCommunity): ExtCommunityParts | undefined {
  const form = FORMS[(hi >>> 24) & ~NON_TRANSITIVE & 0xff];
  const subtype = (hi >>> 16) & 0xff;
  if (!form || (subtype !== ROUTE_TARGET && subtype !== ROUTE_ORIGIN)) return undefined;
  const kind = subtype === ROUTE_TARGET ? "rt" : "ro";
  if (form === "as2") return { kind, form, global: hi & 0xffff, local: lo };
  return { kind, form, global: (((hi & 0xffff) << 16) | (lo >>> 16)) >>> 0, local: lo & 0xffff };
}

/** Transitive, as RFC 4360 §4 and RFC 5668 define them. */
export function joinExtCommunity({ kind, form, global, local }: ExtCommunityParts): ExtCommunity {
  const head = (FORMS.indexOf(form) << 24) | ((kind === "rt" ? ROUTE_TARGET : ROUTE_ORIGIN) << 16);
  if (form === "as2") return { hi: (head | (global & 0xffff)) >>> 0, lo: local >>> 0 };
  return { hi: (head | (global >>> 16)) >>> 0, lo: ((global << 16) | (local & 0xffff)) >>> 0 };
}

/** Whether a speaker passes it on to another AS (RFC 4360 §2). */
export function isTransitive({ hi }: ExtCommunity): boolean {
  return ((hi >>> 24) & NON_TRANSITIVE) === 0;
}

/** `rt:65000:5`, `ro:192.0.2.1:7`, `generic:0x03000000:0x00000064`. */
export function formatExtCommunity(community: ExtCommunity): string {
  const parts = splitExtCommunity(community);
  if (!parts) return `generic:0x${hex(community.hi)}:0x${hex(community.lo)}`;
  const global = parts.form === "ipv4" ? formatDotted(parts.global) : parts.global;
  return `${parts.kind}:${global}:${parts.local}`;
}

/** The inverse of `formatExtCommunity`; an AS number above 65535 makes it a four-octet one. */
export function parseExtCommunity(text: string): ExtCommunity | undefined {
  const generic = /^generic:0x([0-9a-fA-F]{1,8}):0x([0-9a-fA-F]{1,8})$/.exec(text);
  if (generic) return { hi: Number.parseInt(generic[1]!, 16), lo: Number.parseInt(generic[2]!, 16) };
  const match = /^(rt|ro):([\d.]+):(\d{1,10})$/.exec(text);
  if (!match) return undefined;
  const [kind, local] = [match[1] as "rt" | "ro", Number(match[3])];
  const address = match[2]!.includes(".") ? parseAddress(match[2]!) : undefined;
  const global = address ? address.w0 : Number(match[2]);
  const form = address ? "ipv4" : global > 0xffff ? "as4" : "as2";
  if (!(global <= 0xffff_ffff) || local > (form === "as2" ? 0xffff_ffff : 0xffff)) return undefined;
  return joinExtCommunity({ kind, form, global, local });
}

/**
 * An IPv6-address specific one (RFC 5701), 20 octets: `rt:[2001:db8::1]:5`, `ro:[...]:5`; else `generic:0x...`.
 */
export function formatIpv6ExtCommunity(octets: Uint8Array): string {
  const kind = octets[1] === ROUTE_TARGET ? "rt" : octets[1] === ROUTE_ORIGIN ? "ro" : undefined;
  if (octets.length !== IPV6_LENGTH || !kind || (octets[0]! & ~NON_TRANSITIVE) !== 0)
    return `generic:0x${hexText(octets)}`;
  const local = (octets[18]! << 8) | octets[19]!;
  return `${kind}:[${formatAddress(addressFrom(octets, 6, 2))}]:${local}`;
}

/** For people: common types by name, such as `color 100`, `link-bandwidth AS65000 1.25 GB/s`; else as `formatExtCommunity`. */
export function describeExtCommunity(community: ExtCommunity): string {
  const { hi, lo } = community;
  const row = NAMED.get(hi >>> 16);
  return row ? row(hi, lo) : formatExtCommunity(community);
}

type Describe = (hi: number, lo: number) => string;

/** By type and subtype octets (IANA bgp-extended-communities). */
const NAMED: ReadonlyMap<number, Describe> = new Map<number, Describe>([
  [0x0005, (hi, lo) => `ospf-domain-id ${hi & 0xffff}:${lo}`],
  [0x0105, (hi, lo) => `ospf-domain-id ${word(hi, lo)}:${lo & 0xffff}`],
  [0x0107, (hi, lo) => `ospf-router-id ${word(hi, lo)}`],
  [0x010b, (hi, lo) => `vrf-route-import ${word(hi, lo)}:${lo & 0xffff}`],
  [0x0009, (hi, lo) => `source-as ${hi & 0xffff}:${lo}`],
  [0x0209, (hi, lo) => `source-as ${(((hi & 0xffff) << 16) | (lo >>> 16)) >>> 0}:${lo & 0xffff}`],
  [0x0004, bandwidth],
  [0x4004, bandwidth],
  [0x0306, (hi, lo) => `ospf-route-type area ${word(hi, lo)} type ${(lo >>> 8) & 0xff} options ${lo & 0xff}`],
  [0x030b, (_, lo) => `color ${lo}`],
  [0x030c, (_, lo) => `encapsulation ${lo & 0xffff}`],
  [0x030d, () => "default-gateway"],
  [0x4300, (_, lo) => `origin-validation ${VALIDATION[lo & 0xff] ?? lo & 0xff}`],
  [0x0600, (hi, lo) => `mac-mobility ${hi & 0x100 ? "sticky " : ""}${lo}`],
  [0x0601, (hi, lo) => `esi-label ${hi & 0x100 ? "single-active" : "all-active"} ${(lo & 0xff_ffff) >>> 4}`],
  [0x0602, (hi, lo) => `es-import ${mac(hi, lo)}`],
  [0x0603, (hi, lo) => `router-mac ${mac(hi, lo)}`],
  [0x0604, (hi, lo) => `evpn-l2 flags 0x${(hi & 0xffff).toString(16)} mtu ${lo >>> 16}`],
  [0x0606, (hi, lo) => `df-election algorithm ${(hi >>> 8) & 0x1f} bitmap 0x${hex((hi << 24) | (lo >>> 8))}`],
  [0x8006, (hi, lo) => `traffic-rate AS${hi & 0xffff} ${float(lo)} B/s`],
  [0x800c, (hi, lo) => `traffic-rate AS${hi & 0xffff} ${float(lo)} packets/s`],
  [0x8007, (_, lo) => `traffic-action${lo & 1 ? " terminal" : ""}${lo & 2 ? " sample" : ""}`],
  [0x8008, (hi, lo) => `redirect ${hi & 0xffff}:${lo}`],
  [0x8108, (hi, lo) => `redirect ${word(hi, lo)}:${lo & 0xffff}`],
  [0x8208, (hi, lo) => `redirect ${(((hi & 0xffff) << 16) | (lo >>> 16)) >>> 0}:${lo & 0xffff}`],
  [0x8009, (_, lo) => `traffic-marking dscp ${lo & 0x3f}`],
  [0x800a, (hi, lo) => `layer2-info encapsulation ${(hi >>> 8) & 0xff} mtu ${lo >>> 16}`],
]);

function bandwidth(hi: number, lo: number): string {
  return `link-bandwidth AS${hi & 0xffff} ${float(lo)} B/s`;
}

/** The IPv4 address in octets 2 to 5. */
function word(hi: number, lo: number): string {
  return formatDotted((((hi & 0xffff) << 16) | (lo >>> 16)) >>> 0);
}

function mac(hi: number, lo: number): string {
  return [hi >>> 8, hi, lo >>> 24, lo >>> 16, lo >>> 8, lo]
    .map((o) => (o & 0xff).toString(16).padStart(2, "0"))
    .join(":");
}

/** IEEE 754 single precision (RFC 8955 §7.1). */
function float(bits: number): number {
  return new DataView(Uint32Array.of(bits).buffer).getFloat32(0, new Uint8Array(Uint16Array.of(1).buffer)[0] === 1);
}

function hex(number: number): string {
  return (number >>> 0).toString(16).padStart(8, "0");
}

/** Exactly `count` plain decimals not above `max`, between colons. */
function numbers(text: string, count: number, max: number): number[] | undefined {
  const parts = text.split(":");
  if (parts.length !== count || !parts.every((part) => /^\d{1,10}$/.test(part))) return undefined;
  const values = parts.map(Number);
  return values.every((value) => value <= max) ? values : undefined;
}

const IPV6_LENGTH = 20;
const NON_TRANSITIVE = 0x40;
const ROUTE_TARGET = 2;
const ROUTE_ORIGIN = 3;
const FORMS = ["as2", "ipv4", "as4"] as const;
const VALIDATION = ["valid", "not-found", "invalid"] as const;
