/** One route of a table as people and filters see it; what costs is worked out when it is asked for. */
import { type AttrId, type Net, type RouteAttributes, RouteKind, type RouteSource, type Slot } from "./route.ts";
import type { Table } from "./table.ts";

export class RouteView {
  readonly #table: Table;
  readonly #source: number;
  readonly slot: Slot;
  readonly pathId: number;
  readonly attrs: AttrId;
  /** Milliseconds since 1970: when it came, or changed last. */
  readonly since: number;
  readonly best: boolean;
  /** Kept over the end of its session (RFC 4724), or not yet seen again in a refresh (RFC 7313). */
  readonly stale: boolean;
  /** Rejected by the import filter: not in the table, kept to be looked at. */
  readonly filtered: boolean;

  constructor(
    table: Table,
    slot: Slot,
    source: number,
    pathId: number,
    attrs: AttrId,
    since: number,
    best: boolean,
    stale: boolean,
    filtered = false,
  ) {
    this.#table = table;
    this.slot = slot;
    this.#source = source;
    this.pathId = pathId;
    this.attrs = attrs;
    this.since = since;
    this.best = best;
    this.stale = stale;
    this.filtered = filtered;
  }

  get net(): Net {
    return this.#table.prefixes.net(this.slot);
  }

  get source(): RouteSource {
    return this.#table.core.sources[this.#source]!;
  }

  get preference(): number {
    return this.attributes.preference ?? this.source.preference;
  }

  /** With what the table knows: whom it is from, and where packets go. */
  get attributes(): RouteAttributes {
    const stored = this.#table.core.attributes.attributes(this.attrs);
    return this.#table.complete(stored, this.attrs, this.#source);
  }

  /** Of the way to the next hop. */
  get igpMetric(): number {
    return this.source.kind === RouteKind.Bgp ? this.#table.igpMetric(this.attrs, this.#source) : 0;
  }

  /** Its next hop is looked up in a table: BIRD's `gateway recursive`, or `recursive` of a static route. */
  get isRecursive(): boolean {
    return this.#table.owners[this.#source]?.gateways?.recursive ?? false;
  }
}
