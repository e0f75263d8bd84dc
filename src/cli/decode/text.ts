/** A readable line a record, for people at a terminal. Its form is free; nothing a peer wrote reaches the terminal raw. */
import { formatMoment, type Moment } from "../../../protocol/archive/record.ts";
import { formatAsPath } from "../../../protocol/codec/as-path.ts";
import { describeCommunity, describeExtCommunity, formatLargeCommunity } from "../../../protocol/codec/community.ts";
import { capabilityName, familyName } from "../../../protocol/codec/iana.ts";
import type { Finding, InspectedAttributes, InspectedUpdate, Inspection } from "../../../protocol/codec/inspect.ts";
import type { MpReach, MpUnreach, Nlri } from "../../../protocol/codec/nlri.ts";
import { describeNotification } from "../../../protocol/codec/notification.ts";
import { formatAddress, formatDotted, formatPrefix } from "../../../protocol/wire/address.ts";
import { nextHopOf, stateName, unicast } from "./json.ts";
import { type Entry, findingsOf } from "./view.ts";

export function textLine(entry: Entry, file: string | undefined): string {
  const { record } = entry;
  const ends = "src" in record && record.src !== undefined ? `${record.src} > ${record.dst}` : "";
  const head = [file, `#${record.moment.frame}`, timeText(record.moment), ends].filter((part) => part).join("  ");
  const faults = findingsOf(entry).map(findingText).join("");
  return `${head}  ${bodyText(entry)}${faults}`;
}

/** ISO 8601 in UTC, with the capture's decimals. */
export function timeText(moment: Moment): string {
  const ts = formatMoment(moment);
  if (ts === undefined || moment.seconds === undefined) return "";
  const date = new Date(moment.seconds * 1000);
  const decimals = ts.slice(String(moment.seconds).length);
  return Number.isNaN(date.getTime()) ? ts : date.toISOString().replace(".000Z", `${decimals}Z`);
}

function bodyText({ record, message, rib }: Entry): string {
  switch (record.kind) {
    case "message":
      return message ? messageText(message) : "";
    case "gap":
      return `GAP ${record.missing} octets missing, ${record.skipped} skipped`;
    case "truncated":
      return `TRUNCATED ${record.captured} of ${record.original} octets captured`;
    case "unsupported":
      return `UNSUPPORTED ${record.what}`;
    case "state":
      return `STATE ${stateName(record.oldState)} -> ${stateName(record.newState)}  AS${record.peerAs}`;
    case "rib": {
      const peer = record.peer ? `${formatAddress(record.peer.address)} AS${record.peer.asn}` : "unknown peer";
      const id = record.pathId === undefined ? "" : ` id ${record.pathId}`;
      return `RIB ${formatPrefix(record.prefix)}${id}  from ${peer}${rib ? routeText(rib) : ""}`;
    }
  }
}

function messageText(seen: Inspection): string {
  const type = seen.type === "UNKNOWN" ? `type ${seen.typeCode}` : (seen.type ?? "no message");
  const head = seen.length === undefined ? type : `${type} ${seen.length}`;
  if (seen.open) return `${head}  ${openText(seen.open)}`;
  if (seen.update) return `${head}${updateText(seen.update)}`;
  if (seen.notification) return `${head}  ${describeNotification(seen.notification)}`;
  if (!seen.routeRefresh) return head;
  const { afi, safi, subtype } = seen.routeRefresh;
  return `${head}  ${familyName(afi, safi)}${SUBTYPES[subtype] ?? `, subtype ${subtype}`}`;
}

function openText({ version, open, capabilities }: NonNullable<Inspection["open"]>): string {
  const names = capabilities.map(({ code, capability }) => {
    if (capability?.code === 1) return familyName(capability.afi, capability.safi);
    return capability?.code === 65 ? `AS${capability.asn}` : capabilityName(code);
  });
  const { myAs, holdTime, bgpId } = open;
  return `version ${version}, AS${myAs}, id ${formatDotted(bgpId)}, hold ${holdTime} s; ${names.join(", ") || "no capabilities"}`;
}

function updateText(update: InspectedUpdate): string {
  if (update.endOfRib) return `  End-of-RIB ${familyName(update.endOfRib.afi, update.endOfRib.safi)}`;
  const { mpReach, mpUnreach } = update.attributes;
  const announced = unicast(update.announced, mpReach);
  const withdrawn = unicast(update.withdrawn, mpUnreach);
  const parts = [
    listText("withdraw", withdrawn),
    otherFamily("withdraw", mpUnreach),
    listText("announce", announced),
    otherFamily("announce", mpReach),
  ];
  return `${parts.join("")}${routeText(update)}`;
}

function listText(verb: string, nlri: readonly Nlri[]): string {
  if (nlri.length === 0) return "";
  const shown = nlri.slice(0, MAX_SHOWN).map(({ prefix, pathId }) => {
    return pathId === undefined ? formatPrefix(prefix) : `${formatPrefix(prefix)} id ${pathId}`;
  });
  const more = nlri.length - shown.length;
  return `  ${verb} ${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** Families that have no place in the two lists. */
function otherFamily(verb: string, mp: MpReach | MpUnreach | undefined): string {
  if (!mp || (!mp.raw && mp.safi === 1)) return "";
  return mp.raw
    ? `  ${verb} ${familyName(mp.afi, mp.safi)}`
    : `${listText(verb, mp.nlri)} (${familyName(mp.afi, mp.safi)})`;
}

function routeText(seen: InspectedAttributes): string {
  const { attributes: a, effectiveAsPath } = seen;
  const path = effectiveAsPath ?? a.asPath;
  const nextHop = nextHopOf(seen);
  const communities = [
    ...(a.communities ?? []).map(describeCommunity),
    ...(a.extCommunities ?? []).map(describeExtCommunity),
    ...(a.largeCommunities ?? []).map(formatLargeCommunity),
  ];
  return [
    nextHop && `  via ${nextHop}`,
    path && `  path ${formatAsPath(path) || "empty"}`,
    a.origin !== undefined && ` ${ORIGINS[a.origin]}`,
    a.localPref !== undefined && `  pref ${a.localPref}`,
    a.multiExitDisc !== undefined && `  med ${a.multiExitDisc}`,
    communities.length > 0 && `  communities ${communities.slice(0, MAX_SHOWN).join(" ")}`,
    communities.length > MAX_SHOWN && ` and ${communities.length - MAX_SHOWN} more`,
  ]
    .filter((part) => part)
    .join("");
}

function findingText({ code, subcode, name, action, message, offset }: Finding): string {
  return `\n    ${action} ${code}/${subcode} ${name}: ${message} (octet ${offset})`;
}

const MAX_SHOWN = 8;
const ORIGINS = ["i", "e", "?"];
const SUBTYPES = ["", ", begin", ", end"];
