/**
 * Records as the JSON objects that `linnet decode` prints, one a line: keys and values are an interface, kept to the letter.
 * What is absent is left out, never null.
 */
import { formatMoment, type MessageRecord, type Place, type RibRecord } from "../../../protocol/archive/record.ts";
import { formatAsPath } from "../../../protocol/codec/as-path.ts";
import type { Aggregator } from "../../../protocol/codec/attribute.ts";
import type { Capability, RestartFamily } from "../../../protocol/codec/capability.ts";
import { formatCommunity, formatExtCommunity, formatLargeCommunity } from "../../../protocol/codec/community.ts";
import { AttributeCode, CapabilityCode, errorText, Safi } from "../../../protocol/codec/iana.ts";
import type { Finding, InspectedAttributes, InspectedUpdate, Inspection } from "../../../protocol/codec/inspect.ts";
import type { MpReach, MpUnreach, Nlri } from "../../../protocol/codec/nlri.ts";
import { type Notification, shutdownText } from "../../../protocol/codec/notification.ts";
import type { RawCapability } from "../../../protocol/codec/open.ts";
import { formatAddress, formatDotted, formatPrefix } from "../../../protocol/wire/address.ts";
import type { Entry, RibInspection } from "./view.ts";

/**
 * One line of output, without its end. Written as text at once: a table has millions of them, and objects in between would
 * double the time.
 */
export function jsonLine(entry: Entry, file: string | undefined): string {
  const head = file === undefined ? "" : `"file":${quoted(file)},`;
  return `{${head}${entryText(entry)}}`;
}

/** The line of a route whose tail is known. */
export function ribLine(record: RibRecord, tail: string, file: string | undefined): string {
  const head = file === undefined ? "" : `"file":${quoted(file)},`;
  return `{${head}${ribHead(record)}${tail}}`;
}

/** All that depends on the attributes alone. */
export function ribTail(seen: RibInspection): string {
  return [routeText(seen, seen.abbreviated), findingsText(seen.findings)].join(""); // joined: in one piece, to be kept
}

