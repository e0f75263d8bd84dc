/**
 * The speaker: tables, protocols and their life cycle, made from a typed configuration. It knows no
 * files, sockets of its own, signals or time but what its host gives it; the daemon and the library
 * are shells around it.
 */
import type { Kernel } from "../fib/index.ts";
import { Rib } from "../protocol/rib/rib.ts";
import { formatDotted } from "../protocol/wire/address.ts";
import { type ConfigDifference, changeLines, compareConfigs } from "./config/reconfigure.ts";
import type { Config, Place, ProtocolConfig } from "./config/schema.ts";
import type { Host, Log, Millis } from "./host.ts";
import { chooseRouterId, InterfaceTable, scanInterfaces } from "./protocols/device.ts";
import { createProtocol } from "./protocols/factory.ts";
import { findNeighbor } from "./protocols/neighbor.ts";
import type { BfdService, Protocol, ProtocolContext, ProtocolEvent, StopReason } from "./protocols/protocol.ts";
import { Recovery } from "./protocols/recovery.ts";
import type { Transport } from "./transport/tcp.ts";

export interface SpeakerInit {
  readonly host: Host;
  readonly transport: Transport;
  readonly config: Config;
  /** Left out: no interface is known and no kernel route is touched. */
  readonly kernel?: Kernel;
  /** What clients switched before this speaker started, by protocol name. */
  readonly clientStates?: ReadonlyMap<string, ClientState>;
  /** We come back from a planned restart (-R): announcements wait for the peers' End-of-RIB. */
  readonly recover?: boolean;
}

/** The last `enable` or `disable` of a client; it wins over the file until the file's own `disabled` changes. */
export interface ClientState {
  readonly enabled: boolean;
  /** What the file said about `disabled` then. */
  readonly fileDisabled: boolean;
  readonly at: Millis;
  readonly pid?: number;
  readonly user?: string;
}

/** Who gave a command. */
export interface Client {
  readonly pid?: number;
  readonly uid?: number;
  readonly user?: string;
}

export type SpeakerEvent =
  | { readonly type: "protocol"; readonly protocol: Protocol; readonly event: ProtocolEvent }
  | { readonly type: "client"; readonly states: ReadonlyMap<string, ClientState> }
  | { readonly type: "reconfigured" }
  | { readonly type: "interface"; readonly name: string; readonly change: "changed" | "removed" };

interface Entry {
  protocol: Protocol;
  readonly parent: Protocol | undefined;
}

export class Speaker {
  readonly rib: Rib;
  readonly interfaces: InterfaceTable = new InterfaceTable();
  readonly #host: Host;
  readonly #transport: Transport;
  readonly #kernel: Kernel | undefined;
  readonly #context: ProtocolContext;
  readonly #listeners = new Set<(event: SpeakerEvent) => void>();
  readonly #clients: Map<string, ClientState>;
  readonly #errors: ErrorThrottle;
  #entries: Entry[] = [];
  #config: Config;
  #routerId = 0;
  #phase: "starting" | "running" | "reconfiguring" | "shutting down" = "starting";
  #queued: { config: Config; soft: boolean } | undefined;
  #recovery: Recovery | undefined;
  readonly #recover: boolean;

  constructor(init: SpeakerInit) {
    this.#host = init.host;
    this.#transport = init.transport;
    this.#kernel = init.kernel;
    this.#config = init.config;
    this.#clients = new Map(init.clientStates);
    this.#recover = init.recover ?? false;
    this.#errors = new ErrorThrottle(init.host);
    const { clock, scheduler, log } = init.host;
    this.rib = new Rib({
      now: () => clock.now(),
      wall: () => clock.wall(),
      wake: (job) => scheduler.run(job),
      seed: Math.floor(init.host.random() * 2 ** 32),
      filterEnv: {
        print: (text) => log("info", text),
        error: (message, where) => this.#errors.report(log, message, where),
        roaCheck: (table, net, asn) => this.rib.roaCheck(table, net, asn),
        interfaceIndex: (name) => this.interfaces.byName(name)?.index ?? 0,
        routerId: this.#routerId,
      },
    });
    this.#context = this.#makeContext();
    this.rib.setLinkOracle({
      neighbor: (address, iface) => {
        const found = findNeighbor(this.interfaces, address, iface);
        return found && { iface: found.iface.name, own: found.own };
      },
    });
    this.interfaces.onChange((change) => {
      this.rib.linkChanged();
      this.#tell({ type: "interface", name: change.name, change: change.type });
    });
  }

  get config(): Config {
    return this.#config;
  }

  get routerId(): number {
    return this.#routerId;
  }

  get phase(): "starting" | "running" | "reconfiguring" | "shutting down" {
    return this.#phase;
  }

