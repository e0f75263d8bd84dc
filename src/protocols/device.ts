/**
 * Protocol device: links and addresses, by netlink events, with a scan now and then as a safety net.
 * Everything that asks "is this interface up, is that neighbour on-link" asks `Interfaces`; without a
 * device protocol (or while it is disabled) there are none, as in BIRD.
 */
import type { Kernel, KernelEvent, Link, LinkAddress } from "../../fib/index.ts";
import type { Channel } from "../../protocol/rib/channel.ts";
import type { DebugFlag, DeviceConfig, InterfacePattern } from "../config/schema.ts";
import type { Millis, Timer } from "../host.ts";
import { Lifecycle } from "./lifecycle.ts";
import { matchesPatterns } from "./pattern.ts";
import type { Protocol, ProtocolContext, ProtocolState, ProtocolStatus } from "./protocol.ts";

export interface InterfaceView {
  readonly name: string;
  readonly index: number;
  readonly link: Link;
  readonly addresses: readonly LinkAddress[];
}

export interface InterfaceChange {
  readonly type: "changed" | "removed";
  readonly name: string;
  readonly index: number;
}

export interface Interfaces {
  /** In order of index. */
  list(): readonly InterfaceView[];
  byName(name: string): InterfaceView | undefined;
  byIndex(index: number): InterfaceView | undefined;
  /** Hears of every link or address that came, went or changed, after the fact. */
  onChange(listener: (change: InterfaceChange) => void): { close(): void };
}

/** The one table of links and addresses of a speaker; the device protocol fills it. */
export class InterfaceTable implements Interfaces {
  readonly #byIndex = new Map<number, InterfaceView>();
  readonly #byName = new Map<string, InterfaceView>();
  readonly #listeners = new Set<(change: InterfaceChange) => void>();

  list(): readonly InterfaceView[] {
    return [...this.#byIndex.values()].sort((a, b) => a.index - b.index);
  }

  byName(name: string): InterfaceView | undefined {
    return this.#byName.get(name);
  }

  byIndex(index: number): InterfaceView | undefined {
    return this.#byIndex.get(index);
  }

  onChange(listener: (change: InterfaceChange) => void): { close(): void } {
    this.#listeners.add(listener);
    return { close: () => this.#listeners.delete(listener) };
  }

  apply(event: KernelEvent): void {
    if (event.type === "link") this.#setLink(event.link);
    else if (event.type === "link-gone") this.#remove(event.index);
    else if (event.type === "address" || event.type === "address-gone") this.#setAddress(event);
  }

  /** What a scan found: everything else is gone. Only real differences are told. */
  replace(links: readonly Link[], addresses: readonly LinkAddress[]): void {
    const found = new Set(links.map((link) => link.index));
    for (const index of [...this.#byIndex.keys()]) if (!found.has(index)) this.#remove(index);
    for (const link of links) {
      const own = addresses.filter((address) => address.link === link.index);
      this.#set({ name: link.name, index: link.index, link, addresses: own });
    }
  }

  clear(): void {
    this.replace([], []);
  }

  #setLink(link: Link): void {
    this.#set({ name: link.name, index: link.index, link, addresses: this.#byIndex.get(link.index)?.addresses ?? [] });
  }

  #setAddress(event: Extract<KernelEvent, { address: LinkAddress }>): void {
    const view = this.#byIndex.get(event.address.link);
    if (!view) return; // its link's own event is still to come, and a scan follows that
    const others = view.addresses.filter((address) => !sameLinkAddress(address, event.address));
    this.#set({ ...view, addresses: event.type === "address" ? [...others, event.address] : others });
  }

  #set(view: InterfaceView): void {
    const old = this.#byIndex.get(view.index);
    if (old && sameView(old, view)) return;
    if (old && old.name !== view.name) this.#byName.delete(old.name);
    this.#byIndex.set(view.index, view);
    this.#byName.set(view.name, view);
    if (old && old.name !== view.name) this.#tell({ type: "removed", name: old.name, index: view.index });
    this.#tell({ type: "changed", name: view.name, index: view.index });
  }

  #remove(index: number): void {
    const view = this.#byIndex.get(index);
    if (!view) return;
    this.#byIndex.delete(index);
    if (this.#byName.get(view.name)?.index === index) this.#byName.delete(view.name);
    this.#tell({ type: "removed", name: view.name, index });
  }

  #tell(change: InterfaceChange): void {
    for (const listener of [...this.#listeners]) listener(change);
  }
}

/** Reads links and addresses once: for a router id before any protocol runs. */
export async function scanInterfaces(kernel: Kernel, table: InterfaceTable): Promise<void> {
  const [links, addresses] = await Promise.all([kernel.links(), kernel.addresses()]);
  table.replace(links, addresses);
}

export class DeviceProtocol implements Protocol {
  readonly name: string;
  readonly proto = "Device";
  readonly table = "---";
  readonly info = "";
  readonly channels: readonly Channel[] = [];
  #config: DeviceConfig;
  readonly #life: Lifecycle;
  readonly #context: ProtocolContext;
  readonly #interfaces: InterfaceTable;
  #watch: { close(): void } | undefined;
  #timer: Timer | undefined;
  #scanning = false;
  #again = false;

  constructor(config: DeviceConfig, context: ProtocolContext, interfaces: InterfaceTable) {
    this.name = config.name;
    this.#life = new Lifecycle(config, context);
    this.#config = config;
    this.#context = context;
    this.#interfaces = interfaces;
  }

  get config(): DeviceConfig {
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
    const { kernel, log } = this.#context;
    if (!kernel) return; // said once by whoever failed to open it
    this.#open(kernel).catch((error: unknown) => {
      log("error", `${this.name}: Cannot watch interfaces: ${(error as Error).message}`);
    });
  }

