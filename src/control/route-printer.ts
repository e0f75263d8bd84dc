/** Headings, rows and counts of `show route`, with the gaps between tables. */
import type { Type } from "../../protocol/policy/types.ts";
import type { Net } from "../../protocol/rib/route.ts";
import { formatAddress } from "../../protocol/wire/address.ts";
import type { ControlTarget } from "./daemon.ts";
import { isoTime } from "./json.ts";
import { bgpAttributes, formatNet, routeLines, type ShownRoute, type TypeOf } from "./render-route.ts";
import type { Reply } from "./reply.ts";
import { formatTime } from "./time-format.ts";

export class RoutePrinter {
  readonly #target: ControlTarget;
  readonly #reply: Reply;
  readonly #all: { readonly typeOf: TypeOf } | undefined;
  readonly #now: number;
  #title = "";
  #headed = false;
  /** Something stands above: the next heading comes after a gap. */
  #isBelow = false;
  #last: Net | undefined;

  constructor(target: ControlTarget, reply: Reply, all: boolean) {
    this.#target = target;
    this.#reply = reply;
    this.#all = all ? { typeOf: (name) => customType(target, name) } : undefined;
    this.#now = target.host.clock.wall();
  }

  begin(title: string): void {
    this.#title = title;
    this.#headed = false;
    this.#last = undefined;
  }

  heading(): void {
    if (this.#headed) return;
    this.#headed = true;
    if (this.#isBelow) this.gap();
    this.#isBelow = true;
    this.#reply.line(ROUTE, `Table ${this.#title}:`);
  }

  print(route: ShownRoute): void {
    this.heading();
    const since = formatTime(this.#target.config.timeformat.route, route.since, this.#now);
    const continues = this.#last !== undefined && formatNet(this.#last) === formatNet(route.net);
    for (const [code, text] of routeLines(route, continues, since, this.#all)) this.#reply.line(code, text);
    this.#last = route.net;
  }

  counts(count: { readonly shown: number; readonly routes: number; readonly nets: number }): void {
    const { shown, routes, nets } = count;
    this.#reply.line(ROUTE, `${shown} of ${routes} routes for ${nets} networks in table ${this.#title}`);
  }

  /** After the counts of a table: whatever follows needs no gap of its own. */
  gap(): void {
    this.#reply.line(ROUTE, "");
    this.#isBelow = false;
  }

  static json(route: ShownRoute, table: string): unknown {
    const { attributes, source } = route;
    const bgp = bgpAttributes(attributes);
    const custom = [...(attributes.custom?.keys() ?? [])];
    return {
      table,
      prefix: formatNet(route.net),
      protocol: source.protocol,
      best: route.best,
      stale: route.stale || undefined,
      since: isoTime(route.since),
      preference: attributes.preference ?? source.preference,
      igpMetric: route.igpMetric,
      destination: attributes.dest ?? "unicast",
      from: attributes.from ? formatAddress(attributes.from) : source.peer && formatAddress(source.peer.address),
      nextHops: attributes.nextHops?.map((hop) => ({
        gateway: hop.gateway && formatAddress(hop.gateway),
        interface: hop.iface,
        weight: hop.weight,
        onlink: hop.onlink,
      })),
      bgp: bgp.length > 0 ? Object.fromEntries(bgp) : undefined,
      custom: custom.length > 0 ? custom : undefined,
    };
  }
}

function customType(target: ControlTarget, name: string): Type | undefined {
  const symbol = target.config.scope.find(name);
  return symbol?.kind === "attribute" ? symbol.attribute.type : undefined;
}

const ROUTE = 1007;
