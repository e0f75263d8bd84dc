/**
 * MRT records, written (RFC 6396, RFC 8050): table dumps and what sessions said. mrt.ts reads them.
 *
 *   | seconds 4 | type 2 | subtype 2 | length 4 | body |   (octets)
 */
import { encodeAttributes, type PathAttributes } from "../codec/attribute.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "../codec/capability.ts";
import { addressOctets, type IpAddress, type Prefix } from "../wire/address.ts";
import { ByteWriter } from "../wire/bytes.ts";
import { MrtType } from "./mrt.ts";

export interface DumpPeer {
  readonly bgpId: number;
  /** Undefined: not a BGP peer; written as `::` and AS 0, as BIRD does. */
  readonly address?: IpAddress;
  readonly asn: number;
}

export interface DumpEntry {
  /** Index in the PEER_INDEX_TABLE. */
  readonly peer: number;
  /** Seconds since 1970. */
  readonly originated: number;
  readonly pathId?: number;
  readonly attributes: DumpAttributes;
}

/** With the second address of an IPv6 next hop (RFC 2545). */
export type DumpAttributes = Omit<PathAttributes, "mpReach" | "mpUnreach"> & { readonly nextHopLinkLocal?: IpAddress };

/** The two ends of a session, as BGP4MP records name them. */
export interface DumpSession {
  readonly peerAs: number;
  readonly localAs: number;
  readonly peer: IpAddress;
  readonly local: IpAddress;
  readonly as4: boolean;
}

/** PEER_INDEX_TABLE (RFC 6396 §4.3.1): opens a TABLE_DUMP_V2. @param seconds since 1970 */
export function writePeerIndex(
  seconds: number,
  collectorId: number,
  view: string,
  peers: readonly DumpPeer[],
): Uint8Array {
  const name = new TextEncoder().encode(view);
  const body = new ByteWriter(64).u32(collectorId).u16(name.length).bytes(name).u16(peers.length);
  for (const { bgpId, address, asn } of peers) {
    const octets = address ? addressOctets(address) : new Uint8Array(16);
    body.u8(octets.length === 16 ? PEER_IPV6 | PEER_AS4 : PEER_AS4);
    body.u32(bgpId).bytes(octets).u32(asn);
  }
  return record(seconds, MrtType.TableDumpV2, PEER_INDEX_TABLE, body.finish());
}

/** RIB_IPV4_UNICAST and its three sisters (RFC 6396 §4.3.2, RFC 8050 §4): all routes of one prefix. */
export function writeRib(
  seconds: number,
  sequence: number,
  prefix: Prefix,
  entries: readonly DumpEntry[],
  addPath: boolean,
): Uint8Array {
  const octets = addressOctets(prefix).subarray(0, Math.ceil(prefix.length / 8));
  const body = new ByteWriter(128).u32(sequence).u8(prefix.length).bytes(octets).u16(entries.length);
  for (const entry of entries) {
    body.u16(entry.peer).u32(entry.originated);
    if (addPath) body.u32(entry.pathId ?? 0);
    const attributes = dumpAttributes(entry.attributes);
    body.u16(attributes.length).bytes(attributes);
  }
  const plain = prefix.family === 4 ? RIB_IPV4_UNICAST : RIB_IPV6_UNICAST;
  return record(seconds, MrtType.TableDumpV2, addPath ? plain + ADD_PATH_STEP : plain, body.finish());
}

/** BGP4MP_MESSAGE or _AS4, with their _LOCAL forms for what we sent (RFC 6396 §4.4.2, §4.4.3, §4.4.5). */
export function writeMessage(seconds: number, session: DumpSession, message: Uint8Array, sent: boolean): Uint8Array {
  const subtype = session.as4 ? (sent ? 7 : 4) : sent ? 6 : 1;
  return record(seconds, MrtType.Bgp4mp, subtype, sessionHeader(session).bytes(message).finish());
}

/** BGP4MP_STATE_CHANGE_AS4 (RFC 6396 §4.4.4). @param from, to 1 Idle to 6 Established */
export function writeStateChange(seconds: number, session: DumpSession, from: number, to: number): Uint8Array {
  const body = sessionHeader({ ...session, as4: true })
    .u16(from)
    .u16(to);
  return record(seconds, MrtType.Bgp4mp, STATE_CHANGE_AS4, body.finish());
}

function record(seconds: number, type: number, subtype: number, body: Uint8Array): Uint8Array {
  const w = new ByteWriter(12 + body.length);
  return w.u32(seconds).u16(type).u16(subtype).u32(body.length).bytes(body).finish();
}

function sessionHeader({ as4, peerAs, localAs, peer, local }: DumpSession): ByteWriter {
  const w = new ByteWriter(64);
  if (as4) w.u32(peerAs).u32(localAs);
  else w.u16(Math.min(peerAs, 0xffff)).u16(Math.min(localAs, 0xffff));
  return w
    .u16(0)
    .u16(peer.family === 4 ? 1 : 2)
    .bytes(addressOctets(peer))
    .bytes(addressOctets(local));
}

/** AS numbers take four octets whatever the session had; MP_REACH_NLRI is its next hop alone (RFC 6396 §4.3.4). */
function dumpAttributes(attributes: DumpAttributes): Uint8Array {
  const { nextHop, nextHopLinkLocal, ...rest } = attributes;
  const w = new ByteWriter(128);
  if (nextHop?.family === 6) {
    const hops = [nextHop, ...(nextHopLinkLocal ? [nextHopLinkLocal] : [])].map(addressOctets);
    const length = hops.length * 16;
    w.u8(OPTIONAL)
      .u8(MP_REACH)
      .u8(length + 1)
      .u8(length);
    for (const hop of hops) w.bytes(hop);
  }
  encodeAttributes(w, nextHop?.family === 4 ? { ...rest, nextHop } : rest, CONTEXT);
  return w.finish();
}

const CONTEXT: CodecContext = { ...DEFAULT_CONTEXT, as4: true };
const PEER_INDEX_TABLE = 1;
const RIB_IPV4_UNICAST = 2;
const RIB_IPV6_UNICAST = 4;
/** From a RIB subtype to its _ADDPATH form (RFC 8050 §4). */
const ADD_PATH_STEP = 6;
const STATE_CHANGE_AS4 = 5;
const PEER_IPV6 = 1;
const PEER_AS4 = 2;
const OPTIONAL = 0x80;
const MP_REACH = 14;
