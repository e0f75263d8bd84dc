/** Octets by hand, for tables: hex, headers, attribute lists, whole UPDATEs. */
import { type CodecContext, DEFAULT_CONTEXT } from "../../protocol/codec/capability.ts";
import { NotificationError } from "../../protocol/codec/error.ts";
import { decodeMessage } from "../../protocol/codec/message.ts";
import type { Update } from "../../protocol/codec/update.ts";

export const MARKER: string = "ff".repeat(16);

export const EBGP: CodecContext = DEFAULT_CONTEXT;
export const IBGP: CodecContext = { ...DEFAULT_CONTEXT, peer: "ibgp" };
export const MEMBER: CodecContext = { ...DEFAULT_CONTEXT, peer: "confederation" };
export const OLD: CodecContext = { ...DEFAULT_CONTEXT, as4: false };
export const PATHS: CodecContext = {
  ...DEFAULT_CONTEXT,
  addPathRx: new Set(["1/1", "2/1"]),
  addPathTx: new Set(["1/1", "2/1"]),
};

/** Blanks between octets are for the reader. */
export function hex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, "");
  if (digits.length % 2 || /[^0-9a-f]/i.test(digits)) throw new Error(`not hex: ${text}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function toHex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

/** A message with the right marker and length around a body. */
export function message(type: number, body: string): Uint8Array {
  const octets = hex(body);
  return hex(`${MARKER} ${u16(octets.length + 19)} ${u8(type)} ${body}`);
}

/** An attribute with the right length octet, or two where the flags ask for them. */
export function attribute(flags: number, code: number, value = ""): string {
  const { length } = hex(value);
  return `${u8(flags)} ${u8(code)} ${flags & 0x10 ? u16(length) : u8(length)} ${value}`;
}

export function update(parts: { withdrawn?: string; attributes?: string; nlri?: string }): Uint8Array {
  const { withdrawn = "", attributes = "", nlri = "" } = parts;
  const lengths = [withdrawn, attributes].map((part) => u16(hex(part).length));
  return message(2, `${lengths[0]} ${withdrawn} ${lengths[1]} ${attributes} ${nlri}`);
}

export const ORIGIN: string = attribute(0x40, 1, "00");
/** 65001 in four octets. */
export const AS_PATH: string = attribute(0x40, 2, "02 01 0000fde9");
export const AS_PATH_OLD: string = attribute(0x40, 2, "02 01 fde9");
export const NEXT_HOP: string = attribute(0x40, 3, "c0000201");
export const MANDATORY: string = ORIGIN + AS_PATH + NEXT_HOP;
export const MANDATORY_OLD: string = ORIGIN + AS_PATH_OLD + NEXT_HOP;
/** 10.0.0.0/8 */
export const TEN: string = "08 0a";
/** 2001:db8::/32 over 2001:db8::1 */
export const MP_REACH: string = attribute(0x80, 14, "0002 01 10 20010db8000000000000000000000001 00 20 20010db8");

/** What a message comes to, short enough for a table: the NOTIFICATION, or the verdict and its faults. */
export function outcome(octets: Uint8Array, context: CodecContext = EBGP): string {
  try {
    const decoded = decodeMessage(octets, context);
    return decoded.type === "update" ? verdict(decoded) : decoded.type;
  } catch (error) {
    if (!(error instanceof NotificationError)) throw error;
    const data = toHex(error.data);
    return `reset ${error.code}/${error.subcode}${data ? ` ${data}` : ""}`;
  }
}

function verdict({ verdict, faults }: Update): string {
  const words = { "treat-as-withdraw": "TAW", "attribute-discard": "discard" };
  if (verdict === "none") return "fine";
  return faults.map((f) => `${words[f.severity]} ${f.attribute}:${f.code}/${f.subcode}`).join(", ");
}

function u8(n: number): string {
  return n.toString(16).padStart(2, "0");
}

function u16(n: number): string {
  return n.toString(16).padStart(4, "0");
}
