/**
 * Protocol bgp: one neighbor (or a range of them), its session, its channels. The state machine is in
 * protocol/fsm, the octets' way into and out of the tables in protocol/rib; here they meet sockets,
 * interfaces, the clock and the operator.
 */
import { NotificationError } from "../../protocol/codec/error.ts";
import { CeaseSubcode, ErrorCode } from "../../protocol/codec/iana.ts";
import type { Cause } from "../../protocol/fsm/backoff.ts";
import type { Session } from "../../protocol/fsm/negotiate.ts";
import type { Wait } from "../../protocol/fsm/peer-state.ts";
import type { StaleMap } from "../../protocol/fsm/stale.ts";
import type { Channel } from "../../protocol/rib/channel.ts";
import { formatAddress, type IpAddress, type Prefix, prefixOf, width } from "../../protocol/wire/address.ts";
import type { BgpConfig, DebugFlag } from "../config/schema.ts";
import type { Millis } from "../host.ts";
import type { Connection, Listener } from "../transport/tcp.ts";
import { cease, limitCease, stopWords } from "./bgp/cease.ts";
import { type DynamicSession, Neighbors } from "./bgp/dynamic.ts";
import type { Routes } from "./bgp/handler.ts";
import { peerConfig, socketOptions } from "./bgp/options.ts";
import { isOwn, type Reach, reach } from "./bgp/reach.ts";
import { BgpRoutes, type LimitHit } from "./bgp/routes.ts";
import { PeerSession } from "./bgp/session.ts";
import { type Facts, fsmName, infoColumn, statusOf } from "./bgp/status.ts";
import { lastError, logLine, peerMessage, whyDown } from "./bgp/words.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { BgpStatus, Protocol, ProtocolContext, ProtocolState, StopReason } from "./protocol.ts";
import type { Recovery } from "./recovery.ts";

export class BgpProtocol implements Protocol, DynamicSession {
  readonly name: string;
  readonly proto = "BGP";
  readonly table = "---";
  onDesert: (() => void) | undefined;
  readonly #context: ProtocolContext;
  readonly #life: Lifecycle;
  readonly #routes: BgpRoutes;
  readonly #neighbors: Neighbors;
  #config: BgpConfig;
  #session: PeerSession | undefined;
  #listener: Listener | undefined;
  #watch: { close(): void } | undefined;
  #bfd: { close(): void } | undefined;
  #reach: Reach | undefined;
  /** Our address of the session, if an interface had it when the session came up. */
  #ownAtUp: IpAddress | undefined;
  #fsm = "Down";
  #sessions = 0;
  #established: Millis | undefined;
  #stopping = false;
  #ending: Promise<void> = Promise.resolve();
  // What is remembered of the past, for `show protocols all`
  #lastError: string | undefined;
  #cause: string | undefined;
  /** The last error was a NOTIFICATION, from us or for us. */
  #spoken = false;
  #silent = false;
  #message: string | undefined;
  #switchedOff = false;
  #stopped: string;
  #listening: string | undefined;
  #logged: string | undefined;
  #frozen: BgpConfig | undefined;

