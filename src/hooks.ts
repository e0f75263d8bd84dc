/**
 * Hooks: commands that run when the best route of a prefix or the state of a session changes, for those who
 * move a cloud's route tables themselves. Here the changes become facts; hook-runner.ts runs the commands.
 *
 * What a peer can choose (paths, communities, reasons) reaches a command as the value of an environment
 * variable and nowhere else.
 */
import { formatAsPath } from "../protocol/codec/as-path.ts";
import { formatCommunity, formatLargeCommunity } from "../protocol/codec/community.ts";
import { formatNet } from "../protocol/policy/scalars.ts";
import type { RouteAttributes, Slot } from "../protocol/rib/route.ts";
import type { RouteView } from "../protocol/rib/route-view.ts";
import type { Table } from "../protocol/rib/table.ts";
import { formatAddress } from "../protocol/wire/address.ts";
import type { HookConfig } from "./config/schema.ts";
import { type Facts, HookRunner, type StartProgram, sameFacts } from "./hook-runner.ts";
import type { Host, Job } from "./host.ts";
import type { Protocol } from "./protocols/protocol.ts";
import type { Speaker } from "./speaker.ts";

export class Hooks {
  readonly #speaker: Speaker;
  readonly #host: Host;
  readonly #runner: HookRunner;
  readonly #feeds = new Map<Table, { close(): void }>();
  readonly #events: { close(): void };
  #routeHooks: readonly HookConfig[] = [];
  /** By hook and table: the facts of each route that its command was told of. */
  #told = new Map<string, Map<string, Facts>>();
  /** Sessions that are up. */
  readonly #up = new Set<string>();
  #closed = false;

  /** Follows the speaker, its reloads too, until closed. */
  constructor(speaker: Speaker, host: Host, start?: StartProgram) {
    this.#speaker = speaker;
    this.#host = host;
    this.#runner = new HookRunner(host, start);
    this.#events = speaker.onEvent((event) => {
      this.#followTables();
      if (event.type === "protocol") this.#session(event.protocol, reasonOf(event.event));
    });
    this.#followTables();
  }

  close(): void {
    this.#closed = true;
    this.#events.close();
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
    this.#runner.close();
  }

  #hooks(on: HookConfig["on"]): readonly HookConfig[] {
    return this.#speaker.config.linnet.hooks.filter((hook) => hook.on === on);
  }

  /** Tables come with the start and with reloads, hooks too; a table without a hook costs nothing. */
  #followTables(): void {
    const wanted = new Set<Table>();
    const told = new Map<string, Map<string, Facts>>();
    this.#routeHooks = this.#hooks("route");
    for (const table of this.#speaker.rib.tables()) {
      for (const hook of this.#routeHooks) {
        if (!watches(hook, table)) continue;
        wanted.add(table);
        const key = `${hook.name}\0${table.name}`;
        const known = this.#told.get(key);
        told.set(key, known ?? new Map());
        if (!known && table.netCount > 0) this.#tellAll(table);
      }
    }
    this.#told = told;
    for (const [table, feed] of this.#feeds) {
      if (wanted.has(table)) continue;
      feed.close();
      this.#feeds.delete(table);
    }
    for (const table of wanted) {
      if (this.#feeds.has(table)) continue;
      this.#feeds.set(
        table,
        table.subscribe((slot) => this.#route(table, slot)),
      );
    }
  }

  /** A hook that a reload brought hears of the routes that are there. */
  #tellAll(table: Table): void {
    let from: number | undefined = 0;
    const job: Job = {
      step: () => {
        if (from === undefined || this.#closed) return false;
        const page = table.walk(from);
        for (const slot of page.slots) this.#route(table, slot);
        from = page.next;
        return from !== undefined;
      },
    };
    this.#host.scheduler.run(job);
  }

  #route(table: Table, slot: Slot): void {
    const best = table.best(slot);
    const net = formatNet(table.prefixes.net(slot));
    for (const hook of this.#routeHooks) {
      const told = this.#told.get(`${hook.name}\0${table.name}`);
      if (!told) continue;
      const before = told.get(net);
      const facts = best && this.#matches(hook, best) ? routeFacts(best) : undefined;
      if (facts && before && sameFacts(facts, before)) continue;
      if (facts) told.set(net, facts);
      else told.delete(net);
      const event = facts ? (before ? "route-changed" : "route-added") : "route-removed";
      if (facts ?? before)
        this.#submit(hook, `${table.name} ${net}`, event, { TABLE: table.name, NET: net }, facts ?? before);
    }
  }

  #matches(hook: HookConfig, route: RouteView): boolean {
    const { net, source, attributes } = route;
    if (hook.protocols.length > 0 && !hook.protocols.includes(source.protocol)) return false;
    return !hook.where || hook.where.run(net, attributes, source, this.#speaker.rib.filterEnv) !== undefined;
  }

  #session(protocol: Protocol, reason: string | undefined): void {
    const status = protocol.status();
    if (status.kind !== "bgp") return;
    const up = status.fsm === "Established";
    if (up === this.#up.has(protocol.name)) return;
    if (up) this.#up.add(protocol.name);
    else this.#up.delete(protocol.name);
    const facts = {
      PROTOCOL: protocol.name,
      STATE: status.fsm,
      NEIGHBOR: status.neighborAddress ? formatAddress(status.neighborAddress) : "",
      NEIGHBOR_AS: String(status.neighborAs),
      LOCAL_AS: String(status.localAs),
      REASON: up ? "" : (reason ?? status.lastError ?? ""),
    };
    for (const hook of this.#hooks("session")) {
      if (hook.protocols.length > 0 && !hook.protocols.includes(protocol.name)) continue;
      this.#submit(hook, protocol.name, up ? "session-up" : "session-down", facts, {});
    }
  }

  #submit(hook: HookConfig, key: string, event: string, facts: Facts, more: Facts = {}): void {
    const environment: Record<string, string> = { LINNET_HOOK: hook.name, LINNET_EVENT: event };
    for (const [name, value] of Object.entries({ ...facts, ...more })) environment[`LINNET_${name}`] = safe(value);
    this.#runner.submit(hook, key, environment);
  }
}

