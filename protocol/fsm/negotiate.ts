/**
 * The OPEN we send, and what two OPENs settle: a Session, or the NOTIFICATION that refuses the peer
 * (RFC 4271 §6.2). Everything sent later counts on what *both* sides announced; the result is frozen
 * for the life of the connection.
 */
import {
  type AddPathMode,
  type Capability,
  type CodecContext,
  encodeCapability,
  type FamilyKey,
  type FamilyRef,
  familyKey,
  isUnknownCapability,
} from "../codec/capability.ts";
import { NotificationError } from "../codec/error.ts";
import { AS_TRANS, CapabilityCode, ErrorCode, OpenSubcode, Role } from "../codec/iana.ts";
import type { Open } from "../codec/open.ts";
import { ByteWriter } from "../wire/bytes.ts";

/** One family that we want, and what we offer for it. */
export interface OfferedFamily extends FamilyRef {
  /** The peer must announce it (BIRD's `mandatory`). */
  readonly mandatory: boolean;
  readonly addPath?: AddPathMode;
  /** IPv4 routes with IPv6 next hops (RFC 8950). */
  readonly extendedNextHop: boolean;
  /** We keep forwarding over our own restart. */
  readonly gracefulRestart: boolean;
  /** Seconds that our routes stay usable after our restart time (RFC 9494); undefined: not offered. */
  readonly staleTime?: number;
}

/** What we would say in an OPEN, and what we accept in one. */
export interface OpenConfig {
  readonly localAs: number;
  readonly localId: number;
  /** 0: any that suits `peerKind`. */
  readonly peerAs: number;
  readonly peerKind?: "internal" | "external";
  readonly confederation?: number;
  readonly confederationMember: boolean;
  /** Seconds. */
  readonly holdTime: number;
  readonly minHoldTime: number;
  readonly keepaliveTime?: number;
  readonly minKeepaliveTime: number;
  readonly families: readonly OfferedFamily[];
  /** false: an OPEN without any (BIRD's `capabilities off`). */
  readonly capabilities: boolean;
  readonly routeRefresh: boolean;
  readonly as4: boolean;
  readonly extendedMessages: boolean;
  readonly hostname?: string;
  readonly gracefulRestart: "off" | "aware" | "on";
  readonly restartTime: number;
  /** We have just restarted: the R bit, and F bits for families whose forwarding went on. */
  readonly restarting: boolean;
  readonly longLived: "off" | "aware" | "on";
  readonly role?: Role;
  readonly requireRoles: boolean;
  /** Turned into the CodecContext for what follows. */
  readonly enforceFirstAs: boolean;
  readonly allowLocalPref: boolean;
  readonly rejectAsSets: boolean;
}

export interface GracefulRestart {
  /** Seconds that the peer asks us to keep its routes. */
  readonly peerTime: number;
  readonly peerRestarting: boolean;
  /** Both sides set the N bit (RFC 8538). */
  readonly notification: boolean;
  readonly families: ReadonlyMap<FamilyKey, { readonly forwarding: boolean }>;
}

/** What a connection has settled. */
export interface Session {
  readonly context: CodecContext;
  readonly families: readonly FamilyRef[];
  readonly peerAs: number;
  readonly peerId: number;
  /** The AS that the peer knows us by. */
  readonly localAs: number;
  readonly localId: number;
  readonly internal: boolean;
  /** Seconds; 0: no keepalives and no expiry. */
  readonly holdTime: number;
  readonly keepaliveTime: number;
  readonly as4: boolean;
  readonly routeRefresh: boolean;
  readonly enhancedRefresh: boolean;
  readonly extendedMessages: boolean;
  readonly addPathTx: ReadonlySet<FamilyKey>;
  readonly addPathRx: ReadonlySet<FamilyKey>;
  readonly extendedNextHop: ReadonlySet<FamilyKey>;
  readonly gracefulRestart?: GracefulRestart;
  readonly longLived?: ReadonlyMap<FamilyKey, { readonly forwarding: boolean; readonly staleTime: number }>;
  readonly role?: { readonly local: Role; readonly remote?: Role };
  readonly localCapabilities: readonly Capability[];
  readonly peerCapabilities: readonly Capability[];
  readonly peerHostname?: string;
}

/** Capabilities in ascending order of code, as BIRD sends them. */
export function buildOpen(config: OpenConfig): Open {
  const asn = announcedAs(config);
  return {
    type: "open",
    myAs: asn > 0xffff ? AS_TRANS : asn,
    holdTime: config.holdTime,
    bgpId: config.localId,
    capabilities: config.capabilities ? localCapabilities(config, asn) : [],
  };
}