  constructor(config: BgpConfig, context: ProtocolContext) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
    this.#life = new Lifecycle(config, context);
    this.#stopped = config.disabled ? "disabled in the configuration" : "not started yet";
    this.#neighbors = new Neighbors(this, context);
    this.#routes = new BgpRoutes(config, context, {
      wake: () => this.#session?.wake(),
      refresh: (afi, safi) => this.#session?.refresh(afi, safi),
      limit: (hit) => this.#limit(hit),
      log: (level, text) => context.log(level, `${this.name}: ${text}`, { protocol: this.name }),
    });
  }

  get config(): BgpConfig {
    return this.#config;
  }

  get state(): ProtocolState {
    return this.#life.state;
  }

  get since(): Millis {
    return this.#life.since;
  }

  get debug(): ReadonlySet<DebugFlag> {
    return this.#life.debug;
  }

  set debug(flags: ReadonlySet<DebugFlag>) {
    this.#life.debug = flags;
  }

  get channels(): readonly Channel[] {
    return this.#routes.channels;
  }

  get info(): string {
    const error = this.state === "up" ? undefined : this.#lastError;
    return this.state === "down" ? (error ?? "") : infoColumn(this.#fsm, error);
  }

  start(): void {
    if (this.state !== "down") return;
    if (this.#switchedOff) this.#message = undefined; // `enable` brings its own
    this.#switchedOff = false;
    this.#life.trace("states", "Starting");
    this.#life.set(this, "start");
    const context = this.#context;
    this.#session = new PeerSession(context, this.#peerConfig(), {
      dial: () => this.#dial(),
      up: (session, connection) => this.#up(session, connection),
      down: (session, cause, kept) => this.#down(session, cause, kept),
      stale: (change) => this.#routes.stale(change),
      endOfRib: (family) => this.#routes.endOfRib(family),
      ended: (cause, wait) => this.#ended(cause, wait),
      disable: (cause) => this.#disable(cause),
      changed: () => this.#changed(),
      trace: (flag, text) => {
        if (this.debug.has(flag)) this.#life.trace(flag, text());
      },
      bug: (text) => context.log("bug", `${this.name}: ${text}`, { protocol: this.name }),
    });
    this.#listen();
    this.#session.handle({ type: "start" });
    this.#life.trace("events", "Started");
    this.#watch = context.interfaces.onChange(() => this.#checkReach());
    this.#checkReach();
    this.#changed();
  }

  stop(reason: StopReason): Promise<void> {
    if (this.state === "down") return Promise.resolve();
    if (!this.#stopping) {
      this.#stopping = true;
      this.#stopped = stopWords(reason);
      this.#ending = this.#shutdown(reason);
    }
    return this.#ending;
  }

  /** A connection that the listener, or the parent of a dynamic session, has for us. */
  accept(connection: Connection): void {
    if (!this.#session || this.#stopping) return connection.close();
    if (this.#config.neighborRange) this.#neighbors.welcome(connection, this.#config);
    else this.#session.accept(connection);
  }

  reconfigure(config: BgpConfig, soft: boolean): void {
    const before = this.#config;
    this.#config = config;
    this.#session?.configure(this.#peerConfig());
    if (before.password !== config.password) {
      this.#listener?.setKey(config.password);
      this.#session?.setKey(config.password);
    }
    this.#routes.reconfigure(config, soft);
    this.#checkReach();
  }

  reload(direction: "in" | "out" | "both"): boolean {
    if (this.state !== "up") return false;
    this.#routes.reload(direction);
    return true;
  }

  drain(on: boolean): void {
    this.#routes.drain(on);
  }

  /** Whether every peer's End-of-RIB is there that will come. */
  get synced(): boolean {
    return this.state === "down" || this.#config.neighborRange !== undefined || this.#routes.synced;
  }

  status(): BgpStatus {
    return statusOf(this.#facts());
  }

  // ---- life

  /** While we recover from our own restart, the OPEN says so. */
  #peerConfig(): ReturnType<typeof peerConfig> {
    const restarting = this.#config.gracefulRestart === "on" && this.#recovery !== undefined;
    return peerConfig(this.#config, this.#context, restarting);
  }

  get #recovery(): Recovery | undefined {
    const recovery = this.#context.recovery?.();
    return recovery?.over === false ? recovery : undefined;
  }

  async #shutdown(reason: StopReason): Promise<void> {
    const session = this.#session;
    const live = session?.established;
    // A client's switch has the last word, also if it has none (RFC 9003); a daemon that ends leaves it
    if (reason.kind === "disable" || reason.kind === "restart") this.#message = reason.message;
    this.#switchedOff = reason.kind === "disable";
    this.#life.trace("states", "Shutting down");
    if (this.state === "up") this.#life.set(this, "stop");
    this.#bfd?.close();
    this.#bfd = undefined;
    this.#watch?.close();
    this.#watch = undefined;
    this.#listener?.close();
    this.#listener = undefined;
    const error = cease(reason, live?.session);
    session?.handle(error ? { type: "stop", error } : { type: "stop" });
    if (reason.kind !== "limit") this.#lastError = undefined;
    const children = this.#config.neighborRange ? this.#neighbors.stop(reason) : undefined;
    if (this.#routes.flushing) {
      this.#life.set(this, "flush");
      await this.#routes.flushed();
    }
    if (children) await children;
    this.#session = undefined;
    this.#stopping = false;
    this.#fsm = "Down";
    this.#life.set(this, "down");
    this.#life.trace("events", "Down");
    await session?.delivered();
  }

  #disable(cause: Cause): void {
    const why = whyDown(cause, this.#config);
    const [error, message] = [this.#lastError, this.#message];
    this.stop({ kind: "disable" }).catch((failure: unknown) =>
      this.#context.log("bug", `${this.name}: ${String(failure)}`),
    );
    this.#stopped = `disabled after an error${why ? `: ${why}` : ""}`;
    this.#lastError = error;
    this.#message = message;
  }

  #changed(): void {
    const session = this.#session;
    if (!session || this.#stopping) return;
    this.#checkSilence(session);
    const now = fsmName(session.state, this.#config.passive || this.#config.neighborRange !== undefined);
    if (now === this.#fsm) return;
    const from = this.#fsm;
    this.#fsm = now;
    this.#context.changed(this, {
      type: "session",
      from,
      to: now,
      ...(this.#lastError !== undefined && { reason: this.#lastError }),
    });
    const { out, in: incoming, again } = session.state;
    if (this.onDesert && [out, incoming, again].every((each) => each.name === "Idle" || each.name === "Active"))
      this.onDesert();
  }

  // ---- reachability

  #checkReach(): void {
    const session = this.#session;
    if (!session || this.#stopping) return;
    const now = this.#stillOurs(reach(this.#config, this.#context.interfaces));
    const before = this.#reach;
    this.#reach = now;
    if (now.ready) {
      this.#requestBfd(now);
      session.handle({ type: "ready", ready: true });
      return this.#changed(); // a passive session does nothing, and has another name all the same
    }
    this.#bfd?.close();
    this.#bfd = undefined;
    const { neighborAddress } = this.#config;
    if (neighborAddress && (before === undefined || before.ready))
      this.#life.trace("events", `Waiting for ${formatAddress(neighborAddress)} to become my neighbor`);
    const error = new NotificationError(ErrorCode.Cease, CeaseSubcode.Unspecific, now.why);
    session.handle({ type: "ready", ready: false, text: now.error, error });
  }

  /** A session whose own address has gone is dead, whatever TCP believes for the next minutes. */
  #stillOurs(now: Reach): Reach {
    const local = this.#session?.established?.connection.local?.ip;
    const { interfaces } = this.#context;
    if (!local || !now.ready || this.#ownAtUp === undefined || isOwn(interfaces, local)) return now;
    this.#ownAtUp = undefined;
    const { clock } = this.#context;
    clock.at(clock.now(), () => this.#checkReach()); // from another address of ours, if there is one
    return { ready: false, why: `our address ${formatAddress(local)} is gone`, error: "Neighbor lost" };
  }

  #requestBfd(where: Extract<Reach, { ready: true }>): void {
    const { bfd, neighborAddress, multihop } = this.#config;
    const service = this.#context.bfd;
    if (!bfd || this.#bfd || !service || !neighborAddress) return;
    let wasUp = false;
    this.#bfd = service.request(
      {
        remote: neighborAddress,
        ...(where.local && { local: where.local }),
        ...(where.iface !== undefined && { iface: where.iface }),
        multihop: multihop !== undefined,
        ...(bfd.options && { options: bfd.options }),
        user: this.name,
      },
      (up, diagnostic) => {
        if (wasUp && !up) this.#bfdDown(diagnostic, bfd.graceful);
        wasUp = up;
      },
    );
  }

  #bfdDown(diagnostic: string, graceful: boolean): void {
    this.#context.log("remote", `${this.name}: BFD session down: ${diagnostic}`, { protocol: this.name });
    const error = new NotificationError(ErrorCode.Cease, CeaseSubcode.BfdDown, diagnostic); // RFC 9384
    this.#session?.handle({ type: "reset", error, cause: { type: "misc", text: "BFD session down", graceful } });
  }

  // ---- sockets

  #listen(): void {
    const { neighborAddress, neighborRange, localAddress, localPort, strictBind, iface } = this.#config;
    const from: Prefix | undefined =
      neighborRange ?? (neighborAddress && prefixOf(neighborAddress, width(neighborAddress.family)));
    if (!from) return;
    this.#listener = this.#context.transport.listen(
      {
        ...socketOptions(this.#config),
        from,
        port: localPort,
        ...(localAddress && { local: localAddress }),
        ...(strictBind && { strict: true }),
        ...(iface !== undefined && { iface }),
        log: this.#context.log,
        onTrouble: (text) => {
          this.#listening = text;
          if (text !== undefined)
            this.#context.log("error", `${this.name}: Cannot open listening socket on port ${localPort}: ${text}`, {
              protocol: this.name,
            });
        },
      },
      (connection) => this.accept(connection),
    );
  }

  #dial(): Connection {
    const { neighborAddress, neighborPort } = this.#config;
    if (!neighborAddress) throw new Error(`${this.name} has no neighbor to dial`); // a range is passive
    const where = this.#reach?.ready ? this.#reach : undefined;
    const from = where?.local ? ` from local address ${formatAddress(where.local)}` : "";
    this.#life.trace("events", `Connecting to ${formatAddress(neighborAddress)}${from}`);
    return this.#context.transport.dial({
      ...socketOptions(this.#config),
      remote: neighborAddress,
      port: neighborPort,
      ...(where?.local && { local: where.local }),
      ...(where?.iface !== undefined && { iface: where.iface }),
    });
  }

  // ---- the session

  #up(session: Session, connection: Connection): Routes {
    this.#sessions++;
    this.#established = this.#context.clock.wall();
    this.#lastError = undefined;
    this.#cause = undefined;
    this.#spoken = false;
    this.#logged = undefined;
    this.#frozen = this.#config;
    if (session.holdTime === 0)
      this.#context.log("warning", `${this.name}: Hold time is 0: a dead neighbor will not be noticed`, {
        protocol: this.name,
      });
    const iface = this.#reach?.ready ? this.#reach.iface : undefined;
    const routes = this.#routes.up(session, connection, iface);
    const local = connection.local?.ip;
    this.#ownAtUp = local && isOwn(this.#context.interfaces, local) ? local : undefined;
    this.#life.set(this, "up");
    const recovery = this.#recovery;
    return recovery ? this.#held(routes, recovery) : routes;
  }

  /** Announces nothing before the recovery is over. */
  #held(routes: Routes, recovery: Recovery): Routes {
    const session = this.#session;
    recovery.onOver(() => {
      session?.configure(this.#peerConfig());
      session?.wake();
    });
    return {
      receiveUpdate: (message) => routes.receiveUpdate(message),
      receiveRefresh: (message) => routes.receiveRefresh(message),
      pull: (budget) => (recovery.over ? routes.pull(budget) : undefined),
      get congested() {
        return routes.congested;
      },
    };
  }

  #down(_session: Session, cause: Cause, kept: StaleMap): void {
    this.#life.trace("events", "BGP session closed");
    this.#established = undefined;
    this.#routes.down(new Set(kept.keys()));
    if (this.#stopping || cause.type === "stopped") return;
    this.#restarted();
  }

  /** BIRD's protocol goes down and starts again after each session. */
  #restarted(): void {
    this.#life.set(this, "stop");
    if (this.#routes.flushing) {
      this.#life.set(this, "flush");
      this.#routes.flushed().then(
        () => {
          if (this.state === "flush" && !this.#stopping) this.#life.set(this, "start");
        },
        (error: unknown) => this.#context.log("bug", `${this.name}: ${String(error)}`),
      );
    } else this.#life.set(this, "start");
  }

  /** A SYN that nobody answers ends no connection, but is worth a line all the same. */
  #checkSilence(session: PeerSession): void {
    if (session.silent && !this.#silent) this.#account({ type: "socket", text: "Connection timed out" });
    this.#silent = session.silent;
  }

  #ended(cause: Cause, wait: Wait | undefined): void {
    if (this.#session) this.#session.silent = false;
    this.#account(cause);
    this.#message = peerMessage(cause) ?? this.#message;
    if (wait?.kind === "error" && this.state === "start") this.#restarted();
    if (wait?.kind === "delay")
      this.#life.trace("events", `Connect delayed by ${Math.round(wait.totalMs / 1000)} seconds`);
  }

  /** To `show protocols all`, and to the log. */
  #account(cause: Cause): void {
    this.#blame(cause);
    const line = logLine(cause, this.#config);
    // A neighbor that stays away says so once, not with each attempt
    if (line === undefined || (cause.type === "socket" && line === this.#logged)) return;
    this.#logged = line;
    this.#context.log(cause.type === "socket" || cause.type === "misc" ? "info" : "remote", `${this.name}: ${line}`, {
      protocol: this.name,
    });
  }

  /**
   * What there is to say of the past. A peer that closes before it has said a word (it sits out its own error
   * wait, say) tells nothing new: what was wrong between us is still what it told us, or we it, before.
   */
  #blame(cause: Cause): void {
    const spoken = cause.type === "sent" || cause.type === "received";
    if (this.#spoken && this.#lastError !== undefined && cause.type === "socket" && cause.mute) return;
    this.#spoken = spoken;
    this.#lastError = lastError(cause) ?? this.#lastError;
    this.#cause = whyDown(cause, this.#config) ?? this.#cause;
  }

  #limit(hit: LimitHit): void {
    const { log } = this.#context;
    const text = `Protocol ${this.name} hits route ${hit.kind} limit (${hit.limit}), action: ${hit.action}`;
    log("warning", text, { protocol: this.name });
    this.#context.changed(this, { type: "limit", text });
    if (hit.action !== "restart" && hit.action !== "disable") return;
    log("warning", `${this.name}: Route limit exceeded, shutting down`, { protocol: this.name });
    const cause: Cause = { type: "limit", text: "Route limit exceeded" };
    const error = limitCease(hit.afi, hit.safi, hit.limit, this.#session?.established?.session);
    this.#session?.handle({ type: "reset", error, cause });
    if (hit.action === "disable") this.#disable(cause);
  }

  #facts(): Facts {
    return {
      config: this.#config,
      frozen: this.#frozen,
      session: this.#session,
      fsm: this.state === "down" ? "Down" : this.#fsm,
      reach: this.#reach,
      stopped: this.#stopped,
      listening: this.#listening,
      lastError: this.#lastError,
      cause: this.#cause,
      message: this.#message,
      established: this.#established,
      sessions: this.#sessions,
      faults: this.#routes.faults,
      nextHops: this.#routes.nextHops,
      now: this.#context.clock.now(),
    };
  }
}
