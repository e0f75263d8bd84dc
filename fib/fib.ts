/**
 * Wanted against actual routes of one kernel table, family and protocol id: the difference is applied in
 * batches, what others do to our routes is seen and put right, and theirs are never touched.
 *
 * Truth about our own routes comes from three sides. The kernel's answers tell what our requests did. Events
 * tell what others did. Readings of the whole table tell the rest: IPv4 routes go without an event when their
 * link goes down, and events can be lost. A reading does not overrule an answer that came in while it ran.
 */
import type { Family, Prefix } from "../protocol/wire/address.ts";
import { Applier } from "./applier.ts";
import { fulfils } from "./compare.ts";
import { RouteProtocol } from "./constants.ts";
import { asOurs, Entries, type Entry, forget, isRight, plan, type WantedRoute } from "./entries.ts";
import { Errno, NetlinkError } from "./errno.ts";
import { type ForeignListener, ForeignRoutes, withoutHops } from "./foreign.ts";
import type { Kernel, KernelEvent, KernelRoute, RouteFailure, Watch } from "./types.ts";

export interface FibOptions {
  readonly family: Family;
  readonly table: number;
  /** RTPROT_*; BIRD's 12 if left out. */
  readonly protocol?: number;
  /** Requests that failed, a batch's together: each once until it succeeds or fails otherwise; EPERM once for all. */
  readonly onFailures?: (failures: readonly RouteFailure[]) => void;
  /** Something happened to a route of ours, and is being put right. */
  readonly onRepair?: (repair: FibRepair) => void;
  /** Learns: hears the routes of others in this table. */
  readonly onForeign?: ForeignListener;
  /** Hears the default routes of others in this table whenever one came or went. */
  readonly onDefaults?: (routes: readonly KernelRoute[]) => void;
  /** The table could not be read, or an answer was lost; it is tried again by and by. */
  readonly onTrouble?: (error: Error) => void;
}

export interface FibRepair {
  /** missing: deleted by others. changed: by others. alien: has our protocol id, is not ours. */
  readonly what: "missing" | "changed" | "alien";
  readonly route: KernelRoute;
}

export interface FibStatus {
  /** pending: on its way. absent: not wanted and not there. leftover: from before, kept until the sweep. */
  readonly state: "installed" | "pending" | "failed" | "absent" | "leftover";
  readonly failure?: RouteFailure;
}

export class Fib {
  readonly #kernel: Kernel;
  readonly #options: FibOptions;
  readonly #protocol: number;
  readonly #entries = new Entries();
  readonly #applier: Applier;
  readonly #foreign: ForeignRoutes | undefined;
  #defaults: readonly KernelRoute[] = [];
  readonly #adminUp = new Map<number, boolean>();
  #watch: Watch | undefined;
  #state: "new" | "running" | "closed" = "new";
  #reading: Promise<void> | undefined;
  #readAgain = false;
  /** What the next reading misses went with a link. */
  #explained = false;
  #readTimer: NodeJS.Timeout | undefined;
  /** Route events wait here while the table is read. */
  #held: KernelEvent[] | undefined;

