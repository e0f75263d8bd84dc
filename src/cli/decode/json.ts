/**
 * Records as the JSON objects that `linnet decode` prints, one a line: keys and values are an interface, kept to the letter.
 * What is absent is left out, never null.
 */
import type {
  GapRecord,
  MessageRecord,
  Place,
  RibRecord,
  StateRecord,
  TruncatedRecord,
  UnsupportedRecord,
} from "../../../protocol/archive/record.ts";
import { formatMoment } from "../../../protocol/archive/record.ts";
import { formatAsPath } from "../../../protocol/codec/as-path.ts";
import { formatCommunity, formatExtCommunity, formatLargeCommunity } from "../../../protocol/codec/community.ts";
import { AttributeCode, CapabilityCode, errorText, Safi } from "../../../protocol/codec/iana.ts";
import type { Finding, InspectedAttributes, InspectedUpdate, Inspection } from "../../../protocol/codec/inspect.ts";
import type { MpReach, MpUnreach, Nlri } from "../../../protocol/codec/nlri.ts";
import { type Notification, shutdownText } from "../../../protocol/codec/notification.ts";
import type { RawCapability } from "../../../protocol/codec/open.ts";
import { formatAddress, formatDotted, formatPrefix } from "../../../protocol/wire/address.ts";
import type { Entry, RibInspection } from "./view.ts";

export type Json = { [key: string]: unknown };

/** Whatever it is. */
export function entryJson({ record, message, rib }: Entry): Json {
  switch (record.kind) {
    case "message":
      return messageJson(record, message ?? { findings: [] });
    case "gap":
      return gapJson(record);
    case "truncated":
      return truncatedJson(record);
    case "state":
      return stateJson(record);
    case "unsupported":
      return unsupportedJson(record);
    case "rib":
      return ribJson(record, rib ?? NO_ROUTE);
  }
}

function messageJson(record: MessageRecord, seen: Inspection): Json {
  const line: Json = { ...placeJson(record) };
  if (seen.type) line.type = seen.type;
  if (seen.type === "UNKNOWN") line.typeCode = seen.typeCode;
  if (seen.length !== undefined) line.length = seen.length;
  if (seen.open) {
    const { version, open, capabilities } = seen.open;
    line.version = version;
    line.myAs = open.myAs;
    line.holdTime = open.holdTime;
    line.bgpIdentifier = formatDotted(open.bgpId);
    line.capabilities = capabilities.map(capabilityJson);
  }
  if (seen.update) addUpdate(line, seen.update, record.context.as4);
  if (seen.notification) addNotification(line, seen.notification);
  if (seen.routeRefresh) {
    const { afi, safi, subtype } = seen.routeRefresh;
    Object.assign(line, { afi, safi, subtype });
  }
  addFindings(line, seen.findings);
  return line;
}

function gapJson(record: GapRecord): Json {
  return { kind: "gap", ...placeJson(record), missing: record.missing, skipped: record.skipped };
}

function truncatedJson(record: TruncatedRecord): Json {
  return { kind: "truncated", ...placeJson(record), captured: record.captured, original: record.original };
}

function stateJson(record: StateRecord): Json {
  const { oldState, newState } = record;
  return { kind: "state", ...placeJson(record), oldState: stateName(oldState), newState: stateName(newState) };
}

function unsupportedJson({ moment, what }: UnsupportedRecord): Json {
  return { kind: "unsupported", ...placeJson({ moment }), what };
}

function ribJson(record: RibRecord, seen: RibInspection): Json {
  const { peer, prefix, pathId, originated, sequence } = record;
  const line: Json = { kind: "rib", ...placeJson(record), originated };
  if (peer) line.peer = peerJson(peer);
  line.sequence = sequence;
  line.prefix = formatPrefix(prefix);
  if (pathId !== undefined) line.pathId = pathId;
  const attributes = attributesJson(seen);
  const mp = attributes?.mpReachNlri as Json | undefined;
  if (mp && seen.abbreviated) delete mp.nlri; // there was none
  const nextHop = nextHopOf(seen);
  if (nextHop) line.nextHop = nextHop;
  if (attributes) line.attributes = attributes;
  addFindings(line, seen.findings);
  return line;
}

