/** Protocol static: routes spelled out. */
import { compileRouteBlock } from "../../protocol/policy/compile.ts";
import { parseLabelNet, parseNetTail, parsePrefixTail, parseVpnNet, takeIp } from "../../protocol/policy/parse-net.ts";
import { parseRouteBlock } from "../../protocol/policy/parse-statement.ts";
import type { Parser } from "../../protocol/policy/parser.ts";
import { formatNet, type OtherNet } from "../../protocol/policy/scalars.ts";
import { T, type Token } from "../../protocol/policy/tokens.ts";
import type { Statement } from "../../protocol/policy/tree.ts";
import { Type } from "../../protocol/policy/types.ts";
import type { Net, NetType } from "../../protocol/rib/route.ts";
import { finishChannel, type ProtocolDraft, parseChannel, parseTable, startsChannel } from "./channel.ts";
import type { ConfigDraft, Draft } from "./draft.ts";
import { commonOf, kindOf, type ProtocolKind } from "./kind.ts";
import { parseAddress, parseNumber, parseScope, parseSwitch, takeText } from "./options.ts";
import type { StaticConfig, StaticNextHop, StaticRoute } from "./schema.ts";

interface StaticDraft extends ProtocolDraft {
  checkLink: boolean;
  igpTable?: string;
  igpTable6?: string;
  routes: StaticRoute[];
}

export const STATIC_KIND: ProtocolKind = kindOf<StaticDraft>({
  word: "static",
  lists: ["routes"],
  create: () => ({ checkLink: false, routes: [] }),
  item: (c, draft) => {
    const { p } = c;
    if (startsChannel(p)) parseChannel(c, draft, { preference: 200, single: true });
    else if (p.accept(T.ROUTE)) draft.routes.push(parseRoute(c));
    else if (p.accept(T.CHECK)) {
      p.expect(T.LINK);
      draft.checkLink = parseSwitch(p);
    } else if (p.accept(T.IGP)) {
      p.expect(T.TABLE);
      const table = parseTable(c);
      if (table.netType === "ipv4") draft.igpTable = table.name;
      else if (table.netType === "ipv6") draft.igpTable6 = table.name;
      else p.fail("Incompatible IGP table type");
    } else return false;
    return true;
  },
  check: (c, draft) => {
    const p: Parser = c.p;
    const [channel] = draft.channels;
    if (!channel) p.fail("Channel not specified");
    for (const { net } of draft.routes) {
      if (netTypeOf(net) !== channel.netType) p.fail(`Route ${formatNet(net)} incompatible with channel type`);
    }
  },
  finish: (c, draft): StaticConfig => {
    const { checkLink, igpTable, igpTable6 } = draft;
    const [channel] = draft.channels;
    const isRunning = channel !== undefined && RUNNING.has(channel.netType);
    if (!isRunning)
      c.warn(draft.place, `protocol ${draft.name}: routes of type ${channel?.netType} are not implemented`);
    return {
      kind: "static",
      ...commonOf(draft),
      channels: draft.channels.map((channel) => finishChannel(channel)),
      checkLink,
      ...(igpTable === undefined ? {} : { igpTable }),
      ...(igpTable6 === undefined ? {} : { igpTable6 }),
      routes: isRunning ? draft.routes : [],
    };
  },
});

/** After `route`. */
function parseRoute(c: ConfigDraft): StaticRoute {
  const { p } = c;
  const place = p.here;
  const net = parseNet(p);
  const route: Draft<StaticRoute> & { nextHops: StaticNextHop[] } = { net, destination: "none", nextHops: [], place };
  parseDestination(p, route);
  if (p.accept(T["{"])) {
    const body: Statement = parseRouteBlock(p);
    route.block = compileRouteBlock(body);
  }
  if (!p.is(T[";"])) p.unexpected();
  // A ROA says all in itself, anything else has to go somewhere.
  if ("asn" in net !== (route.destination === "none")) p.fail("Unexpected or missing nexthop/type");
  return route;
}

