/**
 * Protocol kernel: a table's best routes into a kernel table, and with `learn` other people's routes
 * from there. The Fib keeps wanted and actual in step; here are the channel, life and death.
 *
 * At start our own routes of a former life are kept until the table is complete (every BGP session has
 * sent its End-of-RIB, or a bounded time is over): a restart leaves no gap in forwarding.
 */
import { Fib, type KernelRoute, type RouteFailure, RouteTable, type WantedRoute } from "../../fib/index.ts";
import type { Channel } from "../../protocol/rib/channel.ts";
import type { ExportChange } from "../../protocol/rib/exporter.ts";
import { type Net, type NextHop, RouteKind, type Slot } from "../../protocol/rib/route.ts";
import { formatPrefix, type Prefix } from "../../protocol/wire/address.ts";
import type { DebugFlag, KernelConfig } from "../config/schema.ts";
import type { Job, Millis, Timer } from "../host.ts";
import { channelFor, reconfigureChannel } from "./channels.ts";
import { harm, nearPeers } from "./kernel-guard.ts";
import { fromKernelRoute, toKernelRoute } from "./kernel-route.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { Protocol, ProtocolContext, ProtocolState, ProtocolStatus, StopReason } from "./protocol.ts";

export class KernelProtocol implements Protocol {
  readonly proto = "Kernel";
  readonly info = "";
  readonly name: string;
  readonly channels: readonly Channel[];
  #config: KernelConfig;
  readonly #life: Lifecycle;
  readonly #context: ProtocolContext;
  #fib: Fib | undefined;
  /** Metrics of routes that have another one than the protocol's: krt_metric. */
  readonly #metrics = new Map<Slot, number>();
  /** Interfaces that routes lead through, as they were then: the index, 0 when down or not there. */
  readonly #ways = new Map<string, number>();
  #scanTimer: Timer | undefined;
  #sweepTimer: Timer | undefined;
  #sweepBy: Millis = 0;
  #listening: { close(): void } | undefined;
  #soon = false;
  /** Routes of peers that stay out (kernel-guard.ts); they are looked at again when things change. */
  readonly #held = new Map<Slot, ExportChange>();
  #defaultRoute: ExportChange | undefined;
  #defaults: readonly KernelRoute[] = [];
  #near: ReturnType<typeof nearPeers> | undefined;
  readonly #job: Job = { step: () => this.#drain() };