  get clientStates(): ReadonlyMap<string, ClientState> {
    return this.#clients;
  }

  /** In the order of definition, spawned ones behind their parent. */
  protocols(): readonly Protocol[] {
    return this.#entries.map((entry) => entry.protocol);
  }

  protocol(name: string): Protocol | undefined {
    return this.#entries.find((entry) => entry.protocol.name === name)?.protocol;
  }

  onEvent(listener: (event: SpeakerEvent) => void): { close(): void } {
    this.#listeners.add(listener);
    return { close: () => this.#listeners.delete(listener) };
  }

  /** Chooses the router id, makes tables and protocols, starts those that are not disabled. */
  async start(): Promise<void> {
    this.#routerId = await this.#findRouterId(this.#config);
    for (const table of this.#config.tables) this.rib.addTable(table);
    for (const config of this.#config.protocols) this.#add(config);
    this.#phase = "running";
    const { clock, log } = this.#host;
    const waitMs = this.#config.gracefulRestartWait * 1000;
    if (this.#recover) this.#recovery = new Recovery(clock, log, () => this.protocols(), waitMs);
    for (const { protocol } of [...this.#entries]) if (!this.isDisabled(protocol.config)) protocol.start();
  }

  /** Who switched a protocol off by the control socket, if that is what keeps it down. */
  disabledBy(protocol: Protocol): ClientState | undefined {
    const state = this.#clients.get(protocol.config.name);
    return state && !state.enabled && state.fileDisabled === this.#fileDisabled(protocol) ? state : undefined;
  }

  /** What holds for a protocol now: a client's word, or the file's. */
  isDisabled(config: ProtocolConfig): boolean {
    const client = this.#clients.get(config.name);
    return client && client.fileDisabled === config.disabled ? !client.enabled : config.disabled;
  }

  enable(protocol: Protocol, by: Client): "enabled" | "already enabled" {
    this.#remember(protocol, true, by);
    if (isRunning(protocol)) return "already enabled";
    this.#host.log("info", `Enabling protocol ${protocol.name}`, { protocol: protocol.name });
    protocol.start();
    return "enabled";
  }

  disable(protocol: Protocol, by: Client, message?: string): "disabled" | "already disabled" {
    this.#remember(protocol, false, by);
    if (!isRunning(protocol)) return "already disabled";
    this.#host.log("info", `Disabling protocol ${protocol.name}`, { protocol: protocol.name });
    this.#stop(protocol, { kind: "disable", ...(message === undefined ? {} : { message }) });
    return "disabled";
  }

  restart(protocol: Protocol, message?: string): "restarted" | "already disabled" {
    if (!isRunning(protocol)) return "already disabled";
    this.#host.log("info", `Restarting protocol ${protocol.name}`, { protocol: protocol.name });
    const reason: StopReason = { kind: "restart", ...(message === undefined ? {} : { message }) };
    this.#stop(protocol, reason, () => protocol.start());
    return "restarted";
  }

  reload(protocol: Protocol, direction: "in" | "out" | "both"): "reloading" | "already disabled" | "not up" {
    if (!isRunning(protocol)) return "already disabled";
    if (protocol.state !== "up" || !protocol.reload(direction)) return "not up";
    this.#host.log("info", `Reloading protocol ${protocol.name}`, { protocol: protocol.name });
    return "reloading";
  }

  /**
   * Takes a new configuration: only what differs is touched. Never fails; the loader has checked it.
   * @returns whether all is done, goes on in the background, or waits for the one under way
   */
  reconfigure(config: Config, options: { soft: boolean }): "done" | "in progress" | "queued" {
    const { log } = this.#host;
    if (this.#phase === "reconfiguring") {
      this.#queued = { config, soft: options.soft };
      log("info", "Queueing new configuration");
      return "queued";
    }
    log("info", "Reconfiguring");
    const difference = compareConfigs(this.#config, config);
    const old = this.#config;
    this.#config = config;
    const waiting = this.#applyDifference(old, config, difference, options.soft);
    if (waiting.length === 0) {
      this.#reconfigured();
      return "done";
    }
    this.#phase = "reconfiguring";
    const finish = (): void => this.#reconfigured();
    Promise.all(waiting).then(finish, (error: unknown) => {
      log("bug", `Reconfiguration: ${(error as Error).stack}`);
      finish();
    });
    return "in progress";
  }

  /** Stops everything; resolves when all protocols are down. A second call waits for the same end. */
  async shutdown(reason: StopReason): Promise<void> {
    this.#phase = "shutting down";
    const { clock } = this.#host;
    const order = ({ proto }: Protocol): number => SHUTDOWN_ORDER.indexOf(proto) + 1 || SHUTDOWN_ORDER.length + 1;
    const others = this.protocols().filter(({ proto }) => proto !== "Device");
    const stopped = [...others].sort((a, b) => order(a) - order(b)).map((protocol) => protocol.stop(reason));
    // Interfaces are known to the last: kernel routes leave by them.
    const devices = (): Promise<unknown> =>
      Promise.all(this.protocols().map((protocol) => protocol.proto === "Device" && protocol.stop(reason)));
    const all = Promise.all(stopped).then(devices);
    const timer = new Promise<void>((resolve) => clock.at(clock.now() + SHUTDOWN_MS, resolve));
    await Promise.race([all, timer]);
  }

  #makeContext(): ProtocolContext {
    const speaker = this;
    return {
      ...this.#host,
      rib: this.rib,
      transport: this.#transport,
      kernel: this.#kernel,
      interfaces: this.interfaces,
      get bfd(): BfdService | undefined {
        return speaker.#bfdService();
      },
      spawn: (parent, config) => this.#add(config, parent),
      drop: (child) => {
        this.#entries = this.#entries.filter((entry) => entry.protocol !== child);
      },
      protocols: () => this.protocols(),
      config: () => this.#config,
      routerId: () => this.#routerId,
      recovery: () => this.#recovery,
      changed: (protocol, event) => this.#tell({ type: "protocol", protocol, event }),
    };
  }

  #bfdService(): BfdService | undefined {
    for (const { protocol } of this.#entries) if (protocol.proto === "BFD") return protocol as Protocol & BfdService;
    return undefined;
  }

  #add(config: ProtocolConfig, parent?: Protocol): Protocol {
    const protocol = createProtocol(config, this.#context, this.interfaces);
    const after = parent
      ? this.#entries.findLastIndex((entry) => entry.protocol === parent || entry.parent === parent)
      : -1;
    this.#entries.splice(after < 0 ? this.#entries.length : after + 1, 0, { protocol, parent });
    return protocol;
  }

  #stop(protocol: Protocol, reason: StopReason, then?: () => void): void {
    protocol.stop(reason).then(then, (error: unknown) => {
      this.#host.log("bug", `${protocol.name}: ${(error as Error).stack}`, { protocol: protocol.name });
    });
  }

  /** What the file says now: `disabled` alone is no change that a protocol is told of. */
  #fileDisabled({ config }: Protocol): boolean {
    return this.#config.protocols.find(({ name }) => name === config.name)?.disabled ?? config.disabled;
  }

  #remember(protocol: Protocol, enabled: boolean, by: Client): void {
    const { name } = protocol.config;
    const disabled = this.#fileDisabled(protocol);
    const at = this.#host.clock.wall();
    this.#clients.set(name, {
      enabled,
      fileDisabled: disabled,
      at,
      ...(by.pid === undefined ? {} : { pid: by.pid }),
      ...(by.user === undefined ? {} : { user: by.user }),
    });
    this.#tell({ type: "client", states: this.#clients });
  }

  /** @returns what still has to go down before the new configuration is whole */
  #applyDifference(old: Config, config: Config, difference: ConfigDifference, soft: boolean): Promise<void>[] {
    const { log } = this.#host;
    this.#forgetClients(config);
    const known = new Set(old.tables.map((table) => table.name));
    for (const table of config.tables) if (!known.has(table.name)) this.rib.addTable(table);
    const before = new Map(this.#entries.filter((e) => !e.parent).map((e) => [e.protocol.name, e]));
    const children = this.#entries.filter((entry) => entry.parent);
    const waiting: Promise<void>[] = [];
    this.#entries = [];
    for (const next of config.protocols) {
      const entry = before.get(next.name);
      before.delete(next.name);
      if (!entry) {
        log("info", `Adding protocol ${next.name}`);
        const protocol = this.#add(next);
        if (!this.isDisabled(next)) protocol.start();
        continue;
      }
      this.#entries.push(entry, ...children.filter((child) => child.parent === entry.protocol));
      waiting.push(...this.#change(entry, next, difference, soft));
    }
    const removed = [...before.values()];
    // What is removed stays visible until it is down.
    this.#entries.push(...removed);
    for (const entry of removed) waiting.push(...this.#remove(entry));
    const tablesGone = old.tables.filter((table) => !config.tables.some((t) => t.name === table.name));
    if (tablesGone.length > 0) {
      const gone = (): void => {
        for (const table of tablesGone) this.rib.removeTable(table.name);
      };
      if (waiting.length === 0) gone();
      else waiting.push(Promise.all(waiting).then(gone));
    }
    return waiting;
  }

  #change(entry: Entry, next: ProtocolConfig, difference: ConfigDifference, soft: boolean): Promise<void>[] {
    const { log } = this.#host;
    const { protocol } = entry;
    const change = difference.protocols.get(next.name);
    const verdict = change?.kind ?? "unchanged";
    const disabled = this.isDisabled(next);
    if (verdict === "restart") {
      log("info", `Restarting protocol ${next.name}`);
      return this.#whenDown(protocol, { kind: "reconfigure" }, () => {
        const fresh = createProtocol(next, this.#context, this.interfaces);
        entry.protocol = fresh;
        if (!this.isDisabled(next)) fresh.start();
      });
    }
    if (verdict !== "unchanged") {
      const open = new Set(protocol.channels.filter(({ state }) => state === "UP").map(({ name }) => name));
      for (const line of changeLines(next.name, change!, open, soft)) log("info", line, { protocol: next.name });
      protocol.reconfigure(next, soft);
    }
    if (disabled && isRunning(protocol)) {
      log("info", `Disabling protocol ${next.name}`);
      return this.#whenDown(protocol, { kind: "remove" }, () => undefined);
    }
    if (!disabled && !isRunning(protocol)) {
      log("info", `Enabling protocol ${next.name}`);
      protocol.start();
    }
    return [];
  }

  #remove(entry: Entry): Promise<void>[] {
    this.#host.log("info", `Removing protocol ${entry.protocol.name}`);
    return this.#whenDown(entry.protocol, { kind: "remove" }, () => {
      this.#entries = this.#entries.filter((other) => other !== entry && other.parent !== entry.protocol);
    });
  }

  /** Does the rest in this turn if the protocol goes down in this turn: most do, and then nothing is pending. */
  #whenDown(protocol: Protocol, reason: StopReason, then: () => void): Promise<void>[] {
    const stopped = protocol.state === "down" ? Promise.resolve() : protocol.stop(reason);
    if (protocol.state !== "down") return [stopped.then(then)];
    then();
    return [];
  }

  #forgetClients(config: Config): void {
    const files = new Map(config.protocols.map((protocol) => [protocol.name, protocol.disabled]));
    let changed = false;
    for (const [name, state] of [...this.#clients]) {
      if (files.get(name) === state.fileDisabled) continue;
      this.#clients.delete(name);
      changed = true;
    }
    if (changed) this.#tell({ type: "client", states: this.#clients });
  }

  #reconfigured(): void {
    if (this.#phase === "shutting down") return;
    this.#phase = "running";
    this.#host.log("info", "Reconfigured");
    this.#tell({ type: "reconfigured" });
    const next = this.#queued;
    this.#queued = undefined;
    if (!next) return;
    this.#host.log("info", "Reconfiguring to queued configuration");
    this.reconfigure(next.config, { soft: next.soft });
  }

  async #findRouterId(config: Config): Promise<number> {
    if (config.routerId !== undefined) return config.routerId;
    if (this.#kernel) await scanInterfaces(this.#kernel, this.interfaces);
    const found = chooseRouterId(this.interfaces, config.routerIdFrom);
    if (!found) throw new RouterIdError("Cannot determine router ID, please configure it manually");
    this.#host.log("info", `Chosen router ID ${formatDotted(found.id)} according to interface ${found.iface}`);
    return found.id;
  }

  #tell(event: SpeakerEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}

