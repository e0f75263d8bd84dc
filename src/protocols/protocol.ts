/**
 * What every protocol instance is to the speaker and to the control socket: BIRD's life cycle
 * (down, start, up, stop, flush), channels, and a typed status that the renderers print.
 */
import type { Kernel } from "../../fib/index.ts";
import type { Capability, CodecContext } from "../../protocol/codec/capability.ts";
import type { Channel } from "../../protocol/rib/channel.ts";
import type { Rib } from "../../protocol/rib/rib.ts";
import type { Net } from "../../protocol/rib/route.ts";
import type { IpAddress, Prefix } from "../../protocol/wire/address.ts";
import type { BfdOptions, Config, DebugFlag, ProtocolConfig, StaticRoute } from "../config/schema.ts";
import type { Host, Millis } from "../host.ts";
import type { Transport } from "../transport/tcp.ts";
import type { Interfaces } from "./device.ts";
import type { Recovery } from "./recovery.ts";

export type ProtocolState = "down" | "start" | "up" | "stop" | "flush";

/** Why a protocol is asked to stop; decides the Cease subcode (RFC 4486) and what is kept. */
export type StopReason =
  | { readonly kind: "disable"; readonly message?: string } // 6/2
  | { readonly kind: "restart"; readonly message?: string } // 6/4
  | { readonly kind: "reconfigure" } // 6/6
  | { readonly kind: "remove" } // 6/3
  | { readonly kind: "shutdown"; readonly message?: string } // 6/2: SIGTERM, `down`
  | { readonly kind: "graceful-restart" } // no NOTIFICATION, kernel routes stay
  | {
      readonly kind: "limit";
      readonly family: { readonly afi: number; readonly safi: number };
      readonly limit: number;
    }; // 6/1

/** What the speaker hands to each protocol. */
export interface ProtocolContext extends Host {
  readonly rib: Rib;
  readonly transport: Transport;
  /** Absent where netlink cannot be opened: then no interface is known. */
  readonly kernel: Kernel | undefined;
  /** Links and addresses as the device protocol sees them; empty without one, as in BIRD. */
  readonly interfaces: Interfaces;
  readonly bfd: BfdService | undefined;
  /** Adds a protocol beside the configured ones: a dynamic neighbour's session. Shown behind its parent. */
  readonly spawn: (parent: Protocol, config: ProtocolConfig) => Protocol;
  /** Takes a spawned protocol away; it must be down. */
  readonly drop: (child: Protocol) => void;
  /** All protocols of the speaker, in order. */
  readonly protocols: () => readonly Protocol[];
  /** The running configuration: globals such as hostname and router id's sources. */
  readonly config: () => Config;
  readonly routerId: () => number;
  /** Recovery from our own graceful restart (-R), while it lasts. */
  readonly recovery?: () => Recovery | undefined;
  /** After a state, info or channel change: the speaker's timeline, state file, hooks. */
  readonly changed: (protocol: Protocol, event: ProtocolEvent) => void;
}

export type ProtocolEvent =
  | { readonly type: "state"; readonly from: ProtocolState; readonly to: ProtocolState }
  | { readonly type: "session"; readonly from: string; readonly to: string; readonly reason?: string }
  | { readonly type: "limit"; readonly text: string }
  | { readonly type: "note"; readonly text: string }
  /** An UPDATE has gone out; who wants more of it than its octets reads them now, they are not kept. */
  | { readonly type: "update"; readonly octets: Uint8Array; readonly context: CodecContext }
  /** A route was handed to the kernel, or taken from it. */
  | { readonly type: "kernel"; readonly net: Net; readonly installed: boolean };

export interface Protocol {
  readonly name: string;
  /** As `show protocols` prints it: `BGP`, `Static`, `Device`, `Direct`, `Kernel`, `Pipe`, `BFD`, `RPKI`, `MRT`. */
  readonly proto: string;
  readonly config: ProtocolConfig;
  readonly state: ProtocolState;
  /** Wall clock of the last change of `state`. */
  readonly since: Millis;
  /** The last column of `show protocols`, with BIRD's trailing blanks. */
  readonly info: string;
  /** The table column: a table's name or `---`. */
  readonly table: string;
  readonly channels: readonly Channel[];
  /** Whether it has imported all that it will at start: End-of-RIB of every peer. Absent: always. */
  readonly synced?: boolean;
  /** Debug flags as now in force; the control socket changes them. */
  debug: ReadonlySet<DebugFlag>;
  start(): void;
  /** Resolves when the protocol is down and its routes are out of the tables. Stopping twice is harmless; a harder reason wins. */
  stop(reason: StopReason): Promise<void>;
  /** Takes the new configuration without a restart; the caller has asked config/reconfigure.ts that it can. */
  reconfigure(config: ProtocolConfig, soft: boolean): void;
  reload(direction: "in" | "out" | "both"): boolean;
  /** RFC 8326: takes sessions out of service, or back. Absent where there are none. */
  drain?(on: boolean): void;
  status(): ProtocolStatus;
  /** In words, for `why`: what became of a route that was exported to it, such as the kernel's answer. */
  explain?(net: Net): string | undefined;
}

