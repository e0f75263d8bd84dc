/**
 * Protocol bfd: sessions that BGP, static routes and `neighbor` lines ask for, shared by all who ask for
 * the same path. The packets are made in a thread (bfd-worker.ts); this side holds configuration, state
 * and callbacks.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { BfdState } from "../../protocol/bfd-packet.ts";
import type { Channel } from "../../protocol/rib/channel.ts";
import { formatAddress, type IpAddress, isLinkLocal } from "../../protocol/wire/address.ts";
import type { BfdConfig, BfdOptions, DebugFlag } from "../config/schema.ts";
import type { Millis } from "../host.ts";
import { BfdEngine, type EngineCommand, type EngineEvent, type SessionInit } from "./bfd/engine.ts";
import { Lifecycle } from "./lifecycle.ts";
import { findNeighbor } from "./neighbor.ts";
import { matchesPatterns } from "./pattern.ts";
import type {
  BfdService,
  BfdSessionStatus,
  Protocol,
  ProtocolContext,
  ProtocolState,
  ProtocolStatus,
} from "./protocol.ts";

type Request = Parameters<BfdService["request"]>[0];
type Changed = Parameters<BfdService["request"]>[1];

interface User {
  readonly request: Request;
  readonly changed: Changed;
}

interface Session {
  readonly id: number;
  readonly key: string;
  readonly users: Set<User>;
  readonly remote: IpAddress;
  readonly local: IpAddress | undefined;
  readonly iface: string | undefined;
  readonly multihop: boolean;
  init: SessionInit | undefined;
  last: Extract<EngineEvent, { type: "state" }> | undefined;
  since: Millis;
}

/** Where the packets are made: a thread, or here where no thread can be had. */
interface Port {
  send(command: EngineCommand): void;
  /** Resolves when the last packets are out. */
  close(): Promise<void>;
}

export class BfdProtocol implements Protocol, BfdService {
  readonly name: string;
  readonly proto = "BFD";
  readonly table = "---";
  readonly info = "";
  readonly channels: readonly Channel[] = [];
  readonly #context: ProtocolContext;
  readonly #life: Lifecycle;
  readonly #sessions = new Map<string, Session>();
  #config: BfdConfig;
  #port: Port | undefined;
  #configured: { close(): void }[] = [];
  #watch: { close(): void } | undefined;
  #nextId = 1;

