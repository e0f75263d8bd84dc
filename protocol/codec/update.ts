/**
 * UPDATE (RFC 4271 §4.3) and the verdict on it (RFC 7606).
 *
 *   | withdrawn length 2 | prefixes | attributes length 2 | attributes | prefixes to the end |   (octets)
 *
 * Reading is purely syntactic and touches no state: it yields attributes, prefixes and every fault.
 * Only then somebody reacts, all or nothing (RFC 7606 §3(j)).
 */
import { formatAddress, type IpAddress, isMulticast, isUnspecified } from "../wire/address.ts";
import { ByteReader, type ByteWriter } from "../wire/bytes.ts";
import {
  attributeOffset,
  encodeAttributes,
  settleAttributes,
  type WalkedAttributes,
  type WireAttribute,
  walkAttributes,
} from "./attribute.ts";
import { type CodecContext, type FamilyKey, familyKey } from "./capability.ts";
import { type AttributeFault, addFault, type Fault, inOctets, NotificationError, survivable } from "./error.ts";
import { Afi, AttributeCode, attributeName, ErrorCode, Flags, familyName, Safi, UpdateSubcode } from "./iana.ts";
import { decodeNlri, encodeNlri, type MpReach, type MpUnreach, type Nlri } from "./nlri.ts";
import type { PathAttributes } from "./path-attributes.ts";

export interface Update {
  readonly type: "update";
  /** IPv4 unicast, as is `announced`; other families are in `attributes.mpUnreach` and `.mpReach`. */
  readonly withdrawn: readonly Nlri[];
  readonly attributes: PathAttributes;
  /** In a message that also withdraws it, a prefix counts as announced (RFC 4271 §4.3): apply `withdrawn` first. */
  readonly announced: readonly Nlri[];
  /** In wire order; empty for a well-formed message. */
  readonly faults: readonly AttributeFault[];
  /** The strongest reaction. On "treat-as-withdraw" all announced prefixes are withdrawn and the attributes mean nothing. */
  readonly verdict: Verdict;
}

export type Verdict = "none" | "attribute-discard" | "treat-as-withdraw";

/** Where the parts of an UPDATE are: offsets from the start of the marker, ends exclusive. */
export interface UpdateParts {
  withdrawnStart: number;
  withdrawnEnd: number;
  attributesStart: number;
  attributesEnd: number;
  nlriStart: number;
  nlriEnd: number;
}

/** What could be read of an UPDATE, and what is wrong with it. */
export interface ReadUpdate {
  readonly withdrawn: readonly Nlri[];
  /** As on the wire. */
  readonly attributes: PathAttributes;
  readonly announced: readonly Nlri[];
  /** In wire order, escalated where RFC 7606 §5.2 says so. */
  readonly faults: readonly Fault[];
  /** Where the attribute list begins. */
  readonly attributesStart: number;
}

export function encodeUpdate(
  w: ByteWriter,
  update: Pick<Update, "withdrawn" | "attributes" | "announced">,
  context: CodecContext,
): void {
  const addPath = context.addPathTx.has(IPV4_UNICAST);
  const withdrawnAt = w.length;
  w.u16(0);
  for (const nlri of update.withdrawn) encodeNlri(w, nlri, addPath);
  patchLength(w, withdrawnAt);
  const attributesAt = w.length;
  w.u16(0);
  encodeAttributes(w, update.attributes, context);
  patchLength(w, attributesAt);
  for (const nlri of update.announced) encodeNlri(w, nlri, addPath);
}

/**
 * @param octets the whole message; its header was checked
 * @throws NotificationError the first fault that ends the session
 */
export function decodeUpdate(octets: Uint8Array, context: CodecContext): Update {
  const read = readUpdate(octets, context);
  const faults = [...survivable(read.faults)];
  const attributes = negotiated(settleAttributes(read.attributes, context), context, faults, (code) =>
    attributeOffset(octets, read.attributesStart, code),
  );
  const plain = context.families === "any" || context.families.has(IPV4_UNICAST);
  if (!plain && read.withdrawn.length + read.announced.length > 0)
    faults.push(notNegotiated(0, Afi.Ipv4, Safi.Unicast, HEADER));
  const withdrawn = plain ? read.withdrawn : [];
  const announced = plain ? read.announced : [];
  return { type: "update", withdrawn, attributes, announced, faults, verdict: verdictOf(faults) };
}

/** Reads all that is readable; never throws. @param wire gets each attribute as it stands, if given */
export function readUpdate(octets: Uint8Array, context: CodecContext, wire?: WireAttribute[]): ReadUpdate {
  const parts = emptyParts();
  const framing = locate(octets, parts);
  if (framing) return { withdrawn: [], attributes: {}, announced: [], faults: [framing], attributesStart: HEADER };
  const faults: Fault[] = [];
  const addPath = context.addPathRx.has(IPV4_UNICAST);
  const withdrawn = readField(octets, parts.withdrawnStart, parts.withdrawnEnd, addPath, faults, "Withdrawn Routes");
  const walked = walkAttributes(new ByteReader(octets, parts.attributesStart, parts.attributesEnd), context, wire);
  for (const fault of walked.faults) addFault(faults, fault);
  const announced = readField(octets, parts.nlriStart, parts.nlriEnd, addPath, faults, "the NLRI");
  if (faults.length > 0 || parts.nlriEnd > parts.nlriStart || walked.attributes.mpReach) {
    judgeSet(octets, parts, walked, context, faults);
  }
  return { withdrawn, attributes: walked.attributes, announced, faults, attributesStart: parts.attributesStart };
}

