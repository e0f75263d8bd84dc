/** The options of protocol bgp: by their first word, what they take. */

import type { Parser } from "../../protocol/policy/parser.ts";
import { T, type Token } from "../../protocol/policy/tokens.ts";
import { parseSessionOptions } from "./bfd.ts";
import { type BgpDraft, DEFAULT_TTL } from "./bgp-draft.ts";
import type { ConfigDraft } from "./draft.ts";
import {
  parseAddress,
  parseId,
  parseLiteral,
  parseNetwork,
  parseNumber,
  parseScope,
  parseSwitch,
  parseText,
  parseWord,
  startsAddress,
  startsNumber,
} from "./options.ts";
import type { CeaseReason, RoleName } from "./schema.ts";

type Option = (c: ConfigDraft, draft: BgpDraft) => void;

type SwitchField = { [K in keyof BgpDraft]-?: BgpDraft[K] extends boolean | undefined ? K : never }[keyof BgpDraft];
type NumberField = { [K in keyof BgpDraft]-?: BgpDraft[K] extends number | undefined ? K : never }[keyof BgpDraft];

/** More words, then a switch. */
function toggle(field: SwitchField, ...words: readonly Token[]): Option {
  return ({ p }, draft) => {
    for (const word of words) p.expect(word);
    (draft as Record<SwitchField, boolean>)[field] = parseSwitch(p);
  };
}

/** More words, then a number. */
function number(field: NumberField, ...words: readonly Token[]): Option {
  return ({ p }, draft) => {
    for (const word of words) p.expect(word);
    (draft as Record<NumberField, number>)[field] = parseNumber(p);
  };
}

/** One of these words, each with its own rest. */
function choice(...rows: readonly (readonly [Token, Option])[]): Option {
  return (c, draft) => {
    for (const [word, option] of rows) if (c.p.accept(word)) return option(c, draft);
    c.p.unexpected();
  };
}

function parseLocal(c: ConfigDraft, draft: BgpDraft): void {
  const { p } = c;
  if (p.accept(T.ROLE)) {
    draft.localRole = parseWord(p, ROLES);
    return;
  }
  if (startsAddress(p)) {
    draft.localAddress = parseAddress(p);
    const iface = parseScope(p);
    if (iface !== undefined) draft.iface = iface;
  }
  for (;;) {
    if (p.accept(T.PORT)) draft.localPort = parsePort(p);
    else if (p.accept(T.AS)) draft.localAs = parseNumber(p);
    else break;
  }
}

function parseNeighbor(c: ConfigDraft, draft: BgpDraft): void {
  const { p } = c;
  if (startsAddress(p)) {
    const address = parseAddress(p);
    const iface = parseScope(p);
    // bird finds this out at the end of the whole option.
    const isSecond = draft.neighborAddress !== undefined || draft.neighborRange !== undefined;
    if (!isSecond) draft.neighborAddress = address;
    if (iface !== undefined) draft.iface = iface;
    parseNeighborRest(p, draft);
    if (isSecond) p.failAhead(ONE_NEIGHBOR);
    return;
  }
  if (p.accept(T.RANGE)) {
    const range = parseNetwork(p);
    const isSecond = draft.neighborAddress !== undefined || draft.neighborRange !== undefined;
    if (!isSecond) draft.neighborRange = range;
    parseNeighborRest(p, draft);
    if (isSecond) p.failAhead(ONE_NEIGHBOR);
    return;
  }
  parseNeighborRest(p, draft);
}

function parseNeighborRest(p: Parser, draft: BgpDraft): void {
  for (;;) {
    if (p.accept(T.PORT)) draft.neighborPort = parsePort(p);
    else if (p.accept(T.AS)) draft.neighborAs = parseNumber(p);
    else if (p.accept(T.INTERNAL)) draft.neighborKind = "internal";
    else if (p.accept(T.EXTERNAL)) draft.neighborKind = "external";
    else if (p.is(T[";"])) return;
    else p.unexpected();
  }
}

function parsePort(p: Parser): number {
  const port = parseNumber(p);
  if (port < 1 || port > 0xffff) p.fail("Invalid port number");
  return port;
}

function parseMultihop({ p }: ConfigDraft, draft: BgpDraft): void {
  draft.multihop = DEFAULT_TTL;
  if (!startsNumber(p)) return;
  const hops = parseNumber(p);
  if (hops < 1 || hops > 255) p.failAhead("Multihop must be in range 1-255");
  draft.multihop = hops;
}

function parseHoldTime({ p }: ConfigDraft, draft: BgpDraft): void {
  p.expect(T.TIME);
  draft.holdTime = parseNumber(p);
  const { holdTime } = draft;
  if (holdTime === 1 || holdTime === 2 || holdTime > 0xffff) p.failAhead("Hold time must be in range 3-65535 or zero");
}