  constructor(config: BfdConfig, context: ProtocolContext) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
    this.#life = new Lifecycle(config, context);
  }

  get config(): BfdConfig {
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

  start(): void {
    if (this.state !== "down") return;
    this.#life.set(this, "up");
    this.#port = openPort(
      (event) => this.#hear(event),
      (text) => this.#context.log("error", `${this.name}: ${text}`, { protocol: this.name }),
    );
    for (const session of this.#sessions.values()) this.#begin(session);
    this.#requestConfigured();
    this.#watch = this.#context.interfaces.onChange(() => this.#requestConfigured());
  }

  async stop(): Promise<void> {
    if (this.state === "down") return;
    this.#watch?.close();
    for (const request of this.#configured.splice(0)) request.close();
    const port = this.#port;
    this.#port = undefined;
    for (const session of this.#sessions.values()) {
      session.init = undefined;
      session.last = undefined;
    }
    this.#life.set(this, "down");
    await port?.close();
  }

  reconfigure(config: BfdConfig): void {
    this.#config = config;
    for (const session of this.#sessions.values()) this.#configure(session);
    for (const request of this.#configured.splice(0)) request.close();
    this.#requestConfigured();
  }

  reload(): boolean {
    return false;
  }

  status(): ProtocolStatus {
    return { kind: "bfd", sessions: [...this.#sessions.values()].filter((each) => each.init).map(statusOf) };
  }

  request(request: Request, changed: Changed): { close(): void } {
    const { remote, local, iface, multihop } = request;
    const key = [
      formatAddress(remote),
      local ? formatAddress(local) : "",
      multihop ? "" : (iface ?? ""),
      multihop,
    ].join(" ");
    let session = this.#sessions.get(key);
    const user: User = { request, changed };
    if (!session) {
      session = {
        id: this.#nextId++,
        key,
        users: new Set(),
        remote,
        local,
        iface,
        multihop,
        init: undefined,
        last: undefined,
        since: this.#context.clock.wall(),
      };
      this.#sessions.set(key, session);
    }
    const shared = session;
    shared.users.add(user);
    if (shared.init) this.#configure(shared);
    else this.#begin(shared);
    if (shared.last?.state === BfdState.Up) changed(true, shared.last.diagnostic);
    return { close: () => this.#release(shared, user) };
  }

  #release(session: Session, user: User): void {
    if (!session.users.delete(user) || session.users.size > 0) return;
    this.#sessions.delete(session.key);
    if (session.init) this.#port?.send({ type: "remove", id: session.id });
  }

  #begin(session: Session): void {
    if (!this.#port || !this.#accepts(session)) return;
    session.init = this.#init(session);
    session.since = this.#context.clock.wall();
    this.#port.send({ type: "add", session: session.init });
  }

  #configure(session: Session): void {
    if (!session.init) return;
    const next = this.#init(session);
    if (JSON.stringify(next) === JSON.stringify(session.init)) return;
    session.init = next;
    const { config, authentication, keys } = next;
    this.#port?.send({ type: "configure", id: session.id, config, authentication, keys });
  }

  #accepts({ remote, multihop }: Session): boolean {
    const { ipv4, ipv6, direct, multihop: far } = this.#config.accept;
    return (remote.family === 4 ? ipv4 : ipv6) && (multihop ? far : direct);
  }

  /** Options of the interface, or of multihop sessions, with what the users ask for over them. */
  #init({ id, remote, local, iface, multihop, users }: Session): SessionInit {
    const options = { ...DEFAULTS, ...this.#optionsFor(iface, multihop) };
    for (const { request } of users) Object.assign(options, request.options);
    const { vrf, strictBind } = this.#config;
    return {
      id,
      remote: formatAddress(remote),
      ...(local && { local: formatAddress(local) }),
      ...(iface !== undefined && { iface }),
      multihop,
      strictBind,
      ...(vrf !== undefined && vrf !== "" && { device: vrf }),
      config: {
        minTxMs: options.intervalMs ?? options.minTxMs,
        minRxMs: options.intervalMs ?? options.minRxMs,
        idleTxMs: options.idleTxMs,
        multiplier: options.multiplier,
        passive: options.passive,
      },
      authentication: options.authentication,
      keys: options.passwords,
    };
  }

  #optionsFor(iface: string | undefined, multihop: boolean): Partial<BfdOptions> | undefined {
    if (multihop) return this.#config.multihop;
    const view = iface === undefined ? undefined : this.#context.interfaces.byName(iface);
    return view && this.#config.interfaces.find((each) => matchesPatterns(each.patterns, view))?.options;
  }

  /** Sessions that the file itself names; one whose interface is not there yet comes when it does. */
  #requestConfigured(): void {
    if (this.state !== "up" || this.#configured.length === this.#config.neighbors.length) return;
    for (const request of this.#configured.splice(0)) request.close();
    for (const { address, iface, local, multihop } of this.#config.neighbors) {
      const found = multihop ? undefined : findNeighbor(this.#context.interfaces, address, iface);
      const name = iface ?? found?.iface.name;
      if (!multihop && !found && !(isLinkLocal(address) && iface !== undefined)) continue;
      this.#configured.push(
        this.request(
          { remote: address, multihop, ...(local && { local }), ...(name !== undefined && { iface: name }) },
          () => undefined,
        ),
      );
    }
  }

  #hear(event: EngineEvent): void {
    if (event.type === "trouble")
      return this.#context.log("warning", `${this.name}: ${event.text}`, { protocol: this.name });
    if (event.type === "closed") return;
    const session = [...this.#sessions.values()].find((each) => each.id === event.id);
    if (!session?.init) return;
    const before = session.last?.state;
    session.last = event;
    if (before === event.state) return;
    if (before !== undefined) session.since = this.#context.clock.wall();
    const text = `Session to ${formatAddress(session.remote)} changed state from ${NAMES[before ?? BfdState.Down]} to ${NAMES[event.state]}`;
    this.#life.trace("events", text);
    const [from, to] = [NAMES[before ?? BfdState.Down], NAMES[event.state]];
    const reason = `${formatAddress(session.remote)}, ${event.diagnostic}`;
    this.#context.changed(this, { type: "session", from, to, reason });
    if (before === BfdState.Up || event.state === BfdState.Up) {
      const up = event.state === BfdState.Up;
      for (const { changed } of [...session.users]) changed(up, event.diagnostic);
    }
  }
}

function statusOf({ remote, local, iface, multihop, last, since, users }: Session): BfdSessionStatus {
  return {
    remote,
    ...(local && { local }),
    ...(iface !== undefined && { iface }),
    multihop,
    state: NAMES[last?.state ?? BfdState.Down],
    since,
    interval: (last?.interval ?? 0) / 1000,
    timeout: (last?.timeout ?? 0) / 1000,
    localDiagnostic: last?.diagnostic ?? "No diagnostic",
    remoteDiagnostic: last?.remoteDiagnostic ?? "No diagnostic",
    localDiscriminator: last?.localDiscriminator ?? 0,
    remoteDiscriminator: last?.remoteDiscriminator ?? 0,
    users: [...users].flatMap(({ request }) => (request.user === undefined ? [] : [request.user])),
  };
}

/** A thread from the file beside this one; where that was not built (tests from the sources), this thread. */
function openPort(hear: (event: EngineEvent) => void, trouble: (text: string) => void): Port {
  const file = fileURLToPath(new URL("./bfd-worker.js", import.meta.url));
  if (!existsSync(file)) {
    const engine = new BfdEngine(hear);
    return { send: (command) => engine.command(command), close: async () => engine.command({ type: "close" }) };
  }
  const worker = new Worker(file);
  worker.on("message", hear);
  worker.on("error", (error) => trouble(`BFD thread: ${error.stack}`));
  return {
    send: (command) => worker.postMessage(command),
    close: () =>
      new Promise((resolve) => {
        worker.once("exit", () => resolve());
        worker.postMessage({ type: "close" } satisfies EngineCommand);
        setTimeout(() => void worker.terminate(), CLOSE_MS).unref();
      }),
  };
}

const NAMES = ["AdminDown", "Down", "Init", "Up"] as const;
/** BIRD's. */
const DEFAULTS: BfdOptions = {
  minRxMs: 10,
  minTxMs: 100,
  idleTxMs: 1000,
  multiplier: 5,
  passive: false,
  authentication: "none",
  passwords: [],
};
const CLOSE_MS = 300;
