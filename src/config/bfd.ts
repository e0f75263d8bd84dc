/** Protocol bfd, and the BFD options that a BGP session may set for itself. */
import { T, type Token } from "../../protocol/policy/tokens.ts";
import type { ProtocolDraft } from "./channel.ts";
import type { ConfigDraft, Draft } from "./draft.ts";
import { commonOf, kindOf, type ProtocolKind } from "./kind.ts";
import {
  parseAddress,
  parseNumber,
  parsePatterns,
  parseScope,
  parseSwitch,
  parseText,
  parseTimeMs,
} from "./options.ts";
import { type PasswordDraft, parsePasswordOption } from "./password.ts";
import type { BfdConfig, BfdNeighborConfig, BfdOptions } from "./schema.ts";

type BfdDraft = ProtocolDraft &
  Omit<Draft<BfdConfig>, keyof ProtocolDraft | "kind" | "interfaces" | "neighbors"> & {
    interfaces: BfdConfig["interfaces"][number][];
    neighbors: BfdNeighborConfig[];
  };

export const BFD_KIND: ProtocolKind = kindOf<BfdDraft>({
  word: "bfd",
  lists: ["interfaces", "neighbors"],
  create: () => ({
    interfaces: [],
    neighbors: [],
    accept: { ipv4: true, ipv6: true, direct: true, multihop: true },
    strictBind: false,
  }),
  item: parseBfdItem,
  finish: (_c, draft): BfdConfig => {
    const { interfaces, multihop, neighbors, accept, strictBind } = draft;
    const rest = { interfaces, neighbors, accept, strictBind, ...(multihop ? { multihop } : {}) };
    return { kind: "bfd", ...commonOf(draft), channels: [], ...rest };
  },
});

function parseBfdItem(c: ConfigDraft, draft: BfdDraft): boolean {
  const { p } = c;
  if (p.accept(T.INTERFACE)) {
    const patterns = parsePatterns(p, false);
    draft.interfaces.push({ patterns, options: parseOptionBlock(c, DIRECT_DEFAULTS) });
  } else if (p.accept(T.MULTIHOP)) draft.multihop = parseOptionBlock(c, MULTIHOP_DEFAULTS);
  else if (p.accept(T.NEIGHBOR)) draft.neighbors.push(parseNeighbor(c));
  else if (p.accept(T.ACCEPT)) draft.accept = parseAccept(c);
  else if (p.accept(T.STRICT)) {
    p.expect(T.BIND);
    draft.strictBind = parseSwitch(p);
  } else return false;
  return true;
}

/** `accept [ipv4|ipv6] [direct|multihop]`: of what is not said, both. */
function parseAccept({ p }: ConfigDraft): BfdConfig["accept"] {
  const said = new Set<Token>();
  while (ACCEPTABLE.some((token) => p.is(token))) {
    said.add(p.peek());
    p.take();
  }
  const [ipv4, ipv6, direct, multihop] = ACCEPTABLE.map((token) => said.has(token)) as [
    boolean,
    boolean,
    boolean,
    boolean,
  ];
  return {
    ipv4: ipv4 || !ipv6,
    ipv6: ipv6 || !ipv4,
    direct: direct || !multihop,
    multihop: multihop || !direct,
  };
}

const ACCEPTABLE: readonly Token[] = [T.IPV4, T.IPV6, T.DIRECT, T.MULTIHOP];

/** `IP [dev "x"] [local IP] [multihop [switch]]` */
function parseNeighbor({ p }: ConfigDraft): BfdNeighborConfig {
  const address = parseAddress(p);
  const iface = parseScope(p) ?? (p.accept(T.DEV) ? parseText(p) : undefined);
  const local = p.accept(T.LOCAL) ? parseAddress(p) : undefined;
  const multihop = p.accept(T.MULTIHOP) && parseSwitch(p);
  if (!p.is(T[";"])) p.unexpected();
  if (multihop && iface !== undefined) p.fail("Neighbor cannot set both interface and multihop");
  if (multihop && !local) p.fail("Multihop neighbor requires specified local address");
  return {
    address,
    multihop,
    ...(iface === undefined ? {} : { iface }),
    ...(local ? { local } : {}),
  };
}