/** The family whose End-of-RIB this is (RFC 4724 §2), if it is one; a malformed UPDATE never is. */
export function endOfRib(
  update: Pick<Update, "withdrawn" | "attributes" | "announced" | "faults">,
): { afi: number; safi: number } | undefined {
  if (update.faults.length + update.withdrawn.length + update.announced.length > 0) return undefined;
  const keys = Object.keys(update.attributes);
  if (keys.length === 0) return { afi: Afi.Ipv4, safi: Safi.Unicast };
  const { mpUnreach } = update.attributes;
  if (!mpUnreach || keys.length > 1 || mpUnreach.nlri.length > 0 || (mpUnreach.raw?.length ?? 0) > 0) return undefined;
  return { afi: mpUnreach.afi, safi: mpUnreach.safi };
}

/** The UPDATE that is End-of-RIB of a family. */
export function endOfRibUpdate(afi: number, safi: number): Update {
  const attributes = afi === Afi.Ipv4 && safi === Safi.Unicast ? {} : { mpUnreach: { afi, safi, nlri: [] } };
  return { type: "update", withdrawn: [], attributes, announced: [], faults: [], verdict: "none" };
}

export function verdictOf(faults: readonly AttributeFault[]): Verdict {
  if (faults.length === 0) return "none";
  return faults.some(({ severity }) => severity === "treat-as-withdraw") ? "treat-as-withdraw" : "attribute-discard";
}

/**
 * Hot path: finds the parts of an UPDATE without building objects. Whoever uses it interns the
 * attribute octets and walks the NLRI itself (`walkPrefixes`).
 * @throws NotificationError 3/1
 */
export function scanUpdate(octets: Uint8Array, into: UpdateParts): void {
  const fault = locate(octets, into);
  if (fault) throw new NotificationError(fault.code, fault.subcode, fault.reason, fault.data, fault.offset);
}

export function emptyParts(): UpdateParts {
  return { withdrawnStart: 0, withdrawnEnd: 0, attributesStart: 0, attributesEnd: 0, nlriStart: 0, nlriEnd: 0 };
}

/** RFC 4271 §6.3: the two lengths must fit the message. */
function locate(o: Uint8Array, into: UpdateParts): Fault | undefined {
  const end = o.length;
  if (end < HEADER + 4) return listFault(`UPDATE of ${inOctets(end)} has no room for its lengths`, HEADER);
  const withdrawn = (o[HEADER]! << 8) | o[HEADER + 1]!;
  const attributesAt = HEADER + 2 + withdrawn;
  if (attributesAt + 2 > end) {
    return listFault(`Withdrawn Routes of ${inOctets(withdrawn)} leave no room for the attribute length`, HEADER);
  }
  const attributes = (o[attributesAt]! << 8) | o[attributesAt + 1]!;
  const nlri = attributesAt + 2 + attributes;
  if (nlri > end) {
    return listFault(
      `path attributes of ${inOctets(attributes)}, but only ${end - attributesAt - 2} are there`,
      attributesAt,
    );
  }
  into.withdrawnStart = HEADER + 2;
  into.withdrawnEnd = attributesAt;
  into.attributesStart = attributesAt + 2;
  into.attributesEnd = nlri;
  into.nlriStart = nlri;
  into.nlriEnd = end;
  return undefined;
}

function readField(
  octets: Uint8Array,
  start: number,
  end: number,
  addPath: boolean,
  faults: Fault[],
  where: string,
): Nlri[] {
  const nlri: Nlri[] = [];
  const bad = decodeNlri(new ByteReader(octets, start, end), 4, addPath, nlri);
  if (bad) {
    const reason = `${bad.reason} in ${where}`;
    const at = { code: ErrorCode.Update, attribute: 0, offset: bad.offset ?? start };
    addFault(faults, { ...at, severity: "session-reset", subcode: bad.subcode, reason });
  }
  return nlri;
}