/** No `router id` and no address to take one from: the daemon says so and exits 1. */
export class RouterIdError extends Error {
  override readonly name = "RouterIdError";
}

/** A filter that fails on every route of a table says so once a while, with a count. */
class ErrorThrottle {
  readonly #host: Host;
  readonly #last = new Map<string, { at: Millis; held: number }>();

  constructor(host: Host) {
    this.#host = host;
  }

  report(log: Log, message: string, where: Place): void {
    const text = where.line > 0 ? `filters, line ${where.line}: ${message}` : message;
    const key = `${where.file}:${where.line}:${where.column} ${message}`;
    const now = this.#host.clock.now();
    const last = this.#last.get(key);
    if (last && now - last.at < ERROR_INTERVAL_MS) {
      last.held++;
      return;
    }
    const more = last && last.held > 0 ? ` (${last.held} more since)` : "";
    this.#last.set(key, { at: now, held: 0 });
    log("error", `${text}${more}`, { place: where });
    if (this.#last.size > ERROR_KINDS) this.#last.clear();
  }
}

function isRunning(protocol: Protocol): boolean {
  return protocol.state === "start" || protocol.state === "up";
}

/**
 * Kernel first, so that what it keeps (`persist`) is not withdrawn by sessions that end; then the peers hear
 * their Cease. All in one turn.
 */
const SHUTDOWN_ORDER = ["Kernel", "BGP"];

/** Cease must reach every peer, but nobody waits longer for a peer that does not read. */
const SHUTDOWN_MS = 500;
const ERROR_INTERVAL_MS = 5_000;
const ERROR_KINDS = 1000;
