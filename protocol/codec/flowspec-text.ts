/**
 * Flow specification rules as text (RFC 8955 §4.2, RFC 8956 §3): `dst 192.0.2.0/24 && proto =6 && dport >=80&<=90`.
 */
import { addressFrom, type Family, formatPrefix, prefixOf } from "../wire/address.ts";
import { type ByteReader, ShortRead } from "../wire/bytes.ts";

/** Reads components to the reader's end. @throws ShortRead if they do not come out even */
export function flowspecText(r: ByteReader, family: Family): string {
  const parts: string[] = [];
  while (r.left > 0) {
    const type = r.u8();
    const name = NAMES[type];
    if (name === undefined) throw new ShortRead(`component of type ${type}`);
    if (type === DESTINATION || type === SOURCE) parts.push(`${name} ${prefix(r, family)}`);
    else parts.push(`${name} ${operators(r, BITMASKS.has(type))}`);
  }
  return parts.length > 0 ? parts.join(" && ") : "all";
}

/** `bits 1 | prefix`; for IPv6 `bits 1 | offset 1 | the bits from offset on` (RFC 8956 §3.1). */
function prefix(r: ByteReader, family: Family): string {
  const bits = r.u8();
  const offset = family === 6 ? r.u8() : 0;
  if (bits > (family === 4 ? 32 : 128) || offset > bits) throw new ShortRead(`prefix of ${bits} bits from ${offset}`);
  const octets = r.view((bits - offset + 7) >>> 3);
  if (offset === 0) return formatPrefix(prefixOf(addressFrom(octets, family), bits));
  const pattern = Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
  return `bits ${offset}-${bits} = ${pattern}`;
}

/** A list of `operator 1 | value 1, 2, 4 or 8` up to the one with the end bit. */
function operators(r: ByteReader, bitmask: boolean): string {
  let text = "";
  for (;;) {
    const operator = r.u8();
    const value = [() => BigInt(r.u8()), () => BigInt(r.u16()), () => BigInt(r.u32()), () => r.u64()][
      (operator >>> 4) & 3
    ]!();
    if (text !== "") text += operator & AND ? "&" : "|";
    const shown = bitmask ? `0x${value.toString(16)}` : value.toString();
    text += (bitmask ? MASK_SIGNS[operator & 3] : COMPARISONS[operator & 7])! + shown;
    if (operator & END) return text;
  }
}

const DESTINATION = 1;
const SOURCE = 2;
const END = 0x80;
const AND = 0x40;
const NAMES: readonly (string | undefined)[] = [
  undefined,
  "dst",
  "src",
  "proto",
  "port",
  "dport",
  "sport",
  "icmp-type",
  "icmp-code",
  "tcp-flags",
  "length",
  "dscp",
  "fragment",
  "flow-label",
];
/** TCP flags and fragment are bit masks (RFC 8955 §4.2.1.2). */
const BITMASKS: ReadonlySet<number> = new Set([9, 12]);
const COMPARISONS = ["false", "=", ">", ">=", "<", "<=", "!=", "true"] as const;
/** Not set, match all bits, no bit matches, not all match. */
const MASK_SIGNS = ["", "=", "!", "!="] as const;