  async stop(): Promise<void> {
    if (this.state === "down") return;
    this.#watch?.close();
    this.#watch = undefined;
    this.#timer?.cancel();
    this.#life.set(this, "down");
    this.#interfaces.clear();
  }

  reconfigure(config: DeviceConfig): void {
    this.#config = config;
    this.#armScan();
  }

  reload(): boolean {
    return false;
  }

  status(): ProtocolStatus {
    return { kind: "plain" };
  }

  async #open(kernel: Kernel): Promise<void> {
    const watch = await kernel.watch({ routes: false }, (event) => this.#hear(event));
    if (this.state !== "up") return watch.close();
    this.#watch = watch;
    await this.#scan(kernel);
  }

  #hear(event: KernelEvent): void {
    if (this.state !== "up") return;
    if (this.#scanning) this.#again = true; // the dump under way may be older than this event
    if (event.type === "resync") this.#interfaces.replace(event.links, event.addresses);
    else this.#interfaces.apply(event);
  }

  #rescan(): void {
    const { kernel, log } = this.#context;
    if (!kernel || this.state !== "up") return;
    this.#scan(kernel).catch((error: unknown) => {
      log("warning", `${this.name}: Interface scan failed: ${(error as Error).message}`);
      this.#armScan();
    });
  }

  async #scan(kernel: Kernel): Promise<void> {
    if (this.#scanning) {
      this.#again = true;
      return;
    }
    this.#scanning = true;
    try {
      do {
        this.#again = false;
        const [links, addresses] = await Promise.all([kernel.links(), kernel.addresses()]);
        if (this.state !== "up") return;
        if (!this.#again) this.#interfaces.replace(links, addresses);
      } while (this.#again);
    } finally {
      this.#scanning = false;
    }
    this.#armScan();
  }

  #armScan(): void {
    this.#timer?.cancel();
    if (this.state !== "up" || !this.#context.kernel) return;
    const { clock } = this.#context;
    const seconds = Math.max(this.#config.scanTime, SHORTEST_SCAN_S);
    this.#timer = clock.at(clock.now() + seconds * 1000, () => this.#rescan());
  }
}

/** The addresses of an interface that its router id or source address may come from. */
export function preferredAddress(view: InterfaceView, config: DeviceConfig | undefined): LinkAddress | undefined {
  const wanted = config?.interfaces.find((entry) => matchesPatterns(entry.patterns, view))?.preferred;
  const ipv4 = view.addresses.filter((address) => address.ip.family === 4);
  return ipv4.find((address) => wanted && address.ip.w0 === wanted.w0) ?? ipv4.find((address) => !address.secondary);
}

/**
 * BIRD's choice: the lowest IPv4 address of an interface that is up (a loopback too: routers keep their id
 * there), or of those that `router id from` names; 127/8 and secondary addresses never count.
 */
export function chooseRouterId(
  interfaces: Interfaces,
  patterns: readonly InterfacePattern[] | undefined,
): { id: number; iface: string } | undefined {
  let best: { id: number; iface: string } | undefined;
  for (const view of interfaces.list()) {
    if (!view.link.adminUp) continue;
    for (const address of view.addresses) {
      if (address.ip.family !== 4 || address.secondary || address.ip.w0 >>> 24 === 127) continue;
      if (patterns && !matchesPatterns(patterns, view, address.ip)) continue;
      if (!best || address.ip.w0 < best.id) best = { id: address.ip.w0, iface: view.name };
    }
  }
  return best;
}

function sameLinkAddress(a: LinkAddress, b: LinkAddress): boolean {
  return key(a) === key(b);
}

function sameView(a: InterfaceView, b: InterfaceView): boolean {
  return (
    a.name === b.name &&
    JSON.stringify(a.link) === JSON.stringify(b.link) &&
    JSON.stringify(a.addresses) === JSON.stringify(b.addresses)
  );
}

function key(address: LinkAddress): string {
  const { ip, length, peer } = address;
  return JSON.stringify([ip, length, peer]);
}

/** `scan time 0` would be a busy loop; events do the real work. */
const SHORTEST_SCAN_S = 1;
