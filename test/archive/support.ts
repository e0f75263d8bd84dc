/** Captures made by hand: messages into segments, segments into packets, packets into files. */
import { CaptureDecoder, type CaptureRecord } from "../../protocol/archive/capture.ts";
import { PcapReader } from "../../protocol/archive/pcap.ts";
import { isPcapng, PcapngReader } from "../../protocol/archive/pcapng.ts";
import type { Packet, Reader } from "../../protocol/archive/record.ts";
import { addressOctets, parseAddress } from "../../protocol/wire/address.ts";

export function join(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const octets = parts.map((part) => Uint8Array.from(part));
  const whole = new Uint8Array(octets.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of octets) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function u16(value: number): number[] {
  return [(value >>> 8) & 255, value & 255];
}

export function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)];
}

export function le16(value: number): number[] {
  return u16(value).reverse();
}

export function le32(value: number): number[] {
  return u32(value).reverse();
}

export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/[^0-9a-f]/gi, ""), "hex"));
}

// ---- BGP

export function message(type: number, body: Uint8Array | readonly number[] = []): Uint8Array {
  return join(new Uint8Array(16).fill(0xff), u16(19 + body.length), [type], body);
}

export const KEEPALIVE: Uint8Array = message(4);

export function open(asn: number, capabilities: readonly (readonly number[])[] = []): Uint8Array {
  const values = capabilities.flatMap((capability) => [...capability]);
  const parameters = values.length > 0 ? [2, values.length, ...values] : [];
  return message(1, [4, ...u16(asn > 65_535 ? 23_456 : asn), 0, 180, 10, 0, 0, 1, parameters.length, ...parameters]);
}

export function capability(code: number, ...value: readonly number[]): number[] {
  return [code, value.length, ...value];
}

export function as4Capability(asn: number): number[] {
  return capability(65, ...u32(asn));
}

export function attribute(flags: number, code: number, value: Uint8Array | readonly number[]): Uint8Array {
  return value.length > 255
    ? join([flags | 0x10, code], u16(value.length), value)
    : join([flags, code, value.length], value);
}

export function sequence(asns: readonly number[], width: 2 | 4 = 4): number[] {
  return [2, asns.length, ...asns.flatMap((asn) => (width === 4 ? u32(asn) : u16(asn)))];
}

export function prefix(text: string): number[] {
  const [address, length] = text.split("/");
  const octets = addressOctets(parseAddress(address!)!);
  return [Number(length), ...octets.subarray(0, Math.ceil(Number(length) / 8))];
}

export interface UpdateParts {
  readonly withdrawn?: readonly string[];
  readonly announced?: readonly string[];
  readonly path?: readonly number[];
  readonly width?: 2 | 4;
  readonly extra?: readonly Uint8Array[];
}

export function update({
  withdrawn = [],
  announced = [],
  path = [65_001],
  width = 4,
  extra = [],
}: UpdateParts): Uint8Array {
  const attributes = join(
    ...(announced.length > 0
      ? [
          attribute(0x40, 1, [0]),
          attribute(0x40, 2, path.length > 0 ? sequence(path, width) : []),
          attribute(0x40, 3, [192, 0, 2, 1]),
        ]
      : []),
    ...extra,
  );
  const gone = withdrawn.flatMap(prefix);
  return message(2, join(u16(gone.length), gone, u16(attributes.length), attributes, announced.flatMap(prefix)));
}

// ---- IP

export interface TcpFields {
  readonly src?: string;
  readonly dst?: string;
  readonly sport?: number;
  readonly dport?: number;
  readonly seq: number;
  readonly ack?: number;
  readonly flags?: string;
  readonly data?: Uint8Array | readonly number[];
}

const FLAGS: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, A: 16 };

export function tcp({ sport = 40_000, dport = 179, seq, ack = 0, flags = "PA", data = [] }: TcpFields): Uint8Array {
  const bits = [...flags].reduce((sum, flag) => sum | FLAGS[flag]!, 0);
  return join(u16(sport), u16(dport), u32(seq), u32(ack), [0x50, bits], u16(65_535), [0, 0, 0, 0], data);
}

export interface IpFields {
  readonly src?: string;
  readonly dst?: string;
  readonly protocol?: number;
  readonly id?: number;
  /** The flags and offset field as it stands. */
  readonly fragment?: number;
}

export function ipv4(
  payload: Uint8Array,
  { src = A, dst = B, protocol = 6, id = 1, fragment = 0x4000 }: IpFields = {},
): Uint8Array {
  const head = [0x45, 0, ...u16(20 + payload.length), ...u16(id), ...u16(fragment), 64, protocol, 0, 0];
  return join(head, addressOctets(parseAddress(src)!), addressOctets(parseAddress(dst)!), payload);
}

