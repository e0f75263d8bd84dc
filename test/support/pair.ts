/** Two sessions on a simulated link and clock: no sleep, no port. */
import type { Cause } from "../../protocol/fsm/backoff.ts";
import type { OpenConfig, Session } from "../../protocol/fsm/negotiate.ts";
import type { PeerConfig, Wait } from "../../protocol/fsm/peer-state.ts";
import type { StaleChange, StaleMap } from "../../protocol/fsm/stale.ts";
import { ipv4, prefixOf } from "../../protocol/wire/address.ts";
import type { Host } from "../../src/host.ts";
import type { Routes } from "../../src/protocols/bgp/handler.ts";
import { PeerSession } from "../../src/protocols/bgp/session.ts";
import { VirtualNetwork } from "../../src/testing/network.ts";
import { seededRandom } from "../../src/testing/random.ts";
import { VirtualTime } from "../../src/testing/time.ts";
import type { Connection, Listener } from "../../src/transport/transport.ts";

export type Heard =
  | { readonly type: "up"; readonly session: Session; readonly at: number }
  | { readonly type: "down"; readonly cause: Cause; readonly kept: StaleMap; readonly at: number }
  | { readonly type: "ended"; readonly cause: Cause; readonly wait: Wait | undefined; readonly at: number }
  | { readonly type: "disable"; readonly cause: Cause; readonly at: number }
  | { readonly type: "stale"; readonly change: StaleChange; readonly at: number };

/** One side: its session, what it heard, and the octets it got and sends. */
export class Side {
  readonly session: PeerSession;
  readonly heard: Heard[] = [];
  readonly updates: Uint8Array[] = [];
  readonly refreshes: unknown[] = [];
  readonly outbox: Uint8Array[] = [];
  readonly bugs: string[] = [];
  readonly listener: Listener;
  congested = false;

  constructor(
    world: World,
    name: string,
    own: number,
    other: number,
    config: Omit<PeerConfig, "jitter">,
    options: { md5?: string },
  ) {
    const host = world.network.addHost(name, ipv4(own));
    const { clock, scheduler, soon } = world.time;
    const env: Host = { clock, scheduler, soon, random: world.random, log: () => undefined };
    const note = (heard: Heard): void => void this.heard.push(heard);
    const at = (): number => world.time.now;
    this.session = new PeerSession(env, config, {
      dial: () => host.transport.dial({ remote: ipv4(other), port: 179, ...options }),
      up: (session): Routes => {
        note({ type: "up", session, at: at() });
        const side = this;
        return {
          receiveUpdate: (message) => void this.updates.push(message.slice()),
          receiveRefresh: (message) => void this.refreshes.push(message),
          pull: () => this.outbox.shift(),
          get congested() {
            return side.congested;
          },
        };
      },
      down: (_session, cause, kept) => note({ type: "down", cause, kept, at: at() }),
      stale: (change) => note({ type: "stale", change, at: at() }),
      endOfRib: () => undefined,
      ended: (cause, wait) => note({ type: "ended", cause, wait, at: at() }),
      disable: (cause) => note({ type: "disable", cause, at: at() }),
      changed: () => undefined,
      trace: () => undefined,
      bug: (text) => void this.bugs.push(text),
    });
    this.listener = host.transport.listen(
      { from: prefixOf(ipv4(other), 32), port: 179, log: () => undefined, ...options },
      (connection: Connection) => this.session.accept(connection),
    );
  }

  get fsm(): string {
    const { out, in: incoming, again } = this.session.state;
    return [out, incoming, again].map((state) => state.name).join(" ");
  }

  get established(): boolean {
    return this.session.established !== undefined;
  }

  send(octets: Uint8Array): void {
    this.outbox.push(octets);
    this.session.wake();
  }

  start(): void {
    this.session.handle({ type: "start" });
    this.session.handle({ type: "ready", ready: true });
  }

  last<T extends Heard["type"]>(type: T): Extract<Heard, { type: T }> | undefined {
    return this.heard.findLast((each): each is Extract<Heard, { type: T }> => each.type === type);
  }
}

export interface World {
  readonly time: VirtualTime;
  readonly network: VirtualNetwork;
  readonly random: () => number;
}

export interface SideOptions {
  readonly open?: Partial<OpenConfig>;
  readonly peer?: Partial<Omit<PeerConfig, "open" | "jitter">>;
  readonly md5?: string;
}

export interface Pair extends World {
  readonly a: Side;
  readonly b: Side;
}

/** A is 10.0.0.1, AS 65001; B is 10.0.0.2, AS 65002. */
export function makePair(a: SideOptions = {}, b: SideOptions = {}, seed = 1): Pair {
  const time = new VirtualTime();
  const random = seededRandom(seed);
  const world: World = { time, random, network: new VirtualNetwork(time, random) };
  const side = (name: string, own: number, other: number, as: number, otherAs: number, options: SideOptions): Side =>
    new Side(
      world,
      name,
      own,
      other,
      { ...PEER, ...options.peer, open: { ...OPEN, localAs: as, localId: own, peerAs: otherAs, ...options.open } },
      options.md5 === undefined ? {} : { md5: options.md5 },
    );
  return {
    ...world,
    a: side("a", A, B, 65001, 65002, a),
    b: side("b", B, A, 65002, 65001, b),
  };
}

export const IPV4_UNICAST = {
  afi: 1,
  safi: 1,
  mandatory: false,
  extendedNextHop: false,
  gracefulRestart: false,
} as const;

/** What bird.conf's defaults come to. */
export const OPEN: OpenConfig = {
  localAs: 65001,
  localId: 0x0a000001,
  peerAs: 65002,
  confederationMember: false,
  holdTime: 240,
  minHoldTime: 0,
  minKeepaliveTime: 0,
  families: [IPV4_UNICAST],
  capabilities: true,
  routeRefresh: true,
  as4: true,
  extendedMessages: false,
  gracefulRestart: "aware",
  restartTime: 120,
  restarting: false,
  longLived: "aware",
  requireRoles: false,
  enforceFirstAs: false,
  allowLocalPref: false,
  rejectAsSets: false,
};

export const PEER: Omit<PeerConfig, "jitter" | "open"> = {
  passive: false,
  errorForgetMs: 300_000,
  startupHoldMs: 240_000,
  disableAfterError: false,
  disableAfterCease: new Set(),
};

const A = 0x0a000001;
const B = 0x0a000002;