/** @throws NotificationError if this peer, or this OPEN of it, is not acceptable */
export function negotiate(config: OpenConfig, sent: Open, received: Open): Session {
  const theirs = received.capabilities.filter((capability) => !isUnknownCapability(capability));
  const ours = sent.capabilities;
  const peerAs = checkAs(config, received.myAs, theirs);
  const internal = peerAs === config.localAs;
  checkId(config, received.bgpId, internal);
  const holdTime = checkHold(config, received.holdTime);
  const role = checkRole(config, theirs, internal);
  const families = commonFamilies(config, received.capabilities);
  const as4 = has(ours, CapabilityCode.FourOctetAs) && has(theirs, CapabilityCode.FourOctetAs);
  const [addPathRx, addPathTx] = addPaths(ours, theirs, families);
  const extendedNextHop = extendedNextHops(ours, theirs, families);
  const both = (code: Capability["code"]): boolean => has(ours, code) && has(theirs, code);
  const extendedMessages = both(CapabilityCode.ExtendedMessage);
  const routeRefresh = both(CapabilityCode.RouteRefresh);
  const enhancedRefresh = both(CapabilityCode.EnhancedRouteRefresh);
  const gracefulRestart = restart(ours, theirs);
  const longLived = gracefulRestart && longLivedFamilies(ours, theirs);
  const hostname = find(theirs, CapabilityCode.Fqdn)?.hostname;
  return Object.freeze({
    context: {
      as4,
      extendedMessages,
      addPathRx,
      addPathTx,
      extendedNextHop,
      peer: internal ? "ibgp" : config.confederationMember ? "confederation" : "ebgp",
      families: new Set(families.map((family) => familyKey(family.afi, family.safi))),
      acceptExtended: has(ours, CapabilityCode.ExtendedMessage),
      enhancedRefresh,
      ...(config.enforceFirstAs && !internal && { firstAs: peerAs }),
      allowLocalPref: config.allowLocalPref,
      rejectAsSets: config.rejectAsSets,
    },
    families,
    peerAs,
    peerId: received.bgpId,
    localAs: announcedAs(config),
    localId: config.localId,
    internal,
    holdTime,
    keepaliveTime: keepaliveTime(config, holdTime),
    as4,
    routeRefresh,
    enhancedRefresh,
    extendedMessages,
    addPathRx,
    addPathTx,
    extendedNextHop,
    ...(gracefulRestart && { gracefulRestart }),
    ...(longLived && { longLived }),
    ...(role && { role }),
    localCapabilities: ours,
    peerCapabilities: received.capabilities,
    ...(hostname !== undefined && { peerHostname: hostname }),
  } satisfies Session);
}

/** Outside a confederation we are its identifier (RFC 5065 §4). */
function announcedAs(config: OpenConfig): number {
  const outside = !config.confederationMember && config.peerAs !== config.localAs && config.peerKind !== "internal";
  return config.confederation !== undefined && outside ? config.confederation : config.localAs;
}

function localCapabilities(config: OpenConfig, asn: number): Capability[] {
  const list: Capability[] = [];
  const { families } = config;
  for (const { afi, safi } of families) list.push({ code: CapabilityCode.Multiprotocol, afi, safi });
  if (config.routeRefresh) list.push({ code: CapabilityCode.RouteRefresh });
  const nextHops = families.filter((family) => family.extendedNextHop && family.afi === 1);
  if (nextHops.length > 0)
    list.push({
      code: CapabilityCode.ExtendedNextHop,
      nextHops: nextHops.map(({ afi, safi }) => ({ afi, safi, nextHopAfi: 2 })),
    });
  if (config.extendedMessages) list.push({ code: CapabilityCode.ExtendedMessage });
  if (config.role !== undefined) list.push({ code: CapabilityCode.Role, role: config.role });
  if (config.gracefulRestart !== "off") list.push(restartCapability(config));
  if (config.as4) list.push({ code: CapabilityCode.FourOctetAs, asn });
  const paths = families.flatMap(({ afi, safi, addPath }) => (addPath ? [{ afi, safi, mode: addPath }] : []));
  if (paths.length > 0) list.push({ code: CapabilityCode.AddPath, families: paths });
  if (config.routeRefresh) list.push({ code: CapabilityCode.EnhancedRouteRefresh });
  if (config.longLived !== "off" && config.gracefulRestart !== "off")
    list.push({
      code: CapabilityCode.LongLivedGracefulRestart,
      families: families.flatMap(({ afi, safi, staleTime }) =>
        config.longLived === "on" && staleTime !== undefined
          ? [{ afi, safi, forwarding: config.restarting, staleTime }]
          : [],
      ),
    });
  if (config.hostname !== undefined) list.push({ code: CapabilityCode.Fqdn, hostname: config.hostname, domain: "" });
  return list;
}