  constructor(kernel: Kernel, options: FibOptions) {
    this.#kernel = kernel;
    this.#options = options;
    this.#protocol = options.protocol ?? RouteProtocol.Bird;
    this.#foreign = options.onForeign && new ForeignRoutes(options.onForeign);
    this.#applier = new Applier(kernel, {
      failures: (failures) => options.onFailures?.(failures),
      astray: () => this.#readSoon(),
      trouble: (error) => options.onTrouble?.(error),
    });
  }

  /**
   * Watches and reads the table; then the first requests go out. Routes may be set before. A table that
   * changes faster than it can be read is read again and again (`onTrouble` hears of it).
   * @throws NetlinkError if the kernel interface is closed
   */
  async start(): Promise<void> {
    this.#watch = await this.#kernel.watch({ routes: true }, (event) => this.#hear(event));
    while (this.#state === "new" && !(await this.#readFirst()));
    if (this.#state !== "new") return;
    this.#state = "running";
    this.#applier.start();
  }

  /** Whether changes by others are seen at once; otherwise `scan` must be called from time to time. */
  get watching(): boolean {
    return this.#watch?.routes ?? false;
  }

  /** Wants this route at its prefix, metric and TOS instead of any wanted there before. */
  set(wanted: WantedRoute): void {
    const { table } = this.#options;
    const route = asOurs(wanted, table, this.#protocol);
    const entry = this.#entries.obtain(route);
    entry.wanted = route;
    entry.leftover = false;
    this.#applier.renew(entry);
    this.#applier.enqueue(entry);
  }

  /** Wants no route of ours there any more. */
  unset(prefix: Prefix, metric: number, tos = 0): void {
    const entry = this.#entries.find(prefix, metric, tos);
    if (entry?.wanted) this.#abandon(entry);
  }

  /** Removes our routes from before the start that nobody wanted since: called once the tables are complete. */
  sweep(): void {
    for (const entry of this.#entries) if (entry.leftover) this.#abandon(entry);
  }

  /** Reads the table, puts right what differs and tries again what failed. */
  async scan(): Promise<void> {
    await this.#read();
    this.#applier.retry();
    await this.#applier.settled();
  }

  /** Resolves when nothing is queued or under way. */
  settled(): Promise<void> {
    return this.#applier.settled();
  }

  status(prefix: Prefix, metric: number, tos = 0): FibStatus {
    const entry = this.#entries.find(prefix, metric, tos);
    if (!entry || (!entry.wanted && !entry.actual)) return { state: "absent" };
    if (entry.failure) return { state: "failed", failure: entry.failure };
    if (entry.leftover) return { state: "leftover" };
    return { state: isRight(entry) ? "installed" : "pending" };
  }

  /** Requests that failed and wait to be tried again. */
  failures(): RouteFailure[] {
    return this.#applier.failures();
  }

  /** The routes of others, a list a prefix; empty without `onForeign`. */
  foreign(): Iterable<readonly KernelRoute[]> {
    return this.#foreign ?? [];
  }

  /** @param options.keep leaves our routes where they are, for the next start to find */
  async close({ keep }: { readonly keep: boolean }): Promise<void> {
    if (this.#state === "closed") return;
    const started = this.#state === "running";
    this.#state = "closed";
    this.#watch?.close();
    clearTimeout(this.#readTimer);
    if (started && !keep) for (const entry of this.#entries) this.#abandon(entry);
    if (started && !keep) await this.#applier.settled();
    this.#applier.stop();
  }

  #abandon(entry: Entry): void {
    entry.wanted = undefined;
    entry.leftover = false;
    this.#applier.renew(entry);
    this.#applier.enqueue(entry);
  }

  // What others do.

  #hear(event: KernelEvent): void {
    switch (event.type) {
      case "route":
      case "route-gone":
        this.#hearRoute(event);
        break;
      case "link":
        this.#hearLink(event.link.index, event.link.adminUp);
        break;
      case "link-gone":
        this.#adminUp.delete(event.index);
        this.#readBehindLink();
        break;
      case "address":
        this.#applier.retrySoon();
        break;
      case "address-gone": // with the last IPv4 address of a link all its IPv4 routes go, in silence
        this.#readBehindLink();
        break;
      case "resync":
        for (const link of event.links) this.#adminUp.set(link.index, link.adminUp);
        this.#readSoon();
    }
  }

  #hearLink(index: number, adminUp: boolean): void {
    const before = this.#adminUp.get(index);
    this.#adminUp.set(index, adminUp);
    if (before && !adminUp) this.#readBehindLink();
    else if (adminUp && !before) this.#applier.retrySoon();
  }

  #hearRoute(event: Extract<KernelEvent, { readonly route: KernelRoute }>): void {
    const { route } = event;
    const { table, family } = this.#options;
    if (route.table !== table || route.prefix.family !== family || this.#state === "closed") return;
    if (this.#held) this.#held.push(event);
    else if (route.protocol !== this.#protocol) this.#hearForeign(event.type === "route-gone", event);
    else if (event.type === "route") this.#hearOwn(route, event.replaced);
    else this.#hearOwnGone(route);
  }

  #hearOwn(route: KernelRoute, replaced: boolean): void {
    const entry = this.#entries.obtain(route);
    if (replaced) {
      entry.occupied = false;
      if (this.#foreign?.holds(route)) this.#readSoon(); // ours or theirs was replaced: no event says which
    } else if (entry.actual && !entry.sent && route.prefix.family === 4 && !fulfils(entry.actual, route)) {
      entry.doubled = true;
    }
    entry.actual = route;
    this.#disturbed(entry, entry.wanted ? "changed" : "alien", route);
  }

  #hearOwnGone(route: KernelRoute): void {
    const entry = this.#entries.find(route.prefix, route.metric, route.tos);
    if (!entry) return;
    // IPv6 tells of one next hop of several as of a route: the others stay.
    const partial = route.prefix.family === 6 && entry.actual && entry.actual.nextHops.length > route.nextHops.length;
    entry.actual = partial && entry.actual ? withoutHops(entry.actual, route) : undefined;
    entry.doubled = false;
    this.#disturbed(entry, partial ? "changed" : "missing", route);
  }

  #hearForeign(gone: boolean, event: { readonly route: KernelRoute; readonly replaced?: boolean }): void {
    const { route, replaced = false } = event;
    if (route.prefix.length === 0) {
      const others = this.#defaults.filter((other) => other.metric !== route.metric || other.tos !== route.tos);
      this.#setDefaults(gone ? others : [...others, route]);
    }
    if (gone) this.#foreign?.remove(route);
    else if (this.#foreign?.add(route, replaced) === false) this.#readSoon();
    if (!gone) this.#applier.retryLater(); // perhaps the way to a gateway that could not be reached
    const entry = this.#entries.find(route.prefix, route.metric, route.tos);
    if (!entry) return;
    const { actual, occupied } = entry;
    entry.occupied = !gone;
    if (replaced && actual && occupied)
      this.#readSoon(); // in the place of ours or of the other one?
    else if (replaced) entry.actual = undefined;
    if (gone ? !occupied : entry.actual === actual) return;
    this.#anew(entry); // there again, or refused as it must be
  }

  #setDefaults(routes: readonly KernelRoute[]): void {
    if (routes.length === 0 && this.#defaults.length === 0) return;
    this.#defaults = routes;
    this.#options.onDefaults?.(routes);
  }

  #anew(entry: Entry): void {
    this.#applier.renew(entry);
    if (plan(entry)) this.#applier.enqueue(entry);
    else forget(entry);
  }

  /** Somebody touched the place: begin afresh with it, if not too often. */
  #disturbed(entry: Entry, what: FibRepair["what"], route: KernelRoute): void {
    if (entry.sent) entry.uncertain = true;
    this.#applier.renew(entry);
    if (!plan(entry)) {
      forget(entry);
      return;
    }
    const now = performance.now();
    if (now - entry.repairsSince > REPAIR_WINDOW_MS) {
      entry.repairsSince = now;
      entry.repairs = 0;
    }
    if (++entry.repairs > REPAIRS_AT_ONCE) {
      this.#applier.postpone(entry);
      return;
    }
    this.#applier.enqueue(entry);
    this.#options.onRepair?.({ what, route: entry.wanted ?? route });
  }

  // Readings.

  async #readFirst(): Promise<boolean> {
    try {
      for (const link of await this.#kernel.links()) this.#adminUp.set(link.index, link.adminUp);
      await this.#read();
      return true;
    } catch (error) {
      if (error instanceof NetlinkError && error.errno === Errno.EPIPE) throw error;
      this.#options.onTrouble?.(error as Error);
      await new Promise((resolve) => setTimeout(resolve, READ_AGAIN_MS));
      return false;
    }
  }

  /** For what went with a link or an address: nobody is to blame for it. */
  #readBehindLink(): void {
    this.#explained = true;
    this.#readSoon();
  }

  /** Without waiting, and if one runs, once more behind it. */
  #readSoon(): void {
    if (this.#state !== "running") return;
    this.#read().catch((error: unknown) => {
      this.#options.onTrouble?.(error as Error);
      this.#readTimer ??= setTimeout(() => {
        this.#readTimer = undefined;
        this.#readSoon();
      }, READ_AGAIN_MS);
    });
  }

  #read(): Promise<void> {
    this.#readAgain = true;
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    const { table, family } = this.#options;
    while (this.#readAgain && !this.#isClosed()) {
      this.#readAgain = false;
      this.#applier.reading++;
      this.#held = [];
      const explained = this.#explained;
      this.#explained = false;
      try {
        const routes = await this.#kernel.routes({ table, family });
        if (!this.#isClosed()) this.#compare(routes, explained);
      } finally {
        const held: readonly KernelEvent[] = this.#held;
        this.#held = undefined;
        for (const event of held) this.#hear(event);
      }
    }
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  #compare(routes: readonly KernelRoute[], explained: boolean): void {
    const others: KernelRoute[] = [];
    const seen = new Set<Entry>();
    for (const entry of this.#entries) entry.occupied = false;
    for (const route of routes) {
      const own = route.protocol === this.#protocol;
      const entry = own ? this.#entries.obtain(route) : this.#entries.find(route.prefix, route.metric, route.tos);
      if (!own) others.push(route);
      if (own && entry) this.#seen(entry, route, seen);
      else if (entry) entry.occupied = true;
    }
    for (const entry of this.#entries) if (!seen.has(entry) && !this.#answered(entry)) this.#missed(entry, explained);
    this.#foreign?.replaceAll(others);
    this.#setDefaults(others.filter((route) => route.prefix.length === 0));
    this.#applier.retryLater();
  }

  /** A request is under way or was answered while the table was read: the reading is no news then. */
  #answered(entry: Entry): boolean {
    return entry.sent !== undefined || entry.reading === this.#applier.reading;
  }

  #seen(entry: Entry, route: KernelRoute, seen: Set<Entry>): void {
    if (this.#answered(entry)) return;
    const before = entry.actual;
    entry.doubled = seen.has(entry);
    seen.add(entry);
    entry.actual = route;
    entry.uncertain = false;
    if (this.#state === "new") entry.leftover = !entry.wanted;
    else if (before && isRight(entry)) this.#applier.renew(entry);
    else if (!entry.leftover) this.#disturbed(entry, entry.wanted ? "changed" : "alien", route);
  }

  #missed(entry: Entry, explained: boolean): void {
    const { actual } = entry;
    entry.actual = undefined;
    entry.uncertain = false;
    entry.doubled = false;
    if (actual && explained) this.#anew(entry);
    else if (actual) this.#disturbed(entry, "missing", actual);
  }
}

const REPAIR_WINDOW_MS = 1000;
const REPAIRS_AT_ONCE = 3;
const READ_AGAIN_MS = 1000;
