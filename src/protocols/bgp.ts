/**
 * Protocol bgp: one neighbor (or a range of them), its session, its channels. The state machine is in
 * protocol/fsm, the octets' way into and out of the tables in protocol/rib; here they meet sockets,
 * interfaces, the clock and the operator.
 */
import { MessageType } from "../../protocol/codec/iana.ts";
import type { Cause } from "../../protocol/fsm/backoff.ts";
import type { Session } from "../../protocol/fsm/negotiate.ts";
import type { Wait } from "../../protocol/fsm/peer-state.ts";
import type { StaleMap } from "../../protocol/fsm/stale.ts";
import type { Channel } from "../../protocol/rib/channel.ts";
import { formatAddress } from "../../protocol/wire/address.ts";
import type { BgpConfig, DebugFlag, LogClass } from "../config/schema.ts";
import type { Millis } from "../host.ts";
import type { Connection, Listener } from "../transport/tcp.ts";
import { cease, limitCease, stopWords } from "./bgp/cease.ts";
import { type DynamicSession, Neighbors } from "./bgp/dynamic.ts";
import type { Routes } from "./bgp/handler.ts";
import { listenOptions, peerConfig, socketOptions } from "./bgp/options.ts";
import { heldBack } from "./bgp/output.ts";
import { Past } from "./bgp/past.ts";
import { Reachability } from "./bgp/reachability.ts";
import { BgpRoutes, type LimitHit } from "./bgp/routes.ts";
import { PeerSession } from "./bgp/session.ts";
import { type Facts, fsmName, infoColumn, statusOf } from "./bgp/status.ts";
import { whyDown } from "./bgp/words.ts";
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
  #reachability: Reachability | undefined;
  #fsm = "Down";
  #sessions = 0;
  #established: Millis | undefined;
  #stopping = false;
  #ending: Promise<void> = Promise.resolve();
  readonly #past: Past;
  #silent = false;
  #stopped: string;
  #listening: string | undefined;
  #frozen: BgpConfig | undefined;

  constructor(config: BgpConfig, context: ProtocolContext) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
    this.#life = new Lifecycle(config, context);
    this.#stopped = config.disabled ? "disabled in the configuration" : "not started yet";
    this.#neighbors = new Neighbors(this, context);
    this.#past = new Past((level, line) => this.#log(level, line));
    this.#routes = new BgpRoutes(config, context, {
      wake: () => this.#session?.wake(),
      refresh: (afi, safi) => this.#session?.refresh(afi, safi),
      limit: (hit) => this.#limit(hit),
      log: (level, text) => this.#log(level, text),
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
    const error = this.state === "up" ? undefined : this.#past.lastError;
    return this.state === "down" ? (error ?? "") : infoColumn(this.#fsm, error);
  }

  start(): void {
    if (this.state !== "down") return;
    this.#past.started();
    this.#life.trace("states", "Starting");
    this.#life.set(this, "start");
    const context = this.#context;
    const session = new PeerSession(context, this.#peerConfig(), {
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
      message: (direction, octets) => {
        if (direction === "out" && octets[TYPE_AT] === MessageType.Update) this.#updateSent(octets);
      },
      bug: (text) => this.#log("bug", text),
    });
    this.#session = session;
    this.#listen();
    session.handle({ type: "start" });
    this.#life.trace("events", "Started");
    this.#reachability = new Reachability(context, {
      config: () => this.#config,
      connection: () => session.established?.connection,
      ready: () => {
        session.handle({ type: "ready", ready: true });
        this.#changed(); // a passive session does nothing, and has another name all the same
      },
      lost: (text, error, first) => {
        const { neighborAddress: ip } = this.#config;
        if (first && ip) this.#life.trace("events", `Waiting for ${formatAddress(ip)} to become my neighbor`);
        session.handle({ type: "ready", ready: false, text, error });
      },
      bfdDown: (diagnostic, error, cause) => {
        this.#log("remote", `BFD session down: ${diagnostic}`);
        session.handle({ type: "reset", error, cause });
      },
    });
    this.#reachability.check();
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
    this.#reachability?.check();
  }

  reload(direction: "in" | "out" | "both"): boolean {
    if (this.state !== "up") return false;
    this.#routes.reload(direction);
    return true;
  }

  /** A dynamic session is over for good: its sources of routes go. */
  dispose(): void {
    this.#routes.dispose();
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
    this.#past.stopping(reason);
    this.#life.trace("states", "Shutting down");
    if (this.state === "up") this.#life.set(this, "stop");
    this.#reachability?.close();
    this.#reachability = undefined;
    this.#listener?.close();
    this.#listener = undefined;
    const error = cease(reason, live?.session);
    session?.handle(error ? { type: "stop", error } : { type: "stop" });
    if (reason.kind !== "limit") this.#past.lastError = undefined;
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
    const { lastError, message } = this.#past;
    this.stop({ kind: "disable" }).catch((failure: unknown) => this.#log("bug", String(failure)));
    this.#stopped = `disabled after an error: ${whyDown(cause, this.#config) ?? "of an unknown kind"}`;
    this.#past.lastError = lastError;
    this.#past.message = message;
  }

  #updateSent(octets: Uint8Array): void {
    const context = this.#session?.established?.session.context;
    if (context) this.#context.changed(this, { type: "update", octets, context });
  }

  #changed(): void {
    const session = this.#session;
    if (!session || this.#stopping) return;
    this.#checkSilence(session);
    const now = fsmName(session.state, this.#config.passive || this.#config.neighborRange !== undefined);
    if (now === this.#fsm) return;
    const from = this.#fsm;
    this.#fsm = now;
    const { lastError: reason } = this.#past;
    this.#context.changed(this, { type: "session", from, to: now, ...(reason !== undefined && { reason }) });
    const { out, in: incoming, again } = session.state;
    if (this.onDesert && [out, incoming, again].every((each) => each.name === "Idle" || each.name === "Active"))
      this.onDesert();
  }

  // ---- sockets

  #listen(): void {
    const claim = listenOptions(this.#config);
    if (!claim) return;
    const { log } = this.#context;
    const onTrouble = (text: string | undefined): void => {
      this.#listening = text;
      if (text !== undefined) this.#log("error", `Cannot open listening socket on port ${claim.port}: ${text}`);
    };
    this.#listener = this.#context.transport.listen({ ...claim, log, onTrouble }, (connection) =>
      this.accept(connection),
    );
  }

  #dial(): Connection {
    const { neighborAddress, neighborPort } = this.#config;
    if (!neighborAddress) throw new Error(`${this.name} has no neighbor to dial`); // a range is passive
    const where = this.#reachability?.source;
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
    this.#past.up();
    this.#frozen = this.#config;
    if (session.holdTime === 0) this.#log("warning", "Hold time is 0: a dead neighbor will not be noticed");
    const routes = this.#routes.up(session, connection, this.#reachability?.source?.iface);
    this.#reachability?.up(connection.local?.ip);
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
    return heldBack(routes, () => recovery.over);
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
        (error: unknown) => this.#log("bug", String(error)),
      );
    } else this.#life.set(this, "start");
  }

  /** A SYN that nobody answers ends no connection, but is worth a line all the same. */
  #checkSilence(session: PeerSession): void {
    if (session.silent && !this.#silent)
      this.#past.ended({ type: "socket", text: "Connection timed out" }, this.#config);
    this.#silent = session.silent;
  }

  #ended(cause: Cause, wait: Wait | undefined): void {
    if (this.#session) this.#session.silent = false;
    this.#past.ended(cause, this.#config);
    if (wait?.kind === "error" && this.state === "start") this.#restarted();
    const seconds = Math.round((wait?.totalMs ?? 0) / 1000);
    if (wait?.kind === "delay") this.#life.trace("events", `Connect delayed by ${seconds} seconds`);
    if (wait?.kind === "error") this.#life.trace("events", `Startup delayed by ${seconds} seconds due to errors`);
  }

  #log(level: LogClass, text: string): void {
    this.#context.log(level, `${this.name}: ${text}`, { protocol: this.name });
  }

  #limit(hit: LimitHit): void {
    const text = `Protocol ${this.name} hits route ${hit.kind} limit (${hit.limit}), action: ${hit.action}`;
    this.#context.log("warning", text, { protocol: this.name });
    this.#context.changed(this, { type: "limit", text });
    if (hit.action !== "restart" && hit.action !== "disable") return;
    this.#log("warning", "Route limit exceeded, shutting down");
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
      reach: this.#reachability?.reach,
      stopped: this.#stopped,
      listening: this.#listening,
      lastError: this.#past.lastError,
      cause: this.#past.cause,
      message: this.#past.message,
      established: this.#established,
      sessions: this.#sessions,
      faults: this.#routes.faults,
      nextHops: this.#routes.nextHops,
      now: this.#context.clock.now(),
    };
  }
}

/** Octets of a message before its type. */
const TYPE_AT = 18;