/** A helper alone ("aware") announces no family; a restarter lists what survives its restart (RFC 4724 §3). */
function restartCapability(config: OpenConfig): Capability {
  const on = config.gracefulRestart === "on";
  const kept = on ? config.families.filter((family) => family.gracefulRestart) : [];
  return {
    code: CapabilityCode.GracefulRestart,
    restartTime: config.restartTime,
    restartState: config.restarting,
    notification: on, // RFC 8538; a helper's OPEN stays as BIRD's
    families: kept.map(({ afi, safi }) => ({ afi, safi, forwarding: config.restarting })),
  };
}

function checkAs(config: OpenConfig, myAs: number, theirs: readonly Capability[]): number {
  const as4 = find(theirs, CapabilityCode.FourOctetAs);
  const asn = as4 ? as4.asn : myAs; // the capability decides (RFC 6793 §4.1)
  const refuse = (text: string): NotificationError => {
    const data = as4 ? new ByteWriter(4).u32(asn) : new ByteWriter(2).u16(asn);
    return new NotificationError(ErrorCode.Open, OpenSubcode.BadPeerAs, text, data.finish());
  };
  if (asn === 0 || myAs === 0) throw refuse("peer's AS is 0"); // RFC 7607 §2
  if (config.peerAs !== 0 && asn !== config.peerAs) throw refuse(`peer's AS is ${asn}, configured is ${config.peerAs}`);
  if (config.peerKind === "internal" && asn !== config.localAs)
    throw refuse(`peer's AS is ${asn}, an internal neighbor has ${config.localAs}`);
  if (config.peerKind === "external" && asn === config.localAs)
    throw refuse(`peer's AS is ${asn}, our own, but the neighbor is external`);
  return asn;
}

/** RFC 6286 §2.2: not zero, and unique within an AS only. */
function checkId(config: OpenConfig, id: number, internal: boolean): void {
  if (id !== 0 && !(internal && id === config.localId)) return;
  const text = id === 0 ? "peer's identifier is 0.0.0.0" : "peer's identifier is our own";
  throw new NotificationError(ErrorCode.Open, OpenSubcode.BadBgpIdentifier, text, new ByteWriter(4).u32(id).finish());
}

function checkHold(config: OpenConfig, theirs: number): number {
  const holdTime = Math.min(config.holdTime, theirs);
  if (theirs === 1 || theirs === 2 || holdTime < config.minHoldTime) {
    const data = new ByteWriter(2).u16(theirs).finish();
    const text = `peer's hold time is ${theirs} s, at least ${Math.max(3, config.minHoldTime)} s are wanted`;
    throw new NotificationError(ErrorCode.Open, OpenSubcode.UnacceptableHoldTime, text, data);
  }
  return holdTime;
}

function keepaliveTime(config: OpenConfig, holdTime: number): number {
  if (holdTime === 0) return 0;
  const own = config.keepaliveTime;
  // A configured time shrinks with the hold time, as BIRD scales it
  const scaled = own === undefined ? holdTime / 3 : config.holdTime > 0 ? (own * holdTime) / config.holdTime : own;
  return Math.max(scaled, config.minKeepaliveTime, MIN_KEEPALIVE_S);
}

/** RFC 9234 §4.2. */
function checkRole(
  config: OpenConfig,
  theirs: readonly Capability[],
  internal: boolean,
): { local: Role; remote?: Role } | undefined {
  if (config.role === undefined || internal) return undefined;
  const mismatch = (text: string): NotificationError =>
    new NotificationError(ErrorCode.Open, OpenSubcode.RoleMismatch, text);
  const roles = new Set(
    theirs.flatMap((capability) =>
      capability.code === CapabilityCode.Role && "role" in capability ? [capability.role] : [],
    ),
  );
  if (roles.size > 1) throw mismatch("peer announces several roles");
  const [remote] = roles;
  const local = config.role;
  if (remote === undefined) {
    if (config.requireRoles) throw mismatch("peer announces no role, and roles are required");
    return { local };
  }
  if (PARTNER[local] !== remote) throw mismatch(`peer's role is ${roleName(remote)}, ours ${roleName(local)}`);
  return { local, remote: remote as Role };
}

