/**
 * The tokens of bird.conf, in the order in which bird lists them after `expecting`. A word in capitals
 * is the keyword of the same letters; what is no word is written as it stands in the file.
 */
// biome-ignore format: a table of words
export const TOKEN_NAMES = [
  "END", "QUIT", "EXIT", "HELP", "CLI_MARKER", "INVALID_TOKEN", "ELSECOL", "DDOT", "GEQ", "LEQ", "NEQ", "AND", "OR",
  "PO", "PC", "NUM", "ENUM", "IP4", "IP6", "VPN_RD", "CF_SYM_KNOWN", "CF_SYM_UNDEFINED", "TEXT", "BYTESTRING",
  "PREFIX_DUMMY", "=", "<", ">", "~", "NMA", "+", "-", "*", "/", "%", "!", ".", "DEFINE", "ON", "OFF", "YES", "NO",
  "S", "MS", "US", "PORT", "VPN", "MPLS", "FROM", ";", "(", ")", "FLOW4", "FLOW6", "DST", "SRC", "PROTO", "NEXT",
  "HEADER", "DPORT", "SPORT", "ICMP", "TYPE", "CODE", "TCP", "FLAGS", "LENGTH", "DSCP", "DONT_FRAGMENT",
  "IS_FRAGMENT", "FIRST_FRAGMENT", "LAST_FRAGMENT", "FRAGMENT", "LABEL", "OFFSET", ",", "{", "}", "FUNCTION",
  "PRINT", "PRINTN", "UNSET", "RETURN", "ACCEPT", "REJECT", "ERROR", "INT", "BOOL", "IP", "PREFIX", "RD", "PAIR",
  "QUAD", "EC", "LC", "SET", "STRING", "BGPMASK", "BGPPATH", "CLIST", "ECLIST", "LCLIST", "IF", "THEN", "ELSE",
  "CASE", "FOR", "IN", "DO", "TRUE", "FALSE", "RT", "RO", "UNKNOWN", "GENERIC", "GW", "NET", "MASK", "SOURCE",
  "SCOPE", "DEST", "IFNAME", "IFINDEX", "WEIGHT", "GW_MPLS", "ONLINK", "PREFERENCE", "ROA_CHECK", "ASN", "IS_V4",
  "IS_V6", "LEN", "MAXLEN", "DATA", "DATA1", "DATA2", "DEFINED", "ADD", "DELETE", "CONTAINS", "RESET", "PREPEND",
  "FIRST", "LAST", "LAST_NONAGGREGATED", "MATCH", "MIN", "MAX", "EMPTY", "FILTER", "WHERE", "EVAL", "ATTRIBUTE",
  "BT_ASSERT", "BT_TEST_SUITE", "BT_CHECK_ASSIGN", "BT_TEST_SAME", "FORMAT", ":", "[", "]", "?", "ROUTER", "ID",
  "HOSTNAME", "PROTOCOL", "TEMPLATE", "DISABLED", "DEBUG", "ALL", "DIRECT", "INTERFACE", "IMPORT", "EXPORT", "NONE",
  "VRF", "DEFAULT", "TABLE", "STATES", "ROUTES", "FILTERS", "IPV4", "IPV6", "VPN4", "VPN6", "ROA4", "ROA6", "SADR",
  "RECEIVE", "LIMIT", "ACTION", "WARN", "BLOCK", "RESTART", "DISABLE", "KEEP", "FILTERED", "RPKI", "PASSWORD", "KEY",
  "PASSIVE", "TO", "EVENTS", "PACKETS", "PROTOCOLS", "CHANNELS", "INTERFACES", "ALGORITHM", "KEYED", "HMAC", "MD5",
  "SHA1", "SHA256", "SHA384", "SHA512", "BLAKE2S128", "BLAKE2S256", "BLAKE2B256", "BLAKE2B512", "PRIMARY", "STATS",
  "COUNT", "BY", "COMMANDS", "PREEXPORT", "NOEXPORT", "EXPORTED", "GENERATE", "BGP", "PASSWORDS", "DESCRIPTION",
  "RELOAD", "OUT", "MRTDUMP", "MESSAGES", "RESTRICT", "MEMORY", "IGP_METRIC", "CLASS", "TIMEFORMAT", "ISO", "SHORT",
  "LONG", "ROUTE", "BASE", "LOG", "GRACEFUL", "WAIT", "FLUSH", "AS", "IDLE", "RX", "TX", "INTERVAL", "MULTIPLIER",
  "CHECK", "LINK", "SORTED", "TRIE", "SETTLE", "TIME", "GC", "THRESHOLD", "PERIOD", "IPV4_MC", "IPV4_MPLS",
  "IPV6_MC", "IPV6_MPLS", "IPV6_SADR", "VPN4_MC", "VPN4_MPLS", "VPN6_MC", "VPN6_MPLS", "PRI", "SEC", "SHOW",
  "STATUS", "SUMMARY", "SYMBOLS", "DUMP", "RESOURCES", "SOCKETS", "NEIGHBORS", "ATTRIBUTES", "ECHO", "ENABLE",
  "BABEL", "METRIC", "RXCOST", "HELLO", "UPDATE", "WIRED", "WIRELESS", "BUFFER", "PRIORITY", "HOP", "BABEL_METRIC",
  "ENTRIES", "RANDOMIZE", "MAC", "PERMISSIVE", "BFD", "MULTIHOP", "NEIGHBOR", "DEV", "LOCAL", "AUTHENTICATION",
  "SIMPLE", "METICULOUS", "STRICT", "BIND", "SESSIONS", "HOLD", "CONNECT", "RETRY", "KEEPALIVE", "STARTUP", "VIA",
  "SELF", "PATH", "START", "DELAY", "FORGET", "AFTER", "BGP_PATH", "BGP_LOCAL_PREF", "BGP_MED", "BGP_ORIGIN",
  "BGP_NEXT_HOP", "BGP_ATOMIC_AGGR", "BGP_AGGREGATOR", "BGP_COMMUNITY", "BGP_EXT_COMMUNITY", "BGP_LARGE_COMMUNITY",
  "ADDRESS", "RR", "RS", "CLIENT", "CLUSTER", "AS4", "ADVERTISE", "CAPABILITIES", "PREFER", "OLDER", "MISSING",
  "LLADDR", "DROP", "IGNORE", "REFRESH", "INTERPRET", "COMMUNITIES", "BGP_ORIGINATOR_ID", "BGP_CLUSTER_LIST", "IGP",
  "GATEWAY", "RECURSIVE", "MED", "TTL", "SECURITY", "DETERMINISTIC", "SECONDARY", "ALLOW", "PATHS", "AWARE",
  "EXTENDED", "SETKEY", "CONFEDERATION", "MEMBER", "MULTICAST", "LIVED", "STALE", "IBGP", "EBGP", "MANDATORY",
  "INTERNAL", "EXTERNAL", "SETS", "DYNAMIC", "RANGE", "NAME", "DIGITS", "BGP_AIGP", "AIGP", "ORIGINATE", "COST",
  "ENFORCE", "FREE", "VALIDATE", "ROLE", "ROLES", "PEER", "PROVIDER", "CUSTOMER", "RS_SERVER", "RS_CLIENT",
  "REQUIRE", "BGP_OTC", "GLOBAL", "CEASE", "HIT", "ADMINISTRATIVE", "SHUTDOWN", "CONFIGURATION", "CHANGE",
  "DECONFIGURED", "CONNECTION", "REJECTED", "COLLISION", "OF", "MRT", "FILENAME", "ALWAYS", "OSPF", "V2", "V3",
  "OSPF_METRIC1", "OSPF_METRIC2", "OSPF_TAG", "OSPF_ROUTER_ID", "AREA", "RFC1583COMPAT", "STUB", "TICK", "COST2",
  "RETRANSMIT", "TRANSMIT", "DEAD", "BROADCAST", "BCAST", "NONBROADCAST", "NBMA", "POINTOPOINT", "PTP",
  "POINTOMULTIPOINT", "PTMP", "CRYPTOGRAPHIC", "ELIGIBLE", "POLL", "NETWORKS", "HIDDEN", "VIRTUAL", "ONLY", "LARGE",
  "NORMAL", "STUBNET", "TAG", "LSADB", "ECMP", "NSSA", "TRANSLATOR", "STABILITY", "LSID", "INSTANCE", "REAL",
  "NETMASK", "MERGE", "LSA", "SUPPRESSION", "RFC5838", "PE", "TOPOLOGY", "STATE", "PERF", "EXP", "REPEAT", "MODE",
  "PIPE", "RADV", "RA", "SOLICITED", "UNICAST", "MANAGED", "OTHER", "CONFIG", "LINGER", "MTU", "REACHABLE",
  "RETRANS", "TIMER", "CURRENT", "VALID", "PREFERRED", "MULT", "LIFETIME", "SKIP", "AUTONOMOUS", "RDNSS", "DNSSL",
  "NS", "DOMAIN", "TRIGGER", "SENSITIVE", "LOW", "MEDIUM", "HIGH", "PROPAGATE", "RA_PREFERENCE", "RA_LIFETIME",
  "RIP", "NG", "INFINITY", "TIMEOUT", "GARBAGE", "VERSION", "SPLIT", "HORIZON", "POISON", "REVERSE", "ZERO",
  "PLAINTEXT", "DEMAND", "CIRCUIT", "RIP_METRIC", "RIP_TAG", "REMOTE", "BIRD", "PRIVATE", "PUBLIC", "SSH",
  "TRANSPORT", "USER", "EXPIRE", "STATIC", "PROHIBIT", "BLACKHOLE", "UNREACHABLE", "KERNEL", "NETLINK",
  "KRT_PREFSRC", "KRT_REALM", "KRT_SCOPE", "KRT_MTU", "KRT_WINDOW", "KRT_RTT", "KRT_RTTVAR", "KRT_SSTRESH",
  "KRT_CWND", "KRT_ADVMSS", "KRT_REORDERING", "KRT_HOPLIMIT", "KRT_INITCWND", "KRT_RTO_MIN", "KRT_INITRWND",
  "KRT_QUICKACK", "KRT_LOCK_MTU", "KRT_LOCK_WINDOW", "KRT_LOCK_RTT", "KRT_LOCK_RTTVAR", "KRT_LOCK_SSTRESH",
  "KRT_LOCK_CWND", "KRT_LOCK_ADVMSS", "KRT_LOCK_REORDERING", "KRT_LOCK_HOPLIMIT", "KRT_LOCK_RTO_MIN",
  "KRT_FEATURE_ECN", "KRT_FEATURE_ALLFRAG", "SYSLOG", "TRACE", "INFO", "WARNING", "AUTH", "FATAL", "BUG", "STDERR",
  "SOFT", "CONFIRM", "UNDO", "LATENCY", "WATCHDOG", "CONFIGURE", "DOWN", "PERSIST", "SCAN", "LEARN", "DEVICE",
  "KRT_SOURCE", "KRT_METRIC",
] as const;