/** What only the message as a whole shows: a next hop that is used, what is missing, whether TAW suffices. */
function judgeSet(
  octets: Uint8Array,
  parts: UpdateParts,
  walked: WalkedAttributes,
  context: CodecContext,
  faults: Fault[],
): void {
  const { attributes, seen, cut } = walked;
  const plain = parts.nlriEnd > parts.nlriStart;
  const mp = reachable(attributes.mpReach);
  // NEXT_HOP without IPv4 NLRI is ignored (RFC 4760 §3).
  if (plain && attributes.nextHop && !usable(attributes.nextHop)) {
    const offset = attributeOffset(octets, parts.attributesStart, AttributeCode.NextHop);
    const header = octets[offset]! & Flags.ExtendedLength ? 4 : 3;
    addFault(
      faults,
      badNextHop(attributes.nextHop, AttributeCode.NextHop, offset, octets.slice(offset, offset + header + 4)),
    );
  }
  if (mp && context.peer !== "unknown" && !attributes.mpReach?.raw && !attributes.mpReach?.nextHops.some(usable)) {
    const offset = attributeOffset(octets, parts.attributesStart, AttributeCode.MpReachNlri);
    addFault(faults, badNextHop(attributes.mpReach?.nextHops[0], AttributeCode.MpReachNlri, offset));
  }
  // Behind a cut nobody knows what would have come.
  if ((plain || mp) && !cut) {
    // BGPSEC_PATH stands for AS_PATH where BGPsec was negotiated (RFC 8205 §4); without a session nobody knows.
    const bgpsec = context.peer === "unknown" && seen.has(AttributeCode.BgpsecPath);
    for (const code of plain ? MANDATORY : MANDATORY_MP) {
      if (seen.has(code) || (bgpsec && code === AttributeCode.AsPath)) continue;
      addFault(faults, missing(code, parts.attributesEnd));
    }
  }
  faults.sort((a, b) => a.offset - b.offset);
  if (!plain && !mp) escalate(faults);
}

/** Without reachable NLRI nobody can be sure that the NLRI were found: TAW does not suffice (RFC 7606 §5.2). */
function escalate(faults: Fault[]): void {
  if (faults.some(({ severity }) => severity === "session-reset")) return; // that one says it better
  for (const [i, fault] of faults.entries()) {
    if (fault.severity !== "treat-as-withdraw") continue;
    faults[i] = { ...fault, severity: "session-reset", reason: `${fault.reason}, in an UPDATE that announces nothing` };
  }
}

/** Drops what belongs to a family that was not negotiated: ignored, and said so. */
function negotiated(
  a: PathAttributes,
  context: CodecContext,
  faults: AttributeFault[],
  offsetOf: (code: number) => number,
): PathAttributes {
  if (context.families === "any") return a;
  const { mpReach, mpUnreach, ...rest } = a;
  const { families } = context;
  const take = (mp: MpReach | MpUnreach | undefined, code: number): boolean => {
    if (!mp) return false;
    if (families.has(familyKey(mp.afi, mp.safi))) return true;
    faults.push(notNegotiated(code, mp.afi, mp.safi, offsetOf(code)));
    return false;
  };
  const reach = take(mpReach, AttributeCode.MpReachNlri);
  const unreach = take(mpUnreach, AttributeCode.MpUnreachNlri);
  return { ...rest, ...(reach && mpReach ? { mpReach } : {}), ...(unreach && mpUnreach ? { mpUnreach } : {}) };
}

function reachable(mp: MpReach | undefined): boolean {
  return mp !== undefined && (mp.nlri.length > 0 || (mp.raw?.nlri.length ?? 0) > 0);
}

/** A unicast host address (RFC 4271 §6.3). */
function usable(ip: IpAddress): boolean {
  return !isUnspecified(ip) && !isMulticast(ip) && !(ip.family === 4 && ip.w0 === BROADCAST);
}

function badNextHop(ip: IpAddress | undefined, attribute: number, offset: number, data?: Uint8Array): AttributeFault {
  const reason = `next hop ${ip ? formatAddress(ip) : "missing"} is no address of a host`;
  const subcode = UpdateSubcode.InvalidNextHop;
  return {
    severity: "treat-as-withdraw",
    attribute,
    code: ErrorCode.Update,
    subcode,
    reason,
    offset,
    ...(data ? { data } : {}),
  };
}

function missing(attribute: number, offset: number): AttributeFault {
  const reason = `${attributeName(attribute)} is missing`;
  const subcode = UpdateSubcode.MissingWellKnown;
  return {
    severity: "treat-as-withdraw",
    attribute,
    code: ErrorCode.Update,
    subcode,
    reason,
    offset,
    data: Uint8Array.of(attribute),
  };
}

function notNegotiated(attribute: number, afi: number, safi: number, offset: number): AttributeFault {
  const reason = `routes of ${familyName(afi, safi)}, which was not negotiated: ignored`;
  const subcode = UpdateSubcode.OptionalAttribute;
  return { severity: "attribute-discard", attribute, code: ErrorCode.Update, subcode, reason, offset };
}

function listFault(reason: string, offset: number): Fault {
  const subcode = UpdateSubcode.MalformedAttributeList;
  return { severity: "session-reset", attribute: 0, code: ErrorCode.Update, subcode, reason, offset };
}

function patchLength(w: ByteWriter, at: number): void {
  const length = w.length - at - 2;
  if (length > 0xffff) throw new RangeError(`a field of ${inOctets(length)} in an UPDATE`);
  w.patchU16(at, length);
}

/** The message header (RFC 4271 §4.1): marker, length, type. */
const HEADER = 19;
const IPV4_UNICAST: FamilyKey = "1/1";
const BROADCAST = 0xffff_ffff;
const MANDATORY = [AttributeCode.Origin, AttributeCode.AsPath, AttributeCode.NextHop] as const;
const MANDATORY_MP = [AttributeCode.Origin, AttributeCode.AsPath] as const;