  constructor(config: KernelConfig, context: ProtocolContext) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
    this.#life = new Lifecycle(config, context);
    this.channels = config.channels.map((channel) => channelFor(context, config, channel));
    for (const channel of this.channels) channel.onExport = () => this.#exportSoon();
  }

  get config(): KernelConfig {
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

  get table(): string {
    return this.channels[0]?.table.name ?? "---";
  }

  start(): void {
    if (this.state !== "down") return;
    const { kernel, clock, interfaces } = this.#context;
    this.#life.set(this, "start");
    for (const channel of this.channels) channel.open();
    this.#listening = interfaces.onChange((change) => this.#interfaceChanged(change.name));
    this.#sweepBy = clock.now() + this.#longestWait() * 1000;
    if (kernel) {
      this.#fib = this.#openFib(kernel);
      this.#fib.start().then(
        () => this.#started(),
        (error: unknown) => this.#say("error", `Cannot read the kernel's routes: ${(error as Error).message}`),
      );
    }
    this.#life.set(this, "up");
    this.#exportNow();
  }

  async stop(reason: StopReason): Promise<void> {
    if (this.state === "down") return;
    this.#life.set(this, "flush");
    this.#listening?.close();
    this.#scanTimer?.cancel();
    this.#sweepTimer?.cancel();
    this.#context.scheduler.cancel(this.#job);
    const fib = this.#fib;
    this.#fib = undefined;
    this.#metrics.clear();
    this.#ways.clear();
    this.#held.clear();
    this.#defaultRoute = undefined;
    this.#defaults = [];
    const leaving = reason.kind === "shutdown" || reason.kind === "graceful-restart";
    const keep = reason.kind === "graceful-restart" || (leaving && this.#config.persist);
    await fib?.close({ keep });
    for (const channel of this.channels) channel.close();
    this.#life.set(this, "down");
  }

  reconfigure(config: KernelConfig, soft: boolean): void {
    const old = this.#config;
    this.#config = config;
    for (const [i, channel] of this.channels.entries()) reconfigureChannel(channel, config.channels[i], soft);
    const other = old.kernelTable !== config.kernelTable || old.metric !== config.metric;
    if (other || old.learn !== config.learn) this.#reopen({ keep: !other });
    this.#armScan();
  }

  reload(direction: "in" | "out" | "both"): boolean {
    for (const channel of this.channels) {
      if (direction !== "out") channel.reload("in");
      if (direction !== "in") channel.reload("out");
    }
    this.#scan();
    return true;
  }

  status(): ProtocolStatus {
    return { kind: "plain" };
  }

  /** For `why`: what the kernel has of a route, or why not in its own words. */
  explain(net: Net): string {
    const slot = this.channels[0]?.table.find(net);
    const metric = (slot === undefined ? undefined : this.#metrics.get(slot)) ?? this.#config.metric;
    const status = this.#fib?.status(net, metric);
    const table = `kernel table ${this.#config.kernelTable}`;
    switch (status?.state) {
      case "installed":
        return `installed in ${table}`;
      case "failed":
        return `not in ${table}: ${status.failure?.message ?? "refused"}`;
      case "pending":
        return `on its way to ${table}`;
      case "leftover":
        return `in ${table} from before our start`;
      case "absent":
        return `not in ${table}: no interface leads to its next hop now`;
      case undefined:
        return "the kernel cannot be reached";
    }
  }

  /** Another kernel table, metric or way of learning: the same wishes, told to a new Fib. */
  #reopen({ keep }: { readonly keep: boolean }): void {
    const { kernel } = this.#context;
    const old = this.#fib;
    if (!kernel || !old || this.state !== "up") return;
    this.#fib = this.#openFib(kernel);
    const fib = this.#fib;
    this.#metrics.clear();
    this.#held.clear();
    for (const channel of this.channels) channel.reload("out");
    while (this.#drain());
    old
      .close({ keep })
      .then(() => fib.start())
      .then(
        () => this.#started(),
        (error: unknown) => this.#say("error", `Cannot read the kernel's routes: ${(error as Error).message}`),
      );
  }

  #openFib(kernel: NonNullable<ProtocolContext["kernel"]>): Fib {
    return new Fib(kernel, {
      family: this.channels[0]?.table.netType === "ipv6" ? 6 : 4,
      table: this.#config.kernelTable,
      onFailures: (failures) => this.#failed(failures),
      onRepair: ({ what, route }) => {
        const words = { missing: "was deleted by others", changed: "was changed by others", alien: "is not ours" };
        this.#say("warning", `Kernel route ${formatPrefix(route.prefix)} ${words[what]}, put right`);
      },
      onDefaults: (routes) => {
        this.#defaults = routes;
        if (this.#defaultRoute) this.#export(this.#defaultRoute);
      },
      onTrouble: (error) => this.#say("warning", error.message),
      ...(this.#config.learn
        ? { onForeign: (prefix: Prefix, routes: readonly KernelRoute[]) => this.#learn(prefix, routes) }
        : {}),
    });
  }

  #started(): void {
    this.#armScan();
    this.#sweepWhenComplete();
  }

  /** At the end of this turn: one change is in the kernel within a millisecond, the many of an UPDATE together. */
  #exportSoon(): void {
    if (this.#soon) return;
    this.#soon = true;
    queueMicrotask(() => {
      this.#soon = false;
      this.#exportNow();
    });
  }

  #exportNow(): void {
    if (this.state === "up" && this.#drain()) this.#context.scheduler.run(this.#job);
  }

  #drain(): boolean {
    const channel = this.channels[0];
    if (!channel || this.state !== "up") return false;
    const changes = channel.drain(SLICE);
    this.#near = undefined; // peers may have come with a reload
    for (const change of changes) this.#export(change);
    return changes.length === SLICE;
  }

  #export(change: ExportChange): void {
    const { attributes, slot, net } = change;
    const { metric } = this.#config;
    const old = this.#metrics.get(slot) ?? metric;
    const route = attributes && toKernelRoute(net, attributes, metric, this.#context.interfaces);
    if (net.length === 0) this.#defaultRoute = attributes && change;
    const wanted = route && this.#isHarmful(change, route) ? undefined : route;
    if (attributes?.nextHops) this.#noteWays(attributes.nextHops);
    if (wanted && wanted.metric !== metric) this.#metrics.set(slot, wanted.metric);
    else if (old !== metric) this.#metrics.delete(slot);
    if (!wanted || old !== wanted.metric) this.#fib?.unset(net, old);
    if (wanted) this.#fib?.set(wanted);
    this.#context.changed(this, { type: "kernel", net, installed: wanted !== undefined });
  }

  /** Unless the file speaks of a metric, or of a table of its own: then somebody wants it so. */
  #isHarmful(change: ExportChange, route: WantedRoute): boolean {
    const { slot, source, attributes } = change;
    const { metric, kernelTable } = this.#config;
    const asked =
      metric !== DEFAULT_METRIC || kernelTable !== RouteTable.Main || attributes?.kernel?.krt_metric !== undefined;
    const peers = source.kind === RouteKind.Bgp && !asked;
    const reason = peers ? harm(route, this.#defaults, this.#nearPeers()) : undefined;
    if (reason === undefined) {
      if (this.#held.size > 0) this.#held.delete(slot);
      return false;
    }
    if (!this.#held.has(slot)) this.#say("warning", `Route ${formatPrefix(route.prefix)} stays out: ${reason}`);
    this.#held.set(slot, change);
    return true;
  }

  #nearPeers(): ReturnType<typeof nearPeers> {
    return (this.#near ??= nearPeers(this.#context.protocols(), this.#context.interfaces));
  }

  #noteWays(hops: readonly NextHop[]): void {
    for (const { iface } of hops) {
      if (iface !== undefined && !this.#ways.has(iface)) this.#ways.set(iface, this.#wayThrough(iface));
    }
  }

  /** The index, 0: no way. */
  #wayThrough(iface: string): number {
    const link = this.#context.interfaces.byName(iface)?.link;
    return link?.adminUp ? link.index : 0;
  }

  /** An interface came, went, or has another index: what leads through it is looked at again. */
  #interfaceChanged(name: string): void {
    this.#near = undefined;
    for (const change of [...this.#held.values()]) this.#export(change);
    const before = this.#ways.get(name);
    const now = this.#wayThrough(name);
    if (before === undefined || before === now) return;
    this.#ways.set(name, now);
    for (const channel of this.channels) channel.reload("out");
  }

  #learn(prefix: Prefix, routes: readonly KernelRoute[]): void {
    const channel = this.channels[0];
    // The best of several is what the kernel forwards by; its own housekeeping is no route to learn.
    const best = routes.filter(isLearnable).sort((a, b) => a.metric - b.metric)[0];
    if (best) channel?.announce(prefix, fromKernelRoute(best, this.#context.interfaces));
    else channel?.withdraw(prefix);
  }

  #sweepWhenComplete(): void {
    this.#sweepTimer?.cancel();
    const fib = this.#fib;
    if (!fib || this.state !== "up") return;
    const { clock, protocols } = this.#context;
    const waiting = protocols().some((protocol) => protocol.synced === false && protocol.state !== "down");
    if (!waiting || clock.now() >= this.#sweepBy) {
      // The last routes may still wait for export in this turn.
      while (this.#drain());
      fib.sweep();
      return;
    }
    this.#sweepTimer = clock.at(clock.now() + SWEEP_CHECK_MS, () => this.#sweepWhenComplete());
  }

  #longestWait(): number {
    const { persist, gracefulRestart } = this.#config;
    return persist || gracefulRestart ? this.#context.config().gracefulRestartWait : LEFTOVERS_S;
  }

  #armScan(): void {
    this.#scanTimer?.cancel();
    if (!this.#fib || this.state !== "up") return;
    const { clock } = this.#context;
    const seconds = Math.max(1, this.#config.scanTime);
    this.#scanTimer = clock.at(clock.now() + seconds * 1000, () => this.#scan());
  }

  #scan(): void {
    this.#fib?.scan().catch((error: unknown) => this.#say("warning", `Scan failed: ${(error as Error).message}`));
    this.#armScan();
  }

  #failed(failures: readonly RouteFailure[]): void {
    for (const { change, message } of failures.slice(0, FAILURES_NAMED)) {
      this.#say("warning", `Cannot ${change.op} kernel route ${formatPrefix(change.route.prefix)}: ${message}`);
    }
    const more = failures.length - FAILURES_NAMED;
    if (more > 0) this.#say("warning", `Cannot change ${more} more kernel routes, first by the same reasons`);
  }

  #say(level: "warning" | "error", text: string): void {
    this.#context.log(level, `${this.name}: ${text}`, { protocol: this.name });
  }
}

/** The kernel's own (connected, local) and redirects are not for tables; tables of others are not read. */
function isLearnable(route: KernelRoute): boolean {
  const usable = route.kind !== "local" && route.kind !== "broadcast" && route.kind !== "other";
  return usable && route.protocol !== KERNEL && route.protocol !== REDIRECT;
}

const DEFAULT_METRIC = 32;
const KERNEL = 2; // RTPROT_KERNEL
const REDIRECT = 1; // RTPROT_REDIRECT
/** Routes handed to the Fib in one turn. */
const SLICE = 1000;
const SWEEP_CHECK_MS = 250;
/** How long routes of a crashed predecessor stay when nothing asks to keep them longer. */
const LEFTOVERS_S = 30;
const FAILURES_NAMED = 5;