/** A JSON string. What a terminal or a line reader might take for a command does not get through. */
export function quoted(text: string): string {
  const json = JSON.stringify(text);
  return UNSAFE.test(json)
    ? json.replace(UNSAFE_ALL, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
    : json;
}

export function stateName(state: number): string {
  return STATES[state] ?? `${state}`;
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

function entryText({ record, message, rib }: Entry): string {
  switch (record.kind) {
    case "message":
      return messageText(record, message ?? NO_MESSAGE);
    case "rib":
      return ribHead(record) + ribTail(rib ?? NO_ROUTE);
    case "gap":
      return `"kind":"gap",${placeText(record)},"missing":${record.missing},"skipped":${record.skipped}`;
    case "truncated":
      return `"kind":"truncated",${placeText(record)},"captured":${record.captured},"original":${record.original}`;
    case "state": {
      const [from, to] = [stateName(record.oldState), stateName(record.newState)];
      return `"kind":"state",${placeText(record)},"oldState":"${from}","newState":"${to}"`;
    }
    case "unsupported":
      return `"kind":"unsupported",${placeText(record)},"what":${quoted(record.what)}`;
  }
}

function messageText(record: MessageRecord, seen: Inspection): string {
  let line = placeText(record);
  if (seen.type) line += `,"type":"${seen.type}"`;
  if (seen.type === "UNKNOWN") line += `,"typeCode":${seen.typeCode}`;
  if (seen.length !== undefined) line += `,"length":${seen.length}`;
  if (seen.update) line += updateText(seen.update, record.context.as4);
  else if (seen.open) line += openText(seen.open);
  else if (seen.notification) line += notificationText(seen.notification);
  else if (seen.routeRefresh) {
    const { afi, safi, subtype } = seen.routeRefresh;
    line += `,"afi":${afi},"safi":${safi},"subtype":${subtype}`;
  }
  return line + findingsText(seen.findings);
}

/** Record and peer; what depends on the attributes follows. */
function ribHead(record: RibRecord): string {
  const { peer, prefix, pathId, originated, sequence } = record;
  let line = `"kind":"rib",${placeText(record)},"originated":${originated}`;
  if (peer) {
    const id = peer.bgpId === undefined ? "" : `,"bgpIdentifier":"${formatDotted(peer.bgpId)}"`;
    line += `,"peer":{"address":"${formatAddress(peer.address)}","asn":${peer.asn}${id}}`;
  }
  line += `,"sequence":${sequence},"prefix":"${formatPrefix(prefix)}"`;
  return pathId === undefined ? line : `${line},"pathId":${pathId}`;
}

function placeText({ moment, stream, src, dst, peerAs, localAs }: Place): string {
  let text = `"frame":${moment.frame}`;
  if (stream !== undefined) text += `,"stream":${stream}`;
  const ts = formatMoment(moment);
  if (ts !== undefined) text += `,"ts":"${ts}"`;
  if (src !== undefined) text += `,"src":"${src}"`;
  if (dst !== undefined) text += `,"dst":"${dst}"`;
  if (peerAs !== undefined) text += `,"peerAs":${peerAs}`;
  if (localAs !== undefined) text += `,"localAs":${localAs}`;
  return text;
}

function updateText(update: InspectedUpdate, as4: boolean): string {
  const withdrawn = unicast(update.withdrawn, update.attributes.mpUnreach);
  const announced = unicast(update.announced, update.attributes.mpReach);
  let text = "";
  if (withdrawn.length > 0) text += `,"withdrawn":${list(withdrawn, nlriText)}`;
  if (announced.length > 0) text += `,"announced":${list(announced, nlriText)}`;
  text += routeText(update, false);
  if (update.endOfRib) text += `,"endOfRib":{"afi":${update.endOfRib.afi},"safi":${update.endOfRib.safi}}`;
  const wide = update.wire.some(({ code }) => code === AttributeCode.AsPath || code === AttributeCode.Aggregator);
  return wide ? `${text},"as4":${as4}` : text;
}

/** Next hop and attributes. @param bare MP_REACH_NLRI had no NLRI field */
function routeText(seen: InspectedAttributes, bare: boolean): string {
  const nextHop = nextHopOf(seen);
  const attributes = attributesText(seen, bare);
  const hop = nextHop === undefined ? "" : `,"nextHop":"${nextHop}"`;
  return attributes === "" ? hop : `${hop},"attributes":{${attributes}}`;
}

function openText({ version, open, capabilities }: NonNullable<Inspection["open"]>): string {
  const fixed = `,"version":${version},"myAs":${open.myAs},"holdTime":${open.holdTime}`;
  return `${fixed},"bgpIdentifier":"${formatDotted(open.bgpId)}","capabilities":${list(capabilities, capabilityText)}`;
}

function notificationText(notification: Notification): string {
  const { code, subcode, data } = notification;
  let line = `,"code":${code},"subcode":${subcode},"name":${quoted(errorText(code, subcode))}`;
  if (data.length > 0) line += `,"data":"${hex(data)}"`;
  const text = shutdownText(notification);
  return text === undefined ? line : `${line},"shutdownCommunication":${quoted(text)}`;
}

function findingsText(findings: readonly Finding[]): string {
  const [strongest, ...others] = findings;
  if (!strongest) return "";
  const error = `,"error":${findingText(strongest)}`;
  return others.length > 0 ? `${error},"warnings":${list(others, findingText)}` : error;
}

function findingText({ code, subcode, name, action, message, offset, data }: Finding): string {
  const what = `"code":${code},"subcode":${subcode},"name":${quoted(name)},"action":"${action}"`;
  const octets = data && data.length > 0 ? `,"data":"${hex(data)}"` : "";
  return `{${what},"message":${quoted(message)},"offset":${offset}${octets}}`;
}

/** The attributes that are there and well formed; empty if there are none. */
function attributesText(seen: InspectedAttributes, bare: boolean): string {
  const { attributes: a, effectiveAsPath, wire } = seen;
  const parts: string[] = [];
  if (a.origin !== undefined) parts.push(`"origin":"${ORIGINS[a.origin]}"`);
  if (a.asPath) parts.push(`"asPath":"${formatAsPath(a.asPath)}"`);
  if (a.nextHop) parts.push(`"nextHop":"${formatAddress(a.nextHop)}"`);
  if (a.multiExitDisc !== undefined) parts.push(`"med":${a.multiExitDisc}`);
  if (a.localPref !== undefined) parts.push(`"localPref":${a.localPref}`);
  if (a.atomicAggregate) parts.push('"atomicAggregate":true');
  if (a.aggregator) parts.push(`"aggregator":${aggregatorText(a.aggregator)}`);
  if (a.communities) parts.push(`"communities":${strings(a.communities, formatCommunity)}`);
  if (a.originatorId !== undefined) parts.push(`"originatorId":"${formatDotted(a.originatorId)}"`);
  if (a.clusterList) parts.push(`"clusterList":${strings(a.clusterList, formatDotted)}`);
  if (a.mpReach) parts.push(`"mpReachNlri":${mpReachText(a.mpReach, bare)}`);
  if (a.mpUnreach) parts.push(`"mpUnreachNlri":${mpUnreachText(a.mpUnreach)}`);
  if (a.extCommunities) parts.push(`"extCommunities":${strings(a.extCommunities, formatExtCommunity)}`);
  if (a.as4Path) parts.push(`"as4Path":"${formatAsPath(a.as4Path)}"`);
  if (a.as4Aggregator) parts.push(`"as4Aggregator":${aggregatorText(a.as4Aggregator)}`);
  if (effectiveAsPath) parts.push(`"effectiveAsPath":"${formatAsPath(effectiveAsPath)}"`);
  if (a.largeCommunities) parts.push(`"largeCommunities":${strings(a.largeCommunities, formatLargeCommunity)}`);
  if (a.onlyToCustomer !== undefined) parts.push(`"onlyToCustomer":${a.onlyToCustomer}`);
  const unknown = wire.filter(({ code, used }) => used && !NAMED.has(code));
  if (unknown.length > 0) {
    parts.push(
      `"unknown":${list(unknown, ({ code, flags, value }) => `{"code":${code},"flags":${flags},"value":"${hex(value)}"}`)}`,
    );
  }
  return parts.join(",");
}

function aggregatorText({ asn, address }: Aggregator): string {
  return `{"asn":${asn},"address":"${formatAddress(address)}"}`;
}

function mpReachText({ afi, safi, nextHops, nlri, raw }: MpReach, bare: boolean): string {
  const family = `"afi":${afi},"safi":${safi}`;
  if (raw) return `{${family},"nextHopHex":"${hex(raw.nextHop)}","nlriHex":"${hex(raw.nlri)}"}`;
  const prefixes = bare ? "" : `,"nlri":${list(nlri, nlriText)}`;
  return `{${family},"nextHop":${strings(nextHops, formatAddress)}${prefixes}}`;
}

function mpUnreachText({ afi, safi, nlri, raw }: MpUnreach): string {
  const family = `"afi":${afi},"safi":${safi}`;
  return raw ? `{${family},"nlriHex":"${hex(raw)}"}` : `{${family},"nlri":${list(nlri, nlriText)}}`;
}

function nlriText({ prefix, pathId }: Nlri): string {
  const text = `"${formatPrefix(prefix)}"`;
  return pathId === undefined ? text : `{"prefix":${text},"pathId":${pathId}}`;
}

function capabilityText({ code, value, capability }: RawCapability): string {
  // One without a value means nothing beyond its code.
  const meaning = capability && value.length > 0 ? meaningOf(capability) : "";
  return `{"code":${code},"value":"${hex(value)}"${meaning}}`;
}

function meaningOf(c: Capability): string {
  switch (c.code) {
    case CapabilityCode.Multiprotocol:
      return `,"afi":${c.afi},"safi":${c.safi}`;
    case CapabilityCode.ExtendedNextHop:
      return `,"nextHops":${list(c.nextHops, (f) => `{"afi":${f.afi},"safi":${f.safi},"nextHopAfi":${f.nextHopAfi}}`)}`;
    case CapabilityCode.Role:
      return `,"role":${c.role}`;
    case CapabilityCode.GracefulRestart:
      return `,"restartTime":${c.restartTime},"restartState":${c.restartState},"families":${list(c.families, restartText)}`;
    case CapabilityCode.FourOctetAs:
      return `,"asn":${c.asn}`;
    case CapabilityCode.AddPath:
      return `,"families":${list(c.families, (f) => `{"afi":${f.afi},"safi":${f.safi},"mode":${f.mode}}`)}`;
    case CapabilityCode.LongLivedGracefulRestart:
      return `,"families":${list(c.families, (f) => `${restartText(f).slice(0, -1)},"staleTime":${f.staleTime}}`)}`;
    case CapabilityCode.Fqdn:
      return `,"hostname":${quoted(c.hostname)},"domain":${quoted(c.domain)}`;
    default:
      return "";
  }
}

function restartText({ afi, safi, forwarding }: RestartFamily): string {
  return `{"afi":${afi},"safi":${safi},"forwarding":${forwarding}}`;
}

function list<T>(items: readonly T[], text: (item: T) => string): string {
  return `[${items.map(text).join(",")}]`;
}

/** Of texts that have nothing in them to be escaped. */
function strings<T>(items: readonly T[], text: (item: T) => string): string {
  return items.length === 0 ? "[]" : `["${items.map(text).join('","')}"]`;
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("hex");
}

const NO_MESSAGE: Inspection = { findings: [] };
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
