/**
 * AS_PATH and AS4_PATH (RFC 4271 §4.3, RFC 5065, RFC 6793): segments in, segments out, and what is
 * asked of a path: length, first, last, text.
 *
 *   | type 1 | count 1 | AS numbers count x 2 or 4 |   (octets), repeated
 */
import { ByteReader, type ByteWriter } from "../wire/bytes.ts";
import { Malformed } from "./error.ts";
import { AS_TRANS, SegmentType, UpdateSubcode } from "./iana.ts";

export interface AsSegment {
  readonly type: SegmentType;
  readonly asns: readonly number[];
}

export type AsPath = readonly AsSegment[];

/** A segment longer than its count octet can say is written as several of its type. */
export function encodeAsPath(w: ByteWriter, path: AsPath, as4: boolean): void {
  for (const { type, asns } of path) {
    for (let start = 0; start < asns.length; start += MAX_COUNT) {
      const end = Math.min(asns.length, start + MAX_COUNT);
      w.u8(type).u8(end - start);
      for (let i = start; i < end; i++) {
        const asn = asns[i]!;
        if (as4) w.u32(asn);
        else w.u16(asn > 0xffff ? AS_TRANS : asn);
      }
    }
  }
}

/** RFC 7606 §7.2; AS 0 is RFC 7607 §2. Reads to the reader's end. */
export function decodeAsPath(r: ByteReader, as4: boolean): AsPath | Malformed {
  let path: AsSegment[] | undefined;
  while (r.left > 0) {
    const segment = decodeSegment(r, as4);
    if (segment instanceof Malformed) return segment;
    if (path) path.push(segment);
    else path = [segment]; // most have one: a list of one is a third of what `push` allots
  }
  return path ?? NO_PATH;
}

function decodeSegment(r: ByteReader, as4: boolean): AsSegment | Malformed {
  const { at } = r;
  const width = as4 ? 4 : 2;
  if (r.left < 2) return malformed("one octet is left behind the last AS_PATH segment", at);
  const type = r.u8();
  const count = r.u8();
  if (type < SegmentType.AsSet || type > SegmentType.AsConfedSet) {
    return malformed(`AS_PATH segment of unknown type ${type}`, at);
  }
  if (count === 0) return malformed("AS_PATH segment without AS numbers", at);
  if (count * width > r.left) {
    const reason = `AS_PATH segment says ${count} x ${width} octets of AS numbers, but only ${r.left} are left`;
    return malformed(reason, at);
  }
  const asns = as4 ? r.u32s(count) : Array.from({ length: count }, () => r.u16());
  const zero = asns.indexOf(0);
  if (zero >= 0) return malformed("AS 0 in AS_PATH", at + 2 + zero * width);
  return { type: type as SegmentType, asns };
}

/** As the decision counts it (RFC 4271 §9.1.2.2, RFC 5065 §5.3): a set is 1, confederation segments 0. */
export function pathLength(path: AsPath): number {
  let length = 0;
  for (const { type, asns } of path) {
    if (type === SegmentType.AsSequence) length += asns.length;
    else if (type === SegmentType.AsSet) length += 1;
  }
  return length;
}

/** The leftmost AS: undefined if the path is empty or begins with a set. */
export function firstAs(path: AsPath): number | undefined {
  const first = path[0];
  return first && isSequence(first.type) ? first.asns[0] : undefined;
}

/** The rightmost AS, the origin: undefined if the path is empty or ends with a set. */
export function lastAs(path: AsPath): number | undefined {
  const last = path.at(-1);
  return last && isSequence(last.type) ? last.asns.at(-1) : undefined;
}

export function containsAs(path: AsPath, asn: number): boolean {
  return path.some((segment) => segment.asns.includes(asn));
}

/** How often an AS stands in the path: for allow-local-as. */
export function countAs(path: AsPath, asn: number): number {
  let count = 0;
  for (const { asns } of path) for (const a of asns) if (a === asn) count++;
  return count;
}