export type ProtocolStatus =
  | { readonly kind: "plain" }
  | BgpStatus
  | { readonly kind: "pipe"; readonly peerTable: string }
  | { readonly kind: "static"; readonly routes: readonly StaticRouteStatus[] }
  | { readonly kind: "foreign" }
  | BfdStatus
  | RpkiStatus;

export interface BfdStatus {
  readonly kind: "bfd";
  readonly sessions: readonly BfdSessionStatus[];
}

/** A row of `show bfd sessions`. */
export interface BfdSessionStatus {
  readonly remote: IpAddress;
  readonly local?: IpAddress;
  readonly iface?: string;
  readonly multihop: boolean;
  readonly state: "AdminDown" | "Down" | "Init" | "Up";
  /** Wall clock of the last change of `state`. */
  readonly since: Millis;
  /** Seconds between packets that we send, as negotiated; and until silence means down, 0 while down. */
  readonly interval: number;
  readonly timeout: number;
  readonly localDiagnostic: string;
  readonly remoteDiagnostic: string;
  readonly localDiscriminator: number;
  readonly remoteDiscriminator: number;
  /** Who asked for it: names of protocols. */
  readonly users: readonly string[];
}

export interface StaticRouteStatus {
  readonly route: StaticRoute;
  /** One a next hop: whether it can be used now. */
  readonly usable: readonly boolean[];
}

export interface RpkiStatus {
  readonly kind: "rpki";
  readonly remote: string;
  readonly state: string;
  readonly lines: readonly string[];
}

export interface BgpStatus {
  readonly kind: "bgp";
  /** `Idle`, `Connect`, `Active`, `OpenSent`, `OpenConfirm`, `Established`, `Down`, `Passive`. */
  readonly fsm: string;
  readonly neighborAddress?: IpAddress;
  readonly neighborIface?: string;
  readonly neighborRange?: Prefix;
  readonly neighborPort: number;
  readonly neighborAs: number;
  readonly localAs: number;
  /** Seconds left and configured, while they run. */
  readonly connectDelay?: Countdown;
  readonly errorWait?: Countdown;
  readonly lastError?: string;
  /** Last administrative message, ours or theirs (RFC 9003). */
  readonly message?: string;
  /** In words: why the session is not up; undefined while it is. */
  readonly why?: string;
  /** Options that a reload changed and that the next session will use. */
  readonly pending?: readonly string[];
  readonly neighborId?: number;
  readonly localCapabilities?: readonly Capability[];
  readonly neighborCapabilities?: readonly Capability[];
  /** As printed behind `Session:`, e.g. `external AS4`. */
  readonly session?: string;
  readonly sourceAddress?: IpAddress;
  readonly holdTimer?: Countdown;
  readonly keepaliveTimer?: Countdown;
  readonly sendHoldTimer?: Countdown;
  /** By channel name: `BGP Next hop:` line. */
  readonly nextHops: ReadonlyMap<string, readonly IpAddress[]>;
  readonly established?: Millis;
  readonly counters: {
    readonly received: Readonly<Record<string, number>>;
    readonly sent: Readonly<Record<string, number>>;
    readonly faults: number;
    readonly sessions: number;
  };
}

export interface Countdown {
  readonly left: number;
  readonly total: number;
}

/** What BFD offers to BGP and static routes (RFC 5882). */
export interface BfdService {
  /** Asks for a session; the callback hears every change. The handle's `close` ends the request. */
  request(
    session: {
      readonly remote: IpAddress;
      readonly local?: IpAddress;
      readonly iface?: string;
      readonly multihop: boolean;
      readonly options?: Partial<BfdOptions>;
      /** Name of the protocol that asks. */
      readonly user?: string;
    },
    changed: (up: boolean, diagnostic: string) => void,
  ): { close(): void };
}
