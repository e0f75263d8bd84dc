/**
 * The types of the filter language, with the numbers that bird prints in messages (`got 0x22`) and in
 * enums (`(enum 30)1`), and the enum constants that are words of the language.
 */

/** `Void` is also the static type of what only running can tell: the result of a function, say. */
export const Type = {
  Void: 0x00,
  Int: 0x10,
  Bool: 0x11,
  Pair: 0x12,
  Quad: 0x13,
  EnumRts: 0x30,
  EnumOrigin: 0x31,
  EnumScope: 0x32,
  EnumRtd: 0x34,
  EnumRoa: 0x35,
  EnumNetType: 0x36,
  EnumRaPreference: 0x37,
  EnumAf: 0x38,
  Ip: 0x20,
  Net: 0x21,
  String: 0x22,
  PathMask: 0x23,
  Path: 0x24,
  Clist: 0x25,
  Ec: 0x26,
  Eclist: 0x27,
  Lc: 0x28,
  Lclist: 0x29,
  Rd: 0x2a,
  /** Of newer birds: `hex:01:02`. */
  Bytes: 0x2b,
  /** Attributes that can be tested and unset, no more: `bgp_aggregator`. */
  Opaque: 0x2c,
  Set: 0x80,
  PrefixSet: 0x81,
} as const;
export type Type = (typeof Type)[keyof typeof Type];

/** As messages name them. */
export function typeName(type: Type): string {
  return NAMES[type] ?? "?";
}

export function isEnum(type: Type): boolean {
  return type >= Type.EnumRts && type <= Type.EnumAf;
}

/** One 32-bit number at run time, compared and ordered as such. */
export function isNumeric(type: Type): boolean {
  return type === Type.Int || type === Type.Pair || type === Type.Quad || isEnum(type);
}

/** The type keywords; each may be followed by `set` if a set of it can exist. */
export const TYPE_WORDS: ReadonlyMap<string, Type> = new Map<string, Type>([
  ["INT", Type.Int],
  ["BOOL", Type.Bool],
  ["IP", Type.Ip],
  ["RD", Type.Rd],
  ["PREFIX", Type.Net],
  ["PAIR", Type.Pair],
  ["QUAD", Type.Quad],
  ["EC", Type.Ec],
  ["LC", Type.Lc],
  ["STRING", Type.String],
  ["BGPMASK", Type.PathMask],
  ["BGPPATH", Type.Path],
  ["CLIST", Type.Clist],
  ["ECLIST", Type.Eclist],
  ["LCLIST", Type.Lclist],
]);

/** Numbers of ROA states (RFC 6811), as `roa_check` gives them. */
export const RoaState = { Unknown: 0, Valid: 1, Invalid: 2 } as const;

export const NetTypeNumber = { Ip4: 1, Ip6: 2, Vpn4: 3, Vpn6: 4, Roa4: 5, Roa6: 6 } as const;

/** `RTD_*` by number, from 1. */
export const DESTINATIONS = ["unicast", "blackhole", "unreachable", "prohibit"] as const;

/** Scope of routes that say nothing else. */
export const SCOPE_UNIVERSE = 4;

export interface EnumConstant {
  readonly type: Type;
  readonly value: number;
}

function enumerate(type: Type, prefix: string, names: string, first = 0): [string, EnumConstant][] {
  return names.split(" ").map((name, i) => [`${prefix}_${name}`, { type, value: first + i }]);
}

/** Every enum constant of bird 2.0.12. */
export const ENUM_CONSTANTS: ReadonlyMap<string, EnumConstant> = new Map<string, EnumConstant>([
  ...enumerate(
    Type.EnumRts,
    "RTS",
    "STATIC INHERIT DEVICE STATIC_DEVICE REDIRECT RIP OSPF OSPF_IA OSPF_EXT1 OSPF_EXT2 BGP PIPE BABEL",
    1,
  ),
  ...enumerate(Type.EnumOrigin, "ORIGIN", "IGP EGP INCOMPLETE"),
  ...enumerate(Type.EnumScope, "SCOPE", "HOST LINK SITE ORGANIZATION UNIVERSE UNDEFINED"),
  ...enumerate(Type.EnumRtd, "RTD", "UNICAST BLACKHOLE UNREACHABLE PROHIBIT", 1),
  ...enumerate(Type.EnumRoa, "ROA", "UNKNOWN VALID INVALID"),
  ...enumerate(Type.EnumNetType, "NET", "IP4 IP6 VPN4 VPN6 ROA4 ROA6 FLOW4 FLOW6 IP6_SADR", 1),
  ...enumerate(Type.EnumAf, "AF", "IPV4 IPV6", 1),
  ["RA_PREF_LOW", { type: Type.EnumRaPreference, value: 24 }],
  ["RA_PREF_MEDIUM", { type: Type.EnumRaPreference, value: 0 }],
  ["RA_PREF_HIGH", { type: Type.EnumRaPreference, value: 8 }],
]);

const NAMES: Readonly<Record<number, string>> = {
  [Type.Void]: "void",
  [Type.Int]: "int",
  [Type.Bool]: "bool",
  [Type.Pair]: "pair",
  [Type.Quad]: "quad",
  [Type.EnumRts]: "enum rts",
  [Type.EnumOrigin]: "enum bgp_origin",
  [Type.EnumScope]: "enum scope",
  [Type.EnumRtd]: "enum rtd",
  [Type.EnumRoa]: "enum roa",
  [Type.EnumNetType]: "enum nettype",
  [Type.EnumRaPreference]: "enum ra_preference",
  [Type.EnumAf]: "enum af",
  [Type.Ip]: "ip",
  [Type.Net]: "prefix",
  [Type.String]: "string",
  [Type.PathMask]: "bgpmask",
  [Type.Path]: "bgppath",
  [Type.Clist]: "clist",
  [Type.Ec]: "ec",
  [Type.Eclist]: "eclist",
  [Type.Lc]: "lc",
  [Type.Lclist]: "lclist",
  [Type.Rd]: "rd",
  [Type.Bytes]: "bytestring",
  [Type.Set]: "set",
  [Type.PrefixSet]: "prefix set",
};
