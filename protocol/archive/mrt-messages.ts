/**
 * Messages and states of a collector's sessions: BGP4MP and BGP4MP_ET (RFC 6396 §4.4, RFC 8050 §3).
 *
 *   | peer AS 2 or 4 | local AS 2 or 4 | interface 2 | AFI 2 | peer 4 or 16 | local 4 or 16 | message, or two states 2+2 |
 *
 * Collectors of the year 2000 leave AS numbers and addresses out before a session is up: address family 0.
 */
import type { FamilyKey } from "../codec/capability.ts";
import { Afi } from "../codec/iana.ts";
import { HEADER_LENGTH } from "../codec/message.ts";
import { addressFrom, formatAddress } from "../wire/address.ts";
import { contextOf, forced, type ReadOptions } from "./conversation.ts";
import { attributesOf, correctWidth, findAttributes, isMarker } from "./guess.ts";
import { u16be, u32be } from "./input.ts";
import type { MessageRecord, MrtRecord, Place, StateRecord } from "./record.ts";

/** @returns what stands in the way, if something does */
export function messagesOf(
  record: MrtRecord,
  options: ReadOptions,
  emit: (entry: MessageRecord | StateRecord) => void,
): string | undefined {
  const type = SUBTYPES.get(record.subtype);
  if (!type) return `BGP4MP subtype ${record.subtype}`;
  const head = readHead(record, type);
  if (typeof head === "string") return head;
  const { body } = record;
  const { place, at } = head;
  if (type.state) {
    if (at + 4 > body.length) return "BGP4MP state change that is cut short";
    emit({ kind: "state", ...place, oldState: u16be(body, at), newState: u16be(body, at + 2) });
    return undefined;
  }
  for (const part of loneMessages(body.subarray(at))) {
    emit({ kind: "message", ...place, ...part, context: contextFor(part.octets, type, options) });
  }
  return undefined;
}

/**
 * What stands alone, not in a stream: the message as long as its header says, and what is behind it, so that it is
 * reported and not lost.
 */
export function loneMessages(octets: Uint8Array): readonly Pick<MessageRecord, "octets" | "behind">[] {
  const length = octets.length >= HEADER_LENGTH && isMarker(octets, 0) ? u16be(octets, 16) : 0;
  if (length < HEADER_LENGTH || length >= octets.length) return [{ octets }];
  return [{ octets: octets.subarray(0, length) }, { octets: octets.subarray(length), behind: length }];
}

function contextFor(octets: Uint8Array, type: Subtype, options: ReadOptions): MessageRecord["context"] {
  const families = forced(options) ?? (type.addPath ? ALL_FAMILIES : []);
  const span = attributesOf(octets);
  const auto = span ? correctWidth(octets, findAttributes(octets, span), type.as4) : type.as4;
  return contextOf(options.as4 === "auto" ? auto : options.as4 === "yes", families, true);
}

/** Who talked to whom, and where the rest begins. */
function readHead({ body, moment }: MrtRecord, type: Subtype): { place: Place; at: number } | string {
  if (isBare(body, type)) {
    const nobody = { src: "0.0.0.0", dst: "0.0.0.0", peerAs: 0, localAs: 0 };
    return { place: { moment, ...nobody }, at: 4 };
  }
  const width = type.as4 ? 4 : 2;
  const afiAt = 2 * width + 2;
  if (body.length < afiAt + 2) return "BGP4MP record that is cut short";
  const afi = u16be(body, afiAt);
  if (afi > Afi.Ipv6) return `BGP4MP record of address family ${afi}`;
  const family = afi === Afi.Ipv6 ? 6 : 4; // 0 stands for IPv4
  const octets = family === 4 ? 4 : 16;
  const peerAt = afiAt + 2;
  const at = peerAt + 2 * octets;
  if (body.length < at) return "BGP4MP record that is cut short";
  const place = {
    moment,
    src: formatAddress(addressFrom(body, family, peerAt)),
    dst: formatAddress(addressFrom(body, family, peerAt + octets)),
    peerAs: type.as4 ? u32be(body, 0) : u16be(body, 0),
    localAs: type.as4 ? u32be(body, 4) : u16be(body, 2),
  };
  return { place, at };
}

/** Four zeros and then at once the message or the states. */
function isBare(body: Uint8Array, type: Subtype): boolean {
  if (body.length < 8 || u32be(body, 0) !== 0) return false;
  return type.state ? body.length === 8 : body.length >= 4 + HEADER_LENGTH && isMarker(body, 4);
}

interface Subtype {
  readonly state: boolean;
  readonly as4: boolean;
  readonly addPath: boolean;
}

/** RFC 6396 §4.4, RFC 8050 §3. The _LOCAL ones hold what the collector itself sent. */
const SUBTYPES = new Map<number, Subtype>([
  [0, { state: true, as4: false, addPath: false }], // STATE_CHANGE
  [1, { state: false, as4: false, addPath: false }], // MESSAGE
  [4, { state: false, as4: true, addPath: false }], // MESSAGE_AS4
  [5, { state: true, as4: true, addPath: false }], // STATE_CHANGE_AS4
  [6, { state: false, as4: false, addPath: false }], // MESSAGE_LOCAL
  [7, { state: false, as4: true, addPath: false }], // MESSAGE_AS4_LOCAL
  [8, { state: false, as4: false, addPath: true }], // MESSAGE_ADDPATH
  [9, { state: false, as4: true, addPath: true }], // MESSAGE_AS4_ADDPATH
  [10, { state: false, as4: false, addPath: true }], // MESSAGE_LOCAL_ADDPATH
  [11, { state: false, as4: true, addPath: true }], // MESSAGE_AS4_LOCAL_ADDPATH
]);
const ALL_FAMILIES: readonly FamilyKey[] = ["1/1", "2/1", "1/2", "2/2"];