/** Any prefix that the language has; what does not suit the channel is refused at the end. */
function parseNet(p: Parser): Net {
  if (p.accept(T.MPLS)) return parseLabelNet(p);
  if (p.is(T.VPN_RD)) {
    const distinguisher = { hi: p.number, lo: p.lexer.low };
    p.take();
    return parseVpnNet(p, distinguisher);
  }
  if (p.is(T.IP4) || p.is(T.IP6)) return parseNetTail(p, parsePrefixTail(p, takeIp(p), true));
  p.want(T.FLOW4, T.FLOW6);
  if (!p.is(T.CF_SYM_KNOWN)) p.unexpected();
  const { symbol } = p;
  if (symbol.kind !== "constant" || symbol.term.type !== Type.Net) p.fail("Network constant expected");
  p.take();
  return symbol.term.value as Net;
}

function parseDestination(p: Parser, route: Draft<StaticRoute> & { nextHops: StaticNextHop[] }): void {
  if (p.isKind(SINKS)) {
    route.destination = SINKS.get(p.peek()) ?? "none";
    p.take();
    return;
  }
  if (p.accept(T.RECURSIVE)) {
    route.destination = "recursive";
    route.recursive = parseAddress(p);
    const labels = parseLabels(p);
    if (labels) route.attributes = { nextHops: [{ labels }] };
    return;
  }
  while (p.accept(T.VIA)) {
    route.destination = "unicast";
    route.nextHops.push(parseNextHop(p));
  }
}

/** After `via`. */
function parseNextHop(p: Parser): StaticNextHop {
  const hop: Draft<StaticNextHop> = {};
  if (p.is(T.IP4) || p.is(T.IP6) || p.is(T.CF_SYM_KNOWN)) {
    hop.gateway = parseAddress(p);
    const iface = parseScope(p);
    if (iface !== undefined) hop.iface = iface;
  } else {
    if (!p.is(T.TEXT)) p.unexpected();
    hop.iface = takeText(p);
  }
  while (parseHopOption(p, hop));
  return hop;
}

function parseHopOption(p: Parser, hop: Draft<StaticNextHop>): boolean {
  const labels = parseLabels(p);
  if (labels) hop.labels = labels;
  else if (p.accept(T.ONLINK)) hop.onlink = parseSwitch(p);
  else if (p.accept(T.BFD)) hop.bfd = parseSwitch(p);
  else if (p.accept(T.WEIGHT)) {
    const weight = parseNumber(p);
    if (weight < 1 || weight > 256) p.fail("Weight must be in range 1-256");
    hop.weight = weight;
  } else return false;
  return true;
}

/** `mpls 100/200` */
function parseLabels(p: Parser): number[] | undefined {
  if (!p.accept(T.MPLS)) return undefined;
  const labels: number[] = [];
  do {
    if (!p.is(T.NUM)) p.unexpected();
    labels.push(p.number);
    p.take();
  } while (p.accept(T["/"]));
  return labels;
}

function netTypeOf(net: Net | OtherNet): NetType {
  if ("asn" in net) return net.family === 4 ? "roa4" : "roa6";
  if ("netType" in net) return OTHER_TYPES.get(net.netType) ?? "mpls";
  return net.family === 4 ? "ipv4" : "ipv6";
}

/** What our tables hold. */
const RUNNING: ReadonlySet<NetType> = new Set<NetType>(["ipv4", "ipv6", "roa4", "roa6"]);

const OTHER_TYPES: ReadonlyMap<number, NetType> = new Map<number, NetType>([
  [3, "vpn4"],
  [4, "vpn6"],
  [9, "ipv6-sadr"],
  [10, "mpls"],
]);

const SINKS: ReadonlyMap<Token, StaticRoute["destination"]> = new Map<Token, StaticRoute["destination"]>([
  [T.DROP, "blackhole"],
  [T.REJECT, "unreachable"],
  [T.PROHIBIT, "prohibit"],
  [T.BLACKHOLE, "blackhole"],
  [T.UNREACHABLE, "unreachable"],
]);