/** `[{ options }]` of a kind of sessions. */
function parseOptionBlock(c: ConfigDraft, defaults: Omit<BfdOptions, "passwords" | "authentication">): BfdOptions {
  const { p } = c;
  const options: Omit<Draft<BfdOptions>, "passwords"> & { passwords: PasswordDraft[] } = {
    ...defaults,
    authentication: "none",
    passwords: [],
  };
  if (!p.accept(T["{"])) return options;
  while (!p.accept(T["}"])) {
    if (!parseTiming(c, options) && !parseSecurity(c, options)) {
      p.wantMany();
      p.unexpected();
    }
    p.expect(T[";"]);
  }
  if (options.passwords.length > 0 !== (options.authentication !== "none")) {
    c.warn(p.here, "Authentication and password options should be used together");
  }
  if (options.passwords.some((password) => password.algorithm)) {
    p.fail("Password algorithm option not available in BFD protocol");
  }
  return options;
}

/** `bfd { options }` of a BGP session: only what differs from the bfd protocol's. After `{`. */
export function parseSessionOptions(c: ConfigDraft): Partial<BfdOptions> {
  const { p } = c;
  const options: Draft<Partial<BfdOptions>> = {};
  while (!p.accept(T["}"])) {
    if (!parseTiming(c, options)) {
      p.wantMany();
      p.unexpected();
    }
    p.expect(T[";"]);
  }
  return options;
}

function parseTiming({ p }: ConfigDraft, options: Draft<Partial<BfdOptions>>): boolean {
  if (p.accept(T.INTERVAL)) {
    const interval = parseTimeMs(p);
    Object.assign(options, { intervalMs: interval, minRxMs: interval, minTxMs: interval });
  } else if (p.accept(T.MIN)) {
    const isRx = p.accept(T.RX);
    if (!isRx) p.expect(T.TX);
    p.expect(T.INTERVAL);
    options[isRx ? "minRxMs" : "minTxMs"] = parseTimeMs(p);
  } else if (p.accept(T.IDLE)) {
    p.expect(T.TX);
    p.expect(T.INTERVAL);
    options.idleTxMs = parseTimeMs(p);
  } else if (p.accept(T.MULTIPLIER)) options.multiplier = parseNumber(p);
  else if (p.accept(T.PASSIVE)) options.passive = parseSwitch(p);
  else return false;
  return true;
}

function parseSecurity(
  c: ConfigDraft,
  options: Omit<Draft<BfdOptions>, "passwords"> & { passwords: PasswordDraft[] },
): boolean {
  const { p } = c;
  if (!p.accept(T.AUTHENTICATION)) return parsePasswordOption(c, options.passwords);
  if (p.accept(T.NONE)) options.authentication = "none";
  else if (p.accept(T.SIMPLE)) options.authentication = "simple";
  else {
    const isMeticulous = p.accept(T.METICULOUS);
    p.expect(T.KEYED);
    const isMd5 = p.accept(T.MD5);
    if (!isMd5) p.expect(T.SHA1);
    options.authentication = `${isMeticulous ? "meticulous " : ""}keyed ${isMd5 ? "md5" : "sha1"}`;
  }
  return true;
}

/** The manual's: 10 ms, 100 ms, 1 s, 5. */
const DIRECT_DEFAULTS = { minRxMs: 10, minTxMs: 100, idleTxMs: 1000, multiplier: 5, passive: false } as const;
const MULTIHOP_DEFAULTS = { ...DIRECT_DEFAULTS, minRxMs: 100, minTxMs: 100 } as const;