function parseKeepaliveTime({ p }: ConfigDraft, draft: BgpDraft): void {
  p.expect(T.TIME);
  const time = parseNumber(p);
  draft.keepaliveTime = time;
  if (time < 1 || time > 0xffff) p.failAhead("Keepalive time must be in range 1-65535");
}

function parseErrorWait({ p }: ConfigDraft, draft: BgpDraft): void {
  p.expect(T.TIME);
  const min = parseNumber(p);
  p.expect(T[","]);
  draft.errorWaitTime = [min, parseNumber(p)];
}

function parseDynamicName({ p }: ConfigDraft, draft: BgpDraft): void {
  p.expect(T.NAME);
  if (p.accept(T.DIGITS)) {
    draft.dynamicDigits = parseNumber(p);
    if (draft.dynamicDigits > 10) p.failAhead("Dynamic name digits must be at most 10");
    return;
  }
  const name = parseText(p);
  draft.dynamicName = name;
  if (name.includes("%")) p.failAhead("Forbidden character '%' in dynamic name");
  if (name.length > LONGEST_DYNAMIC_NAME) p.failAhead("Dynamic name too long");
}

function parseBfd(c: ConfigDraft, draft: BgpDraft): void {
  const { p } = c;
  if (p.accept(T.GRACEFUL)) draft.bfd = { graceful: true };
  else if (p.accept(T["{"])) draft.bfd = { graceful: false, options: parseSessionOptions(c) };
  else if (parseSwitch(p)) draft.bfd = { graceful: false };
  else draft.bfd = undefined;
}

/** A switch, or `aware`. */
function restartMode(field: "gracefulRestart" | "longLivedGracefulRestart"): Option {
  return ({ p }, draft) => {
    draft[field] = p.accept(T.AWARE) ? "aware" : parseSwitch(p) ? "on" : "off";
  };
}

function parseDisableAfterCease({ p }: ConfigDraft, draft: BgpDraft): void {
  if (!p.accept(T["{"])) {
    draft.disableAfterCease = new Set(parseSwitch(p) ? ALL_CEASES : []);
    return;
  }
  const reasons = new Set<CeaseReason>();
  do {
    reasons.add(parseCease(p));
  } while (p.accept(T[","]));
  p.expect(T["}"]);
  draft.disableAfterCease = reasons;
}

function parseCease(p: Parser): CeaseReason {
  for (const [first, rest] of CEASES) {
    if (!p.accept(first)) continue;
    for (const [words, reason] of rest) {
      const [next, ...more] = words;
      if (next !== undefined && !p.accept(next)) continue;
      for (const word of more) p.expect(word);
      return reason;
    }
    p.unexpected();
  }
  p.unexpected();
}

const CEASES: readonly (readonly [Token, readonly (readonly [readonly Token[], CeaseReason])[]])[] = [
  [T.CEASE, [[[], "cease"]]],
  [T.PREFIX, [[[T.LIMIT, T.HIT], "prefix limit hit"]]],
  [
    T.ADMINISTRATIVE,
    [
      [[T.SHUTDOWN], "administrative shutdown"],
      [[T.RESET], "administrative reset"],
    ],
  ],
  [T.PEER, [[[T.DECONFIGURED], "peer deconfigured"]]],
  [T.CONFIGURATION, [[[T.CHANGE], "configuration change"]]],
  [
    T.CONNECTION,
    [
      [[T.REJECTED], "connection rejected"],
      [[T.COLLISION], "connection collision"],
    ],
  ],
  [T.OUT, [[[T.OF, T.RESOURCES], "out of resources"]]],
];

/** All but those that a peer sends in the normal run of things: bird's mask for `on`. */
const ALL_CEASES: readonly CeaseReason[] = [
  "cease",
  "prefix limit hit",
  "administrative shutdown",
  "peer deconfigured",
  "administrative reset",
  "connection rejected",
  "configuration change",
  "connection collision",
  "out of resources",
];

const ROLES: ReadonlyMap<Token, RoleName> = new Map<Token, RoleName>([
  [T.PEER, "peer"],
  [T.PROVIDER, "provider"],
  [T.CUSTOMER, "customer"],
  [T.RS_SERVER, "rs_server"],
  [T.RS_CLIENT, "rs_client"],
]);

const ONE_NEIGHBOR = "Only one neighbor per BGP instance is allowed";
/** Names are at most 63 letters; the number behind needs ten of them. */
const LONGEST_DYNAMIC_NAME = 52;

const CONNECT_DELAY = number("connectDelayTime", T.TIME);