export function hasConfederation(path: AsPath): boolean {
  return path.some(({ type }) => isConfederation(type));
}

export function hasSet(path: AsPath): boolean {
  return path.some(({ type }) => !isSequence(type));
}

/** Towards a peer outside the confederation (RFC 5065 §4.1). */
export function withoutConfederation(path: AsPath): AsPath {
  return hasConfederation(path) ? path.filter(({ type }) => !isConfederation(type)) : path;
}

/**
 * Puts an AS in front, `times` times (RFC 4271 §5.1.2): a new segment when the first is none of
 * this type or is full.
 * @param confederation as AS_CONFED_SEQUENCE, towards a member AS
 */
export function prepend(path: AsPath, asn: number, times = 1, confederation = false): AsPath {
  const type = confederation ? SegmentType.AsConfedSequence : SegmentType.AsSequence;
  const [first, ...rest] = path;
  const joined = first?.type === type;
  let asns = [...new Array<number>(times).fill(asn), ...(joined ? first.asns : [])];
  const tail = joined ? rest : path;
  const segments: AsSegment[] = [];
  while (asns.length > MAX_COUNT) {
    // The rightmost segment is filled; what is over stands in front of it.
    segments.unshift({ type, asns: asns.slice(-MAX_COUNT) });
    asns = asns.slice(0, -MAX_COUNT);
  }
  if (asns.length > 0) segments.unshift({ type, asns });
  return [...segments, ...tail];
}

/**
 * The path a two-octet peer meant (RFC 6793 §4.2.3): the leading part of AS_PATH that AS4_PATH does
 * not know of, then AS4_PATH. A longer AS4_PATH is ignored; its confederation segments are dropped (§6).
 */
export function mergeAs4Path(path: AsPath, as4Path: AsPath): AsPath {
  const tail = withoutConfederation(as4Path);
  const keep = pathLength(path) - pathLength(tail);
  if (keep < 0) return path;
  const head = leading(path, keep);
  const [last, first] = [head.at(-1), tail[0]];
  if (last && first && last.type === SegmentType.AsSequence && first.type === SegmentType.AsSequence) {
    return [...head.slice(0, -1), { type: last.type, asns: [...last.asns, ...first.asns] }, ...tail.slice(1)];
  }
  return [...head, ...tail];
}

/** `65000 65001 {65002 65003} (65010 65011) ({65012})`; "" if empty. */
export function formatAsPath(path: AsPath): string {
  return path.map(({ type, asns }) => BRACKETS[type].replace("_", asns.join(" "))).join(" ");
}

/** Whether the octets of an AS_PATH make segments with AS numbers of this width: for who saw no OPEN. */
export function pathFits(octets: Uint8Array, as4: boolean): boolean {
  return !(decodeAsPath(new ByteReader(octets), as4) instanceof Malformed);
}

export function isConfederation(type: SegmentType): boolean {
  return type === SegmentType.AsConfedSequence || type === SegmentType.AsConfedSet;
}

function isSequence(type: SegmentType): boolean {
  return type === SegmentType.AsSequence || type === SegmentType.AsConfedSequence;
}

/** The first `count` ASes, confederation segments before and among them included. */
function leading(path: AsPath, count: number): AsSegment[] {
  const head: AsSegment[] = [];
  let left = count;
  for (const segment of path) {
    if (isConfederation(segment.type)) head.push(segment);
    else if (left <= 0) break;
    else if (segment.type === SegmentType.AsSet) {
      head.push(segment);
      left -= 1;
    } else {
      head.push(segment.asns.length > left ? { type: segment.type, asns: segment.asns.slice(0, left) } : segment);
      left -= segment.asns.length;
    }
  }
  return head;
}

function malformed(reason: string, offset: number): Malformed {
  return new Malformed(UpdateSubcode.MalformedAsPath, reason, offset);
}

const NO_PATH: AsPath = [];
const MAX_COUNT = 255;
const BRACKETS: Readonly<Record<SegmentType, string>> = { 1: "{_}", 2: "_", 3: "(_)", 4: "({_})" };
