/** The tables of a speaker and what they share: one `Rib` a speaker. */
import type { Prefix } from "../wire/address.ts";
import type { AttributeStore } from "./attribute-store.ts";
import type { PrefixTable } from "./prefix-table.ts";
import { roaState } from "./roa.ts";
import type { NetType, RouteSource } from "./route.ts";
import { type LinkOracle, RibCore, type RibEnv, type RibJob } from "./sources.ts";
import { Table, type TableOptions } from "./table.ts";
import { UpdateGroups } from "./update-group.ts";

export type { LinkOracle, RibEnv, RibJob } from "./sources.ts";

export class Rib {
  readonly core: RibCore;
  readonly groups: UpdateGroups;
  readonly #tables = new Map<string, Table>();
  readonly #roaJob: RibJob;
  #roaPending = false;
  #linkListeners = new Set<() => void>();

  constructor(env: RibEnv) {
    this.core = new RibCore(env);
    this.groups = new UpdateGroups(this.core);
    this.#roaJob = { step: () => this.#tellRoa() };
  }

  get attributes(): AttributeStore {
    return this.core.attributes;
  }

  get filterEnv(): RibEnv["filterEnv"] {
    return this.core.env.filterEnv;
  }

  table(name: string): Table | undefined {
    return this.#tables.get(name);
  }

  tables(): Iterable<Table> {
    return this.#tables.values();
  }

  addTable(options: TableOptions): Table {
    const table = new Table(options, this.core);
    this.#tables.set(options.name, table);
    if (options.netType.startsWith("roa")) table.subscribe(() => this.#roaChanged());
    return table;
  }

  /** Its channels must be closed. */
  removeTable(name: string): void {
    this.#tables.delete(name);
  }

  prefixes(netType: NetType): PrefixTable {
    return this.core.prefixes(netType);
  }

  addSource(init: Omit<RouteSource, "id">): RouteSource {
    return this.core.addSource(init);
  }

  /** What is known of a source has changed: another session, other options. Its number and routes stay. */
  updateSource(source: RouteSource): RouteSource {
    return this.core.setSource(source);
  }

  removeSource(source: RouteSource): void {
    this.core.removeSource(source);
  }

  setLinkOracle(oracle: LinkOracle): void {
    this.core.links = oracle;
  }

  /** Interfaces or addresses have changed: what depends on them is looked at again. */
  linkChanged(): void {
    for (const listener of this.#linkListeners) listener();
  }

  onLinkChange(listener: () => void): { close(): void } {
    this.#linkListeners.add(listener);
    return { close: () => this.#linkListeners.delete(listener) };
  }

  /** RFC 6811 state of a prefix and its origin in a roa table: 0 unknown, 1 valid, 2 invalid. */
  roaCheck(table: string, net: Prefix, asn: number): number {
    const found = this.#tables.get(table);
    return found ? roaState(found, net, asn) : 0;
  }

  #roaChanged(): void {
    if (this.#roaPending) return;
    this.#roaPending = true;
    this.core.env.wake(this.#roaJob);
  }

  #tellRoa(): boolean {
    this.#roaPending = false;
    for (const channel of this.core.roaWatchers) channel.roaChanged();
    return false;
  }
}
