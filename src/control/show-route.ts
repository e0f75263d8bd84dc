/**
 * `show route`: which tables, which routes of them, in which order and with what headings. Works in slices
 * and holds nothing of a table between them but a place in it.
 */
import type { CompiledFilter } from "../../protocol/policy/compile.ts";
import type { Channel } from "../../protocol/rib/channel.ts";
import { type Net, type RouteAttributes, RouteKind, type Slot } from "../../protocol/rib/route.ts";
import type { RouteView } from "../../protocol/rib/route-view.ts";
import type { Table } from "../../protocol/rib/table.ts";
import { covers, type IpAddress, type Prefix } from "../../protocol/wire/address.ts";
import type { Protocol } from "../protocols/protocol.ts";
import type { Work } from "./connection.ts";
import type { ControlTarget } from "./daemon.ts";
import type { JsonReply } from "./json.ts";
import type { ShownRoute } from "./render-route.ts";
import type { Reply } from "./reply.ts";
import { RoutePrinter } from "./route-printer.ts";

export type Address =
  | { readonly kind: "exact"; readonly net: Net }
  | { readonly kind: "for"; readonly ip: IpAddress | Prefix }
  | { readonly kind: "in"; readonly prefix: Prefix };

export type ExportMode = "export" | "preexport" | "noexport" | "exported";

/** One table to look at, or one side of a channel that keeps its own. */
export interface Source {
  readonly table: Table;
  /** In headings and counts: the table's name, or `import`, `export`. */
  readonly title: string;
  /** Its heading is printed even with nothing below. */
  readonly named: boolean;
  /** Whose view: the channel of `export P`. */
  readonly channel?: Channel;
  readonly side?: "import" | "export";
  /** Its protocol takes no routes at all. */
  readonly deaf?: boolean;
}

export interface ShowRoute {
  readonly sources: readonly Source[];
  readonly address: Address | undefined;
  readonly filter: CompiledFilter | undefined;
  readonly protocol: Protocol | undefined;
  readonly mode: ExportMode | undefined;
  readonly all: boolean;
  readonly primary: boolean;
  readonly filtered: boolean;
  readonly output: "rows" | "stats" | "count";
}

/** What was looked at and what was shown. */
interface Count {
  shown: number;
  routes: number;
  nets: number;
}

export function* showRoute(target: ControlTarget, what: ShowRoute, reply: Reply): Work {
  const printer = new RoutePrinter(target, reply, what.all);
  const single = what.address && what.address.kind !== "in";
  const total: Count = { shown: 0, routes: 0, nets: 0 };
  for (const source of what.sources) {
    const count: Count = { shown: 0, routes: 0, nets: 0 };
    printer.begin(source.title);
    if (what.output !== "count" && !single && (source.named || what.output === "stats")) printer.heading();
    for (const route of routesOf(target, what, source, count)) {
      if (route && what.output !== "count") printer.print(route);
      yield undefined;
    }
    add(total, count);
    if (single || what.output === "rows") continue;
    printer.counts(count);
    if (what.output === "stats" && what.sources.length > 1) printer.gap();
  }
  if (single) return total.routes > 0 ? reply.end(0) : reply.end(8001, "Network not found");
  if (what.output === "rows" || what.sources.length < 2) return reply.end(0);
  reply.end(
    14,
    `Total: ${total.shown} of ${total.routes} routes for ${total.nets} networks in ${what.sources.length} tables`,
  );
}

export function* showRouteJson(target: ControlTarget, what: ShowRoute, reply: JsonReply): Work {
  const total: Count = { shown: 0, routes: 0, nets: 0 };
  const tables: ({ readonly table: string } & Count)[] = [];
  reply.list("routes");
  for (const source of what.sources) {
    const count: Count = { shown: 0, routes: 0, nets: 0 };
    for (const route of routesOf(target, what, source, count)) {
      if (route && what.output !== "count") reply.item(RoutePrinter.json(route, source.title));
      yield undefined;
    }
    add(total, count);
    tables.push({ table: source.title, ...count });
  }
  reply.endList();
  reply.field("tables", tables);
  reply.field("total", total);
  reply.end();
}

/** The routes to show; undefined now and then, for others to have their turn. */
function* routesOf(
  target: ControlTarget,
  what: ShowRoute,
  source: Source,
  count: Count,
): Generator<ShownRoute | undefined> {
  for (const views of groups(target, what, source)) {
    if (views === undefined || views.length === 0) {
      yield undefined;
      continue;
    }
    count.nets++;
    for (const [i, view] of views.entries()) {
      count.routes++;
      const shown = select(target, what, source, view, i === 0);
      if (shown) {
        count.shown++;
        yield shown;
      }
      if (what.primary) break;
    }
    yield undefined;
  }
}