function watches(hook: HookConfig, table: Table): boolean {
  return hook.tables.length === 0 || hook.tables.includes(table.name);
}

function reasonOf(event: { readonly type: string; readonly reason?: string }): string | undefined {
  return event.type === "session" ? event.reason : undefined;
}

/** Absent attributes are empty: a command need not ask whether a variable is set. */
function routeFacts(route: RouteView): Facts {
  const { source, attributes } = route;
  const hop = attributes.nextHops?.[0];
  return {
    PROTOCOL: source.protocol,
    PREFERENCE: String(route.preference),
    FROM: source.peer ? formatAddress(source.peer.address) : "",
    NEIGHBOR_AS: source.peer ? String(source.peer.asn) : "",
    DEST: attributes.dest ?? "unicast",
    GATEWAY: hop?.gateway ? formatAddress(hop.gateway) : "",
    IFACE: hop?.iface ?? "",
    ...bgpFacts(attributes),
  };
}

function bgpFacts(attributes: RouteAttributes): Facts {
  const { nextHop, asPath, localPref, multiExitDisc, communities, largeCommunities } = attributes;
  return {
    NEXT_HOP: nextHop ? formatAddress(nextHop) : "",
    AS_PATH: asPath ? formatAsPath(asPath) : "",
    LOCAL_PREF: localPref === undefined ? "" : String(localPref),
    MED: multiExitDisc === undefined ? "" : String(multiExitDisc),
    COMMUNITIES: communities?.map(formatCommunity).join(" ") ?? "",
    LARGE_COMMUNITIES: largeCommunities?.map(formatLargeCommunity).join(" ") ?? "",
  };
}

/** A NUL cannot stand in an environment, and megabytes of communities must not. */
function safe(value: string): string {
  return value.replace(/\p{Cc}/gu, " ").slice(0, VALUE_LIMIT);
}

const VALUE_LIMIT = 4096;
