/**
 * What bird says of BIRD 1 forms is hardly of help: `syntax error, unexpected IMPORT`. Here is what else
 * there is to say. bird's own message stays the first line.
 */

/** Where the error is: outside of all blocks, in a protocol of this kind, or in one of its channels. */
export interface Surrounding {
  readonly kind: string | undefined;
  readonly isChannel: boolean;
}

/** @param word the letters of the token that was not expected */
export function hintFor(message: string, word: string, { kind, isChannel }: Surrounding): string | undefined {
  if (message === "Channel not specified") return ONE_CHANNEL;
  if (!message.startsWith("syntax error, unexpected ")) return undefined;
  if (kind === undefined) return TOP.get(word) ?? WORDS.get(word);
  if (!isChannel && kind !== "pipe" && CHANNEL_OPTIONS.has(word)) return inChannel(word);
  return KINDS.get(`${kind} ${word}`) ?? WORDS.get(word);
}

function inChannel(word: string): string {
  const example = CHANNEL_OPTIONS.get(word) as string;
  return `this is BIRD 1; in BIRD 2 it belongs into a channel: ipv4 { ${example} };`;
}

const ONE_CHANNEL = "BIRD 2 wants a channel here: ipv4; or ipv6; (BIRD 1 had two programs, bird and bird6)";

/** Options that BIRD 1 had in the protocol itself, as they look in a channel. */
const CHANNEL_OPTIONS: ReadonlyMap<string, string> = new Map([
  ["import", "import all;"],
  ["export", "export filter my_filter;"],
  ["preference", "preference 150;"],
  ["table", "table my_table;"],
  ["next", "next hop self;"],
  ["missing", "missing lladdr self;"],
  ["gateway", "gateway direct;"],
  ["secondary", "secondary;"],
  ["add", "add paths;"],
  ["receive", "receive limit 100;"],
]);

const TOP: ReadonlyMap<string, string> = new Map([
  ["table", "this is BIRD 1; in BIRD 2 a table has a type: ipv4 table my_table;"],
  ["roa", "this is BIRD 1; in BIRD 2: roa4 table my_table; and a static or rpki protocol that fills it"],
  ["listen", "this is BIRD 1; in BIRD 2 each session says it: local ADDRESS port 179 as 65000;"],
  ["import", "BIRD 2 has import and export in the channel of a protocol: ipv4 { import all; };"],
  ["export", "BIRD 2 has import and export in the channel of a protocol: ipv4 { export none; };"],
]);

/** By kind of protocol and word. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ["bgp route", "this is BIRD 1; in BIRD 2: ipv4 { import limit 100 action restart; };"],
  ["bgp delay", "this is BIRD 1; in BIRD 2: connect delay time 5;"],
  ["bgp ipv4", "a channel ends with a semicolon: ipv4 { ... };"],
  ["device primary", 'this is BIRD 1; in BIRD 2: interface "eth0" { preferred 192.0.2.1; };'],
  ["kernel device", "BIRD 2 has no device routes here; what the kernel has is taken by learn, and exported by filters"],
  ["static multipath", "this is BIRD 1; in BIRD 2: route 10.0.0.0/8 via 192.0.2.1 via 192.0.2.2;"],
  ["static dev", 'a route to an interface is: route 10.0.0.0/8 via "eth0";'],
]);

/** Words of filters and channels that BIRD 1, or another language, has. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ["exceed", "this is BIRD 1; in BIRD 2: import limit 100 action block;"],
  ["RTD_ROUTER", "this is BIRD 1; in BIRD 2: RTD_UNICAST"],
  ["RTD_DEVICE", "this is BIRD 1; in BIRD 2: RTD_UNICAST"],
  ["RTD_MULTIPATH", "this is BIRD 1; in BIRD 2: RTD_UNICAST"],
  ["and", "the filter language writes && and ||"],
  ["or", "the filter language writes && and ||"],
  ["not", "the filter language writes !"],
]);