/** One route, as the export view and the filter have it; undefined if it is not to be shown. */
function select(
  target: ControlTarget,
  what: ShowRoute,
  source: Source,
  view: RouteView,
  isFirst: boolean,
): ShownRoute | undefined {
  let { attributes } = view;
  if (what.mode && source.channel && !source.side) {
    // Others than the best are sent only where paths are added, and by pipes.
    if ((!isFirst && !source.channel.exportsAll) || source.deaf) return undefined;
    const exported = source.channel.exportedView(view.slot, view);
    if (exported.verdict === "not eligible") return undefined;
    if (what.mode !== "preexport" && (exported.verdict === "exported") === (what.mode === "noexport")) return undefined;
    if (what.mode !== "preexport" && exported.attributes) attributes = withWay(exported.attributes, attributes);
  }
  if (what.protocol && view.source.protocol !== what.protocol.name) return undefined;
  if (what.filter) {
    const after = what.filter.run(view.net, attributes, view.source, target.rib.filterEnv);
    if (!after) return undefined;
    attributes = after;
  }
  const { net, source: from, since, stale } = view;
  // What is first of its prefix has the star, be it a filtered route.
  const best = view.best || (view.filtered && isFirst && !source.table.has(view.slot));
  return { net, source: from, attributes, since, best, stale, igpMetric: metricOf(view, attributes) };
}

/** An export filter sees a route without the way to its next hop: that stays as it was, unless it set another. */
function withWay(after: RouteAttributes, before: RouteAttributes): RouteAttributes {
  const { dest, nextHops } = before;
  if (after.nextHops || after.dest || !nextHops) return after;
  return { ...after, nextHops, ...(dest === undefined ? {} : { dest }) };
}

/** Of BGP, the way's metric if there is a way to look up; of others, what a filter set. */
function metricOf(view: RouteView, attributes: RouteAttributes): number | undefined {
  if (view.source.kind !== RouteKind.Bgp) return attributes.recursive ? undefined : attributes.igpMetric;
  return view.isRecursive && (attributes.dest ?? "unicast") === "unicast" ? view.igpMetric : undefined;
}

/** The routes of one prefix after the other. */
function* groups(target: ControlTarget, what: ShowRoute, source: Source): Generator<readonly RouteView[] | undefined> {
  const { table } = source;
  const { address } = what;
  const accept = (net: Net): boolean => address === undefined || address.kind !== "in" || isIn(net, address.prefix);
  if (source.side || what.filtered) {
    const views = source.side ? sideRoutes(source) : filteredRoutes(target, table);
    yield* grouped(views, address?.kind === "in" ? accept : oneNet(table, address));
    return;
  }
  if (address && address.kind !== "in") {
    const slot = address.kind === "exact" ? table.find(address.net) : table.longestMatch(address.ip);
    if (slot !== undefined) yield table.routes(slot);
    return;
  }
  for (let from: number | undefined = 0; from !== undefined; ) {
    const { slots, next }: ReturnType<Table["walk"]> = address ? table.walkIn(address.prefix, from) : table.walk(from);
    for (const slot of slots) yield table.routes(slot);
    yield undefined;
    from = next;
  }
}

function* grouped(
  views: Iterable<RouteView>,
  accept: (net: Net, slot: Slot) => boolean,
): Generator<readonly RouteView[] | undefined> {
  let group: RouteView[] = [];
  for (const view of views) {
    if (group[0] && group[0].slot !== view.slot) {
      yield group;
      group = [];
    }
    if (accept(view.net, view.slot)) group.push(view);
    else yield undefined;
  }
  if (group.length > 0) yield group;
}

/** What a channel keeps of its own: what it received, what it sent. */
function* sideRoutes({ channel, side, table }: Source): Generator<RouteView> {
  if (!channel) return;
  if (side === "import") return yield* channel.receivedRoutes();
  for (let from: number | undefined = 0; from !== undefined; ) {
    const { slots, next }: ReturnType<Table["walk"]> = table.walk(from);
    for (const slot of slots) {
      const best = table.best(slot);
      if (best && channel.exportedView(slot).verdict === "exported") yield best;
    }
    from = next;
  }
}

/** Rejected by an import filter and kept, of all channels of the table. */
function* filteredRoutes(target: ControlTarget, table: Table): Generator<RouteView> {
  for (const protocol of target.protocols()) {
    for (const channel of protocol.channels) {
      if (channel.table === table && channel.options.keepFiltered) yield* channel.filteredRoutes();
    }
  }
}

/** For `PREFIX` and `for IP` in what is no table: the slot is looked up in the family's prefixes. */
function oneNet(table: Table, address: Address | undefined): (net: Net, slot: Slot) => boolean {
  if (!address || address.kind === "in") return () => true;
  const wanted =
    address.kind === "exact" ? table.prefixes.find(address.net) : table.prefixes.longestMatch(address.ip, () => true);
  return (_, slot) => slot === wanted;
}

function isIn(net: Net, prefix: Prefix): boolean {
  return net.family === prefix.family && covers(prefix, net);
}

function add(total: Count, count: Count): void {
  total.shown += count.shown;
  total.routes += count.routes;
  total.nets += count.nets;
}