export const BGP_OPTIONS: ReadonlyMap<Token, Option> = new Map<Token, Option>([
  [T.LOCAL, parseLocal],
  [T.NEIGHBOR, parseNeighbor],
  [
    T.INTERFACE,
    ({ p }, draft) => {
      draft.iface = parseLiteral(p);
    },
  ],
  [
    T.DIRECT,
    (_c, draft) => {
      draft.multihop = "direct";
    },
  ],
  [T.MULTIHOP, parseMultihop],
  [
    T.SOURCE,
    ({ p }, draft) => {
      p.expect(T.ADDRESS);
      draft.localAddress = parseAddress(p);
    },
  ],
  [T.DYNAMIC, parseDynamicName],
  [T.STRICT, toggle("strictBind", T.BIND)],
  [T.FREE, toggle("freeBind", T.BIND)],
  [T.CHECK, toggle("checkLink", T.LINK)],
  [T.BFD, parseBfd],
  [T.TTL, toggle("ttlSecurity", T.SECURITY)],
  [
    T.PASSWORD,
    ({ p }, draft) => {
      draft.password = parseText(p);
    },
  ],
  [T.PASSIVE, toggle("passive")],
  [
    T.RR,
    choice(
      [T.CLIENT, toggle("rrClient")],
      [
        T.CLUSTER,
        ({ p }, draft) => {
          p.expect(T.ID);
          draft.rrClusterId = parseId(p);
        },
      ],
    ),
  ],
  [T.RS, toggle("rsClient", T.CLIENT)],
  [
    T.ALLOW,
    choice(
      [T.BGP_LOCAL_PREF, toggle("allowLocalPref")],
      [
        T.LOCAL,
        ({ p }, draft) => {
          p.expect(T.AS);
          draft.allowLocalAs = startsNumber(p) ? parseNumber(p) : ANY_NUMBER;
        },
      ],
      [T.AS, toggle("allowAsSets", T.SETS)],
    ),
  ],
  [T.ENFORCE, toggle("enforceFirstAs", T.FIRST, T.AS)],
  [
    T.ENABLE,
    choice(
      [T.ROUTE, toggle("enableRouteRefresh", T.REFRESH)],
      [T.AS4, toggle("enableAs4")],
      [T.EXTENDED, toggle("enableExtendedMessages", T.MESSAGES)],
    ),
  ],
  [T.CAPABILITIES, toggle("capabilities")],
  [T.ADVERTISE, toggle("advertiseHostname", T.HOSTNAME)],
  [
    T.GRACEFUL,
    (c, draft) => {
      c.p.expect(T.RESTART);
      if (c.p.accept(T.TIME)) draft.gracefulRestartTime = parseNumber(c.p);
      else restartMode("gracefulRestart")(c, draft);
    },
  ],
  [
    T.LONG,
    (c, draft) => {
      c.p.expect(T.LIVED);
      choice(
        [
          T.GRACEFUL,
          (inner, own) => {
            inner.p.expect(T.RESTART);
            restartMode("longLivedGracefulRestart")(inner, own);
          },
        ],
        [T.STALE, number("longLivedStaleTime", T.TIME)],
      )(c, draft);
    },
  ],
  [T.INTERPRET, toggle("interpretCommunities", T.COMMUNITIES)],
  [
    T.DISABLE,
    (c, draft) => {
      c.p.expect(T.AFTER);
      choice([T.ERROR, toggle("disableAfterError")], [T.CEASE, parseDisableAfterCease])(c, draft);
    },
  ],
  [T.HOLD, parseHoldTime],
  [T.STARTUP, number("startupHoldTime", T.HOLD, T.TIME)],
  [T.MIN, choice([T.HOLD, number("minHoldTime", T.TIME)], [T.KEEPALIVE, number("minKeepaliveTime", T.TIME)])],
  [T.KEEPALIVE, parseKeepaliveTime],
  [T.CONNECT, choice([T.DELAY, CONNECT_DELAY], [T.RETRY, number("connectRetryTime", T.TIME)])],
  [
    T.START,
    (c, draft) => {
      c.p.expect(T.DELAY);
      CONNECT_DELAY(c, draft);
    },
  ],
  [T.ERROR, choice([T.WAIT, parseErrorWait], [T.FORGET, number("errorForgetTime", T.TIME)])],
  [T.PATH, toggle("pathMetric", T.METRIC)],
  [T.MED, toggle("medMetric", T.METRIC)],
  [T.IGP, toggle("igpMetric", T.METRIC)],
  [T.PREFER, toggle("preferOlder", T.OLDER)],
  [T.DETERMINISTIC, toggle("deterministicMed", T.MED)],
  [T.DEFAULT, choice([T.BGP_MED, number("defaultMed")], [T.BGP_LOCAL_PREF, number("defaultLocalPref")])],
  [T.REQUIRE, toggle("requireRoles", T.ROLES)],
  [
    T.CONFEDERATION,
    (c, draft) => {
      if (startsNumber(c.p)) draft.confederation = parseNumber(c.p);
      else choice([T.MEMBER, toggle("confederationMember")])(c, draft);
    },
  ],
  // Which of the kernel's interfaces sets TCP MD5 keys: on Linux there is one.
  [
    T.SETKEY,
    ({ p }) => {
      parseSwitch(p);
    },
  ],
]);

/** `allow local as` without a number. */
const ANY_NUMBER = 0xffff_ffff;
