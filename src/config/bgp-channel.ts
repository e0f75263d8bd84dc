/** Channels of protocol bgp: address families with options of their own. */

import type { Parser } from "../../protocol/policy/parser.ts";
import { T, type Token } from "../../protocol/policy/tokens.ts";
import type { NetType } from "../../protocol/rib/route.ts";
import type { BgpDraft } from "./bgp-draft.ts";
import { type ChannelDraft, finishChannel, openChannel, parseChannelBlock, parseTable, tableType } from "./channel.ts";
import type { ConfigDraft } from "./draft.ts";
import { parseAddress, parseNumber, parseSwitch, parseWord } from "./options.ts";
import type { BgpChannelConfig, ChannelConfig, NextHopSwitch } from "./schema.ts";

type Extra = NonNullable<ChannelDraft["bgp"]>;

export function startsBgpChannel(p: Parser): boolean {
  return p.isKind(FAMILIES);
}

export function parseBgpChannel(c: ConfigDraft, draft: BgpDraft): void {
  const [name, netType] = parseFamily(c.p);
  const channel = openChannel(c, draft, name, netType, { preference: 100 });
  channel.bgp ??= {};
  parseChannelBlock(c, channel, { preference: 100, option: bgpChannelOption });
}

function parseFamily(p: Parser): readonly [string, NetType] {
  const family = parseWord(p, FAMILIES);
  // bird looks one token further: `multicast` and `mpls` are families of their own.
  for (const [word, name, netType] of family.variants) {
    if (word === undefined) {
      if (p.is(T[";"]) || p.is(T["{"])) return [name, netType];
    } else if (p.accept(word)) return [name, netType];
  }
  p.unexpected();
}

interface Family {
  readonly variants: readonly (readonly [Token | undefined, string, NetType])[];
}

const FAMILIES: ReadonlyMap<Token, Family> = new Map<Token, Family>([
  [
    T.IPV4,
    {
      variants: [
        [T.MPLS, "ipv4-mpls", "ipv4-mpls"],
        [T.MULTICAST, "ipv4-mc", "ipv4-multicast"],
        [undefined, "ipv4", "ipv4"],
      ],
    },
  ],
  [
    T.IPV6,
    {
      variants: [
        [T.MPLS, "ipv6-mpls", "ipv6-mpls"],
        [T.MULTICAST, "ipv6-mc", "ipv6-multicast"],
        [undefined, "ipv6", "ipv6"],
      ],
    },
  ],
  [
    T.VPN4,
    {
      variants: [
        [T.MPLS, "vpn4-mpls", "vpn4"],
        [T.MULTICAST, "vpn4-mc", "vpn4"],
      ],
    },
  ],
  [
    T.VPN6,
    {
      variants: [
        [T.MPLS, "vpn6-mpls", "vpn6"],
        [T.MULTICAST, "vpn6-mc", "vpn6"],
      ],
    },
  ],
  [T.FLOW4, { variants: [[undefined, "flow4", "flow4"]] }],
  [T.FLOW6, { variants: [[undefined, "flow6", "flow6"]] }],
]);

/** True if one was read. */
function bgpChannelOption(c: ConfigDraft, channel: ChannelDraft): boolean {
  const { p } = c;
  const option = OPTIONS.get(p.peek());
  if (!option) return false;
  p.take();
  option(c, channel.bgp as Extra, channel);
  return true;
}

type Option = (c: ConfigDraft, extra: Extra, channel: ChannelDraft) => void;

/** `next hop ...` */
function parseNextHop({ p }: ConfigDraft, extra: Extra): void {
  p.expect(T.HOP);
  if (p.accept(T.SELF)) extra.nextHopSelf = parseNextHopSwitch(p);
  else if (p.accept(T.KEEP)) extra.nextHopKeep = parseNextHopSwitch(p);
  else if (p.accept(T.ADDRESS)) extra.nextHopAddress = parseAddress(p);
  else {
    p.expect(T.PREFER);
    p.expect(T.GLOBAL);
    extra.nextHopPreferGlobal = true;
  }
}

function parseNextHopSwitch(p: Parser): NextHopSwitch {
  if (p.accept(T.IBGP)) return "ibgp";
  if (p.accept(T.EBGP)) return "ebgp";
  return parseSwitch(p) ? "on" : "off";
}

function parseIgpTable(c: ConfigDraft, extra: Extra, channel: ChannelDraft): void {
  const { p } = c;
  p.expect(T.TABLE);
  const table = parseTable(c);
  if (channel.netType.startsWith("flow")) p.fail("IGP table not allowed here");
  if (table.netType === "ipv4") extra.igpTable = table.name;
  else if (table.netType === "ipv6") extra.igpTable6 = table.name;
  else p.fail("Mismatched IGP table type");
}

function parseBaseTable(c: ConfigDraft, extra: Extra, channel: ChannelDraft): void {
  const { p } = c;
  p.expect(T.TABLE);
  const table = parseTable(c);
  if (!channel.netType.startsWith("flow")) p.fail("Base table option limited to flowspec channels");
  if (table.netType !== (channel.netType === "flow4" ? "ipv4" : "ipv6")) p.fail("Mismatched base table type");
  extra.baseTable = table.name;
}