export function ipv6(payload: Uint8Array, { src = A6, dst = B6, protocol = 6 }: IpFields = {}): Uint8Array {
  const head = [0x60, 0, 0, 0, ...u16(payload.length), protocol, 64];
  return join(head, addressOctets(parseAddress(src)!), addressOctets(parseAddress(dst)!), payload);
}

export function ethernet(payload: Uint8Array, type = 0x0800): Uint8Array {
  return join([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], u16(type), payload);
}

/** A segment from A to B as an Ethernet frame. */
export function frame(fields: TcpFields): Uint8Array {
  return ethernet(ipv4(tcp(fields), fields));
}

/** The other way. */
export function reply(fields: TcpFields): Uint8Array {
  return frame({ src: B, dst: A, sport: 179, dport: 40_000, ...fields });
}

export const A = "192.0.2.1";
export const B = "192.0.2.2";
export const A6 = "2001:db8::1";
export const B6 = "2001:db8::2";

// ---- files

export interface PcapOptions {
  readonly linkType?: number;
  readonly magic?: number;
  readonly big?: boolean;
  /** Octets kept of each packet. */
  readonly snap?: number;
  /** Seconds between packets. */
  readonly step?: number;
}

export function pcap(packets: readonly Uint8Array[], options: PcapOptions = {}): Uint8Array {
  const { linkType = 1, magic = 0xa1b2_c3d4, big = false, snap = 262_144, step = 1 } = options;
  const w32 = big ? u32 : le32;
  const w16 = big ? u16 : le16;
  const header = [...w32(magic), ...w16(2), ...w16(4), ...w32(0), ...w32(0), ...w32(snap), ...w32(linkType)];
  const extra = magic === 0xa1b2_cd34 ? new Array<number>(8).fill(0) : [];
  const records = packets.map((packet, i) => {
    const kept = packet.subarray(0, snap);
    return join(w32(1_700_000_000 + i * step), w32(i), w32(kept.length), w32(packet.length), extra, kept);
  });
  return join(header, ...records);
}

export function block(type: number, body: Uint8Array | readonly number[], big = false): Uint8Array {
  const w32 = big ? u32 : le32;
  const padded = join(body, new Array<number>(-body.length & 3).fill(0));
  const length = w32(12 + padded.length);
  return join(w32(type), length, padded, length);
}

export function option(code: number, value: readonly number[], big = false): number[] {
  const w16 = big ? u16 : le16;
  return [...w16(code), ...w16(value.length), ...value, ...new Array<number>(-value.length & 3).fill(0)];
}

export function sectionHeader(big = false): Uint8Array {
  const w16 = big ? u16 : le16;
  const w32 = big ? u32 : le32;
  return block(0x0a0d_0d0a, [...w32(0x1a2b_3c4d), ...w16(1), ...w16(0), ...new Array<number>(8).fill(0xff)], big);
}

export function interfaceBlock(linkType: number, options: readonly number[] = [], big = false): Uint8Array {
  const w16 = big ? u16 : le16;
  const w32 = big ? u32 : le32;
  return block(1, [...w16(linkType), 0, 0, ...w32(0), ...options], big);
}

export function enhancedPacket(packet: Uint8Array, time: bigint, interfaceId = 0, big = false): Uint8Array {
  const w32 = big ? u32 : le32;
  const halves = [...w32(Number(time >> 32n)), ...w32(Number(time & 0xffff_ffffn))];
  return block(6, join(w32(interfaceId), halves, w32(packet.length), w32(packet.length), packet), big);
}

// ---- decoding

export function readerOf(file: Uint8Array): Reader<Packet> {
  return isPcapng(file) ? new PcapngReader() : new PcapReader();
}

/** All records of a capture; octets are copied. @param chunk octets pushed at a time */
export function decodeCapture(
  file: Uint8Array,
  ports: readonly number[] = [179],
  chunk: number = file.length || 1,
): CaptureRecord[] {
  const records: CaptureRecord[] = [];
  const decoder = new CaptureDecoder(
    readerOf(file),
    { as4: "auto", addPath: "auto", ports: new Set(ports) },
    (record) => {
      records.push(record.kind === "message" ? { ...record, octets: record.octets.slice() } : record);
    },
  );
  for (let at = 0; at < file.length; at += chunk) decoder.push(file.slice(at, at + chunk));
  decoder.end();
  decoder.finish();
  return records;
}

/** What a test wants to see of them: `4 3` is a message of type 4 in frame 3. */
export function shortly(records: readonly CaptureRecord[]): string[] {
  return records.map((record) => `${textOf(record)} in ${record.moment.frame}`);
}

function textOf(record: CaptureRecord): string {
  switch (record.kind) {
    case "message":
      return `${record.octets[18]}`;
    case "gap":
      return `gap ${record.missing}+${record.skipped}`;
    case "truncated":
      return `truncated ${record.captured}/${record.original}`;
    case "unsupported":
      return record.what;
  }
}