export type TokenName = (typeof TOKEN_NAMES)[number];

/** A token's number: its place in `TOKEN_NAMES`. */
export type Token = number;

export const T: { readonly [K in TokenName]: Token } = Object.fromEntries(
  TOKEN_NAMES.map((name, index) => [name, index]),
) as { [K in TokenName]: Token };

/** A character that no rule of the grammar knows, such as `|`. */
export const INVALID: Token = TOKEN_NAMES.length;

/** As in `syntax error, unexpected ';'`. */
export function tokenText(token: Token): string {
  const name = TOKEN_NAMES[token];
  if (name === undefined) return "invalid token";
  return /^\w/.test(name) ? name : `'${name}'`;
}

/** Names that are no keywords: classes of tokens, and operators of two characters. */
const CLASSES: ReadonlySet<TokenName> = new Set<TokenName>([
  "END",
  "CLI_MARKER",
  "INVALID_TOKEN",
  "ELSECOL",
  "DDOT",
  "GEQ",
  "LEQ",
  "NEQ",
  "AND",
  "OR",
  "PO",
  "PC",
  "NUM",
  "ENUM",
  "IP4",
  "IP6",
  "VPN_RD",
  "CF_SYM_KNOWN",
  "CF_SYM_UNDEFINED",
  "TEXT",
  "BYTESTRING",
  "PREFIX_DUMMY",
  "NMA",
]);

/** Every keyword of bird 2.0.12: reserved everywhere. */
export const KEYWORDS: ReadonlyMap<string, Token> = new Map(
  TOKEN_NAMES.flatMap((name, index) =>
    /^\w/.test(name) && !CLASSES.has(name) ? [[name.toLowerCase(), index] as const] : [],
  ),
);

/** Keywords that may name something all the same; once defined they are no keywords any more. */
export const SOFT_KEYWORDS: ReadonlySet<Token> = new Set([
  T.ROLE,
  T.PEER,
  T.PROVIDER,
  T.CUSTOMER,
  T.RS_SERVER,
  T.RS_CLIENT,
]);