const OPTIONS: ReadonlyMap<Token, Option> = new Map<Token, Option>([
  [T.NEXT, parseNextHop],
  [T.IGP, parseIgpTable],
  [T.BASE, parseBaseTable],
  [
    T.MANDATORY,
    ({ p }, extra) => {
      extra.mandatory = parseSwitch(p);
    },
  ],
  [
    T.MISSING,
    ({ p }, extra) => {
      p.expect(T.LLADDR);
      extra.missingLladdr = parseWord(p, LLADDR);
    },
  ],
  [
    T.GATEWAY,
    ({ p }, extra) => {
      extra.gateway = parseWord(p, GATEWAYS);
    },
  ],
  [
    T.SECONDARY,
    ({ p }, extra) => {
      extra.secondary = parseSwitch(p);
    },
  ],
  [
    T.VALIDATE,
    ({ p }, extra, channel) => {
      extra.validate = parseSwitch(p);
      if (!channel.netType.startsWith("flow")) p.failAhead("Validate option limited to flowspec channels");
    },
  ],
  [
    T.EXTENDED,
    ({ p }, extra) => {
      p.expect(T.NEXT);
      p.expect(T.HOP);
      extra.extendedNextHop = parseSwitch(p);
    },
  ],
  [
    T.ADD,
    ({ p }, extra) => {
      p.expect(T.PATHS);
      extra.addPaths = p.accept(T.RX) ? "rx" : p.accept(T.TX) ? "tx" : parseSwitch(p) ? "both" : "off";
    },
  ],
  [
    T.AIGP,
    ({ p }, extra) => {
      extra.aigp = p.accept(T.ORIGINATE) ? "originate" : parseSwitch(p) ? "on" : "off";
    },
  ],
  [
    T.COST,
    ({ p }, extra) => {
      extra.cost = parseNumber(p);
      if (extra.cost < 1) p.fail("Cost must be positive");
    },
  ],
  [
    T.GRACEFUL,
    ({ p }, extra) => {
      p.expect(T.RESTART);
      extra.gracefulRestart = parseSwitch(p);
    },
  ],
  [
    T.LONG,
    ({ p }, extra) => {
      p.expect(T.LIVED);
      if (p.accept(T.GRACEFUL)) {
        p.expect(T.RESTART);
        extra.longLivedGracefulRestart = parseSwitch(p);
      } else {
        p.expect(T.STALE);
        p.expect(T.TIME);
        extra.longLivedStaleTime = parseNumber(p);
      }
    },
  ],
]);

const GATEWAYS: ReadonlyMap<Token, "direct" | "recursive"> = new Map<Token, "direct" | "recursive">([
  [T.DIRECT, "direct"],
  [T.RECURSIVE, "recursive"],
]);

const LLADDR: ReadonlyMap<Token, "self" | "drop" | "ignore"> = new Map<Token, "self" | "drop" | "ignore">([
  [T.SELF, "self"],
  [T.DROP, "drop"],
  [T.IGNORE, "ignore"],
]);

/** Defaults that depend on the session: internal or not, direct or not, whose client. */
export function finishBgpChannel(
  channel: ChannelDraft,
  draft: BgpDraft,
  internal: boolean,
  isMultihop: boolean,
): ChannelConfig {
  const extra = channel.bgp ?? {};
  const keep: NextHopSwitch = draft.rrClient ? "ibgp" : draft.rsClient ? "on" : "off";
  const bgp: BgpChannelConfig = {
    ...extra,
    mandatory: extra.mandatory ?? false,
    nextHopKeep: extra.nextHopKeep ?? keep,
    nextHopSelf: extra.nextHopSelf ?? "off",
    nextHopPreferGlobal: extra.nextHopPreferGlobal ?? false,
    gateway: extra.gateway ?? (isMultihop ? "recursive" : "direct"),
    importTable: extra.importTable ?? false,
    exportTable: extra.exportTable ?? false,
    secondary: extra.secondary ?? false,
    validate: extra.validate ?? false,
    extendedNextHop: extra.extendedNextHop ?? false,
    addPaths: extra.addPaths ?? "off",
    aigp: extra.aigp ?? (internal || draft.confederationMember ? "on" : "off"),
    ...igpTables(channel, extra, isMultihop),
  };
  return finishChannel(channel, bgp);
}

/** Recursive next hops are looked up in the channel's own table unless another one is named. */
function igpTables(channel: ChannelDraft, extra: Extra, isMultihop: boolean): Partial<BgpChannelConfig> {
  if ((extra.gateway ?? (isMultihop ? "recursive" : "direct")) !== "recursive") return {};
  const type = tableType(channel.netType);
  const igpTable = extra.igpTable ?? (type === "ipv4" ? channel.table : undefined);
  const igpTable6 = extra.igpTable6 ?? (type === "ipv6" ? channel.table : undefined);
  return {
    ...(igpTable === undefined ? {} : { igpTable }),
    ...(igpTable6 === undefined ? {} : { igpTable6 }),
  };
}
