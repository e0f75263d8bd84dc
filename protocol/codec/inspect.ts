/**
 * One message under the lens: all that is readable of it and all that is wrong with it, for tools that
 * have octets but no session. Never throws, whatever the octets are.
 *
 * The context says what is known of the session (AS width, path ids); with its `peer` "unknown" only
 * what the message shows by itself is judged.
 */
import { ByteReader } from "../wire/bytes.ts";
import type { AsPath } from "./as-path.ts";
import { mergeAs4, type PathAttributes, type WireAttribute, walkAttributes } from "./attribute.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "./capability.ts";
import { byStrength, type Fault, type Severity } from "./error.ts";
import { errorText, MessageType, messageName } from "./iana.ts";
import { HEADER_LENGTH, headerFault, lengthFault, lengthOf, MAX_EXTENDED_LENGTH } from "./message.ts";
import type { Nlri } from "./nlri.ts";
import { decodeNotification, decodeRouteRefresh, type Notification, type RouteRefresh } from "./notification.ts";
import { type Open, type RawCapability, readOpen } from "./open.ts";
import { endOfRib, readUpdate } from "./update.ts";

/** One thing wrong with a message, in the words of the capture tool. */
export interface Finding {
  readonly code: number;
  readonly subcode: number;
  /** Text of code and subcode. */
  readonly name: string;
  /** What a speaker does about it. */
  readonly action: Severity;
  /** One sentence for people. */
  readonly message: string;
  /** Octets from the start of the marker to where it went wrong. */
  readonly offset: number;
  /** What the NOTIFICATION's Data field would carry. */
  readonly data?: Uint8Array;
  /** Code of the attribute it is about, if it is about one. */
  readonly attribute?: number;
}

export interface Inspection {
  /** Absent if not even the header is there. */
  readonly type?: "OPEN" | "UPDATE" | "NOTIFICATION" | "KEEPALIVE" | "ROUTE-REFRESH" | "UNKNOWN";
  readonly typeCode?: number;
  /** As the header says. */
  readonly length?: number;
  /** At most one of these: what could be read of the body. */
  readonly open?: InspectedOpen;
  readonly update?: InspectedUpdate;
  readonly notification?: Notification;
  readonly routeRefresh?: RouteRefresh;
  /** Strongest first, equals in wire order. */
  readonly findings: readonly Finding[];
}

export interface InspectedOpen {
  readonly version: number;
  readonly open: Open;
  /** Code, value and meaning of each, in wire order. */
  readonly capabilities: readonly RawCapability[];
}

export interface InspectedAttributes {
  /** The well-formed ones, as on the wire: AS4_PATH not merged. */
  readonly attributes: PathAttributes;
  /** All, in wire order; `used` ones are in `attributes`. */
  readonly wire: readonly WireAttribute[];
  /** RFC 6793 §4.2.3 applied; only of a two-octet speaker that sent AS4_PATH. */
  readonly effectiveAsPath?: AsPath;
}

export interface InspectedUpdate extends InspectedAttributes {
  readonly withdrawn: readonly Nlri[];
  readonly announced: readonly Nlri[];
  readonly endOfRib?: { readonly afi: number; readonly safi: number };
}

/** Nothing known of the session. */
export const UNKNOWN_CONTEXT: CodecContext = { ...DEFAULT_CONTEXT, peer: "unknown" };

/** @param octets one message from its marker on; octets behind the length that its header says are a finding */
export function inspectMessage(octets: Uint8Array, context: CodecContext = UNKNOWN_CONTEXT): Inspection {
  const header = readHeader(octets);
  // Neither limit is known without the OPENs: 65535 is the most that a length can say.
  const broken = octets.length < HEADER_LENGTH ? undefined : headerFault(octets, MAX_EXTENDED_LENGTH);
  const odd = broken ? undefined : lengthFault(octets, context);
  // A ROUTE-REFRESH of an odd length still says what it is about.
  const refresh = header.typeCode === MessageType.RouteRefresh && octets.length >= REFRESH_LENGTH;
  const body: Body = !broken && (!odd || refresh) ? readBody(octets, context) : { faults: [] };
  const { faults, ...parts } = body;
  return { ...header, ...parts, findings: findings([...[broken ?? odd].filter((f) => f !== undefined), ...faults]) };
}

/** An attribute list without a message around it, as in an MRT RIB entry; offsets count from its start. */
export function inspectAttributes(
  octets: Uint8Array,
  context: CodecContext = UNKNOWN_CONTEXT,
): InspectedAttributes & { readonly findings: readonly Finding[] } {
  const wire: WireAttribute[] = [];
  const { attributes, faults } = walkAttributes(new ByteReader(octets), context, wire);
  return { ...withEffectivePath(attributes, context), wire, findings: findings(faults) };
}

type Body = Omit<Inspection, "findings" | "type" | "typeCode" | "length"> & { readonly faults: readonly Fault[] };

function readHeader(octets: Uint8Array): Pick<Inspection, "type" | "typeCode" | "length"> {
  if (octets.length < HEADER_LENGTH) return {};
  const typeCode = octets[HEADER_LENGTH - 1]!;
  const type = (messageName(typeCode) ?? "UNKNOWN") as NonNullable<Inspection["type"]>;
  return { type, typeCode, length: lengthOf(octets) };
}

function readBody(octets: Uint8Array, context: CodecContext): Body {
  const body = new ByteReader(octets, HEADER_LENGTH);
  switch (octets[HEADER_LENGTH - 1]! as MessageType) {
    case MessageType.Open: {
      const { version, open, raw, faults } = readOpen(body);
      return { open: { version, open, capabilities: raw }, faults };
    }
    case MessageType.Update: {
      const wire: WireAttribute[] = [];
      const { withdrawn, announced, attributes, faults } = readUpdate(octets, context, wire);
      const marker = faults.length === 0 ? endOfRib({ withdrawn, announced, attributes, faults: [] }) : undefined;
      const update = { withdrawn, announced, ...withEffectivePath(attributes, context), wire };
      return { update: marker ? { ...update, endOfRib: marker } : update, faults };
    }
    case MessageType.Notification:
      return { notification: decodeNotification(body), faults: [] };
    case MessageType.Keepalive:
      return { faults: [] };
    case MessageType.RouteRefresh:
      return { routeRefresh: decodeRouteRefresh(body), faults: [] };
  }
}

function withEffectivePath(attributes: PathAttributes, { as4 }: CodecContext): Omit<InspectedAttributes, "wire"> {
  const path = !as4 && attributes.as4Path ? mergeAs4(attributes).asPath : undefined;
  return path ? { attributes, effectiveAsPath: path } : { attributes };
}

function findings(faults: readonly Fault[]): Finding[] {
  return byStrength(faults).map(({ severity, attribute, code, subcode, reason, offset, data }) => ({
    code,
    subcode,
    name: errorText(code, subcode),
    action: severity,
    message: reason,
    offset,
    ...(data && data.length > 0 ? { data } : {}),
    ...(attribute > 0 ? { attribute } : {}),
  }));
}

const REFRESH_LENGTH = 23;
