/**
 * What the log says of an attribute that was discarded, or made its routes withdrawn (RFC 7606): BIRD's words, for
 * whoever watches logs for them, then what was done, the subcode and the octets in question.
 */
import type { AttributeFault } from "../codec/error.ts";
import { AttributeCode, attributeName, UpdateSubcode } from "../codec/iana.ts";
import { hexText } from "../codec/notification.ts";

export function faultWords(fault: AttributeFault): string {
  const { severity, code, subcode, data } = fault;
  const octets = data && data.length > 1 ? `: ${hexText(data, MOST_OCTETS)}` : "";
  return `${birdWords(fault)} (${severity}, ${code}/${subcode}${octets})`;
}

function birdWords({ attribute, severity, subcode, reason, data = NOTHING }: AttributeFault): string {
  const name = NAMES.get(attribute) ?? attributeName(attribute);
  const flags = (data[0] ?? 0).toString(16).padStart(2, "0");
  switch (subcode) {
    case UpdateSubcode.MissingWellKnown:
      return `Missing mandatory ${name} attribute`;
    case UpdateSubcode.UnrecognizedWellKnown:
      return `Unknown attribute (code ${attribute}) - conflicting flags (${flags})`;
    case UpdateSubcode.AttributeFlags:
      return `Malformed ${FILTER_NAMES.get(attribute) ?? name.toLowerCase()} attribute - conflicting flags (${flags})`;
    case UpdateSubcode.AttributeLength:
      return `Malformed ${name} attribute - invalid length (${valueLength(data)})`;
    case UpdateSubcode.InvalidOrigin:
      return `Malformed ORIGIN attribute - invalid value (${data.at(-1)})`;
    case UpdateSubcode.MalformedAsPath:
      return `Malformed AS_PATH attribute - ${reason}`;
    case UpdateSubcode.MalformedAttributeList:
      if (severity === "treat-as-withdraw") return `Malformed attribute list - ${reason}`;
      if (reason.endsWith(TWICE)) return `Discarding duplicate attribute (code ${attribute})`;
      if (FROM_OLD_ONLY.has(attribute)) return `Discarding ${name} attribute received from AS4-aware neighbor`;
      if (FROM_INTERNAL_ONLY.has(attribute)) return `Discarding ${name} attribute received from EBGP neighbor`;
  }
  return reason;
}

/** Octets behind flags, code and length, which has two where the flags say so (RFC 4271 §4.3). */
function valueLength(data: Uint8Array): number {
  const extended = ((data[0] ?? 0) & 0x10) !== 0;
  return Math.max(0, data.length - (extended ? 4 : 3));
}

/** Where BIRD has another name than IANA. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [AttributeCode.AtomicAggregate, "ATOMIC_AGGR"],
  [AttributeCode.Communities, "COMMUNITY"],
  [AttributeCode.ExtendedCommunities, "EXT_COMMUNITY"],
  [AttributeCode.OnlyToCustomer, "OTC"],
]);

/** Conflicting flags are told with the name that filters know. */
const FILTER_NAMES: ReadonlyMap<number, string> = new Map([[AttributeCode.MultiExitDisc, "med"]]);

const FROM_OLD_ONLY: ReadonlySet<number> = new Set([AttributeCode.As4Path, AttributeCode.As4Aggregator]);
const FROM_INTERNAL_ONLY: ReadonlySet<number> = new Set([
  AttributeCode.LocalPref,
  AttributeCode.OriginatorId,
  AttributeCode.ClusterList,
]);
const TWICE = "stands twice in the message";
const NOTHING = new Uint8Array(0);
const MOST_OCTETS = 32;