/** Without any multiprotocol capability a peer speaks IPv4 unicast (RFC 4760 §8). */
function commonFamilies(config: OpenConfig, theirs: readonly Capability[]): FamilyRef[] {
  const announced = theirs.flatMap((capability) =>
    capability.code === CapabilityCode.Multiprotocol && "afi" in capability ? [capability] : [],
  );
  const peers: readonly FamilyRef[] = announced.length > 0 ? announced : [{ afi: 1, safi: 1 }];
  const offers = config.capabilities ? config.families : config.families.filter(isIpv4Unicast);
  const common = offers.filter((own) => peers.some((peer) => peer.afi === own.afi && peer.safi === own.safi));
  const missing = config.families.filter((own) => own.mandatory && !common.includes(own));
  const wanted = missing.length > 0 ? missing : common.length > 0 ? [] : config.families;
  if (wanted.length > 0 || common.length === 0) {
    const w = new ByteWriter(16); // the capabilities that we miss (RFC 5492 §3)
    for (const { afi, safi } of wanted) encodeCapability(w, { code: CapabilityCode.Multiprotocol, afi, safi });
    const text = "peer lacks the address families that we need";
    throw new NotificationError(ErrorCode.Open, OpenSubcode.UnsupportedCapability, text, w.finish());
  }
  return common.map(({ afi, safi }) => ({ afi, safi }));
}

/** What they can send we take, what they take we send (RFC 7911 §4). */
function addPaths(
  ours: readonly Capability[],
  theirs: readonly Capability[],
  families: readonly FamilyRef[],
): [Set<FamilyKey>, Set<FamilyKey>] {
  const rx = new Set<FamilyKey>();
  const tx = new Set<FamilyKey>();
  const mode = (list: readonly Capability[], family: FamilyRef): number =>
    find(list, CapabilityCode.AddPath)?.families.findLast((f) => f.afi === family.afi && f.safi === family.safi)
      ?.mode ?? 0;
  for (const family of families) {
    const [own, peer] = [mode(ours, family), mode(theirs, family)];
    const key = familyKey(family.afi, family.safi);
    if (own & RECEIVE && peer & SEND) rx.add(key);
    if (own & SEND && peer & RECEIVE) tx.add(key);
  }
  return [rx, tx];
}

function extendedNextHops(
  ours: readonly Capability[],
  theirs: readonly Capability[],
  families: readonly FamilyRef[],
): Set<FamilyKey> {
  const offers = (list: readonly Capability[], family: FamilyRef): boolean =>
    find(list, CapabilityCode.ExtendedNextHop)?.nextHops.some(
      (f) => f.afi === family.afi && f.safi === family.safi && f.nextHopAfi === 2,
    ) ?? false;
  return new Set(
    families.filter((f) => offers(ours, f) && offers(theirs, f)).map((family) => familyKey(family.afi, family.safi)),
  );
}

/** Present if we know graceful restart and the peer announced it, for whatever families. */
function restart(ours: readonly Capability[], theirs: readonly Capability[]): GracefulRestart | undefined {
  const own = find(ours, CapabilityCode.GracefulRestart);
  const peer = find(theirs, CapabilityCode.GracefulRestart);
  if (!own || !peer) return undefined;
  return {
    peerTime: peer.restartTime,
    peerRestarting: peer.restartState,
    notification: own.notification && peer.notification,
    families: new Map(peer.families.map((f) => [familyKey(f.afi, f.safi), { forwarding: f.forwarding }])),
  };
}

function longLivedFamilies(
  ours: readonly Capability[],
  theirs: readonly Capability[],
): ReadonlyMap<FamilyKey, { forwarding: boolean; staleTime: number }> | undefined {
  const peer = find(theirs, CapabilityCode.LongLivedGracefulRestart);
  if (!find(ours, CapabilityCode.LongLivedGracefulRestart) || !peer) return undefined;
  return new Map(
    peer.families.map((f) => [familyKey(f.afi, f.safi), { forwarding: f.forwarding, staleTime: f.staleTime }]),
  );
}

function isIpv4Unicast(family: FamilyRef): boolean {
  return family.afi === 1 && family.safi === 1;
}

function has(list: readonly Capability[], code: Capability["code"]): boolean {
  return list.some((capability) => capability.code === code && !isUnknownCapability(capability));
}

type Known = Exclude<Capability, { value: Uint8Array }>;

/** The last of a code counts, where one alone makes sense. */
function find<C extends Known["code"]>(list: readonly Capability[], code: C): Extract<Known, { code: C }> | undefined {
  return list.findLast((c): c is Extract<Known, { code: C }> => c.code === code && !isUnknownCapability(c));
}

function roleName(role: number): string {
  return ROLE_NAMES[role] ?? String(role);
}

const RECEIVE = 1;
const SEND = 2;
/** RFC 4271 §4.4 */
const MIN_KEEPALIVE_S = 1;
/** Which role the other side must have. */
const PARTNER: Readonly<Record<Role, Role>> = {
  [Role.Provider]: Role.Customer,
  [Role.Customer]: Role.Provider,
  [Role.Rs]: Role.RsClient,
  [Role.RsClient]: Role.Rs,
  [Role.Peer]: Role.Peer,
};
const ROLE_NAMES: readonly string[] = ["provider", "rs_server", "rs_client", "customer", "peer"];