/** One line of output. What a terminal might take for a command does not get through. */
export function jsonLine(json: Json, file: string | undefined): string {
  const text = JSON.stringify(file === undefined ? json : { file, ...json });
  return UNSAFE.test(text)
    ? text.replace(UNSAFE_ALL, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
    : text;
}

export function stateName(state: number): string {
  return STATES[state] ?? `${state}`;
}

export function hex(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("hex");
}

/** NEXT_HOP, or without one the first of MP_REACH_NLRI. */
export function nextHopOf({ attributes }: InspectedAttributes): string | undefined {
  const address = attributes.nextHop ?? attributes.mpReach?.nextHops[0];
  return address && formatAddress(address);
}

/** The prefixes that an UPDATE announces or withdraws: the plain field's, then the MP attribute's unicast ones. */
export function unicast(plain: readonly Nlri[], mp: MpReach | MpUnreach | undefined): readonly Nlri[] {
  return mp && mp.safi === Safi.Unicast && mp.nlri.length > 0 ? [...plain, ...mp.nlri] : plain;
}

function placeJson({ moment, stream, src, dst, peerAs, localAs }: Place): Json {
  const json: Json = { frame: moment.frame };
  if (stream !== undefined) json.stream = stream;
  const ts = formatMoment(moment);
  if (ts !== undefined) json.ts = ts;
  if (src !== undefined) json.src = src;
  if (dst !== undefined) json.dst = dst;
  if (peerAs !== undefined) json.peerAs = peerAs;
  if (localAs !== undefined) json.localAs = localAs;
  return json;
}

function peerJson({ address, asn, bgpId }: NonNullable<RibRecord["peer"]>): Json {
  const json: Json = { address: formatAddress(address), asn };
  if (bgpId !== undefined) json.bgpIdentifier = formatDotted(bgpId);
  return json;
}

function addUpdate(line: Json, update: InspectedUpdate, as4: boolean): void {
  const withdrawn = unicast(update.withdrawn, update.attributes.mpUnreach);
  const announced = unicast(update.announced, update.attributes.mpReach);
  if (withdrawn.length > 0) line.withdrawn = withdrawn.map(nlriJson);
  if (announced.length > 0) line.announced = announced.map(nlriJson);
  const nextHop = nextHopOf(update);
  if (nextHop) line.nextHop = nextHop;
  const attributes = attributesJson(update);
  if (attributes) line.attributes = attributes;
  if (update.endOfRib) line.endOfRib = update.endOfRib;
  const wide = update.wire.some(({ code }) => code === AttributeCode.AsPath || code === AttributeCode.Aggregator);
  if (wide) line.as4 = as4;
}

function addNotification(line: Json, notification: Notification): void {
  const { code, subcode, data } = notification;
  Object.assign(line, { code, subcode, name: errorText(code, subcode) });
  if (data.length > 0) line.data = hex(data);
  const text = shutdownText(notification);
  if (text !== undefined) line.shutdownCommunication = text;
}

function addFindings(line: Json, findings: readonly Finding[]): void {
  const [strongest, ...others] = findings;
  if (strongest) line.error = findingJson(strongest);
  if (others.length > 0) line.warnings = others.map(findingJson);
}

function findingJson({ code, subcode, name, action, message, offset, data }: Finding): Json {
  const json: Json = { code, subcode, name, action, message, offset };
  if (data && data.length > 0) json.data = hex(data);
  return json;
}

function nlriJson({ prefix, pathId }: Nlri): string | Json {
  return pathId === undefined ? formatPrefix(prefix) : { prefix: formatPrefix(prefix), pathId };
}

/** Undefined if there are none. */
function attributesJson(seen: InspectedAttributes): Json | undefined {
  const { attributes: a, effectiveAsPath, wire } = seen;
  const json: Json = {};
  if (a.origin !== undefined) json.origin = ORIGINS[a.origin];
  if (a.asPath) json.asPath = formatAsPath(a.asPath);
  if (a.nextHop) json.nextHop = formatAddress(a.nextHop);
  if (a.multiExitDisc !== undefined) json.med = a.multiExitDisc;
  if (a.localPref !== undefined) json.localPref = a.localPref;
  if (a.atomicAggregate) json.atomicAggregate = true;
  if (a.aggregator) json.aggregator = aggregatorJson(a.aggregator);
  if (a.communities) json.communities = a.communities.map(formatCommunity);
  if (a.originatorId !== undefined) json.originatorId = formatDotted(a.originatorId);
  if (a.clusterList) json.clusterList = a.clusterList.map(formatDotted);
  if (a.mpReach) json.mpReachNlri = mpReachJson(a.mpReach);
  if (a.mpUnreach) json.mpUnreachNlri = mpUnreachJson(a.mpUnreach);
  if (a.extCommunities) json.extCommunities = a.extCommunities.map(formatExtCommunity);
  if (a.as4Path) json.as4Path = formatAsPath(a.as4Path);
  if (a.as4Aggregator) json.as4Aggregator = aggregatorJson(a.as4Aggregator);
  if (effectiveAsPath) json.effectiveAsPath = formatAsPath(effectiveAsPath);
  if (a.largeCommunities) json.largeCommunities = a.largeCommunities.map(formatLargeCommunity);
  if (a.onlyToCustomer !== undefined) json.onlyToCustomer = a.onlyToCustomer;
  const unknown = wire.filter(({ code, used }) => used && !NAMED.has(code));
  if (unknown.length > 0) {
    json.unknown = unknown.map(({ code, flags, value }) => ({ code, flags, value: hex(value) }));
  }
  return Object.keys(json).length > 0 ? json : undefined;
}

function aggregatorJson({ asn, address }: NonNullable<InspectedAttributes["attributes"]["aggregator"]>): Json {
  return { asn, address: formatAddress(address) };
}

function mpReachJson({ afi, safi, nextHops, nlri, raw }: MpReach): Json {
  if (raw) return { afi, safi, nextHopHex: hex(raw.nextHop), nlriHex: hex(raw.nlri) };
  return { afi, safi, nextHop: nextHops.map(formatAddress), nlri: nlri.map(nlriJson) };
}

function mpUnreachJson({ afi, safi, nlri, raw }: MpUnreach): Json {
  return raw ? { afi, safi, nlriHex: hex(raw) } : { afi, safi, nlri: nlri.map(nlriJson) };
}

function capabilityJson({ code, value, capability }: RawCapability): Json {
  const json: Json = { code, value: hex(value) };
  // One without a value means nothing beyond its code.
  if (!capability || value.length === 0) return json;
  switch (capability.code) {
    case CapabilityCode.Multiprotocol:
      return { ...json, afi: capability.afi, safi: capability.safi };
    case CapabilityCode.ExtendedNextHop:
      return { ...json, nextHops: capability.nextHops };
    case CapabilityCode.Role:
      return { ...json, role: capability.role };
    case CapabilityCode.GracefulRestart: {
      const { restartTime, restartState, families } = capability;
      return { ...json, restartTime, restartState, families };
    }
    case CapabilityCode.FourOctetAs:
      return { ...json, asn: capability.asn };
    case CapabilityCode.AddPath:
    case CapabilityCode.LongLivedGracefulRestart:
      return { ...json, families: capability.families };
    case CapabilityCode.Fqdn:
      return { ...json, hostname: capability.hostname, domain: capability.domain };
    default:
      return json;
  }
}

const NO_ROUTE: RibInspection = { attributes: {}, wire: [], findings: [], abbreviated: false };
const ORIGINS = ["IGP", "EGP", "INCOMPLETE"];
/** RFC 6396 §4.4.1. */
const STATES: readonly (string | undefined)[] = [
  undefined,
  "Idle",
  "Connect",
  "Active",
  "OpenSent",
  "OpenConfirm",
  "Established",
];
/** The attributes with a key of their own. */
const NAMED = new Set<number>([
  AttributeCode.Origin,
  AttributeCode.AsPath,
  AttributeCode.NextHop,
  AttributeCode.MultiExitDisc,
  AttributeCode.LocalPref,
  AttributeCode.AtomicAggregate,
  AttributeCode.Aggregator,
  AttributeCode.Communities,
  AttributeCode.OriginatorId,
  AttributeCode.ClusterList,
  AttributeCode.MpReachNlri,
  AttributeCode.MpUnreachNlri,
  AttributeCode.ExtendedCommunities,
  AttributeCode.As4Path,
  AttributeCode.As4Aggregator,
  AttributeCode.LargeCommunity,
  AttributeCode.OnlyToCustomer,
]);
/** DEL, C1 and line separators: JSON lets them pass, terminals and line readers may not. */
const UNSAFE = /[\u007f-\u009f\u2028\u2029]/;
const UNSAFE_ALL = /[\u007f-\u009f\u2028\u2029]/g;
