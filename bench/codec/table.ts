/**
 * A made-up Internet table as UPDATEs: prefixes in groups that share their attributes, sizes, path lengths
 * and communities distributed as in a table of 2020s. Seeded: the same octets on every machine.
 */
import type { PathAttributes } from "../../protocol/codec/attribute.ts";
import { DEFAULT_CONTEXT } from "../../protocol/codec/capability.ts";
import type { Nlri } from "../../protocol/codec/nlri.ts";
import { packUpdates } from "../../protocol/codec/pack.ts";
import { ipv4, prefixOf } from "../../protocol/wire/address.ts";

export interface Table {
  /** All messages, end to end. */
  readonly octets: Uint8Array;
  readonly prefixes: number;
  readonly sets: number;
  readonly messages: number;
}

export function makeTable(prefixes: number, seed = 1): Table {
  const random = generator(seed);
  const messages: Uint8Array[] = [];
  let made = 0;
  let sets = 0;
  while (made < prefixes) {
    // Half of all sets have one prefix, a few have dozens: five on average.
    const size = Math.min(prefixes - made, Math.max(1, Math.min(83, Math.floor(1 / random()))));
    const nlri: Nlri[] = [];
    for (let i = 0; i < size; i++) nlri.push({ prefix: network(made + i, random) });
    messages.push(...packUpdates(attributes(random), nlri, DEFAULT_CONTEXT));
    made += size;
    sets++;
  }
  const octets = new Uint8Array(messages.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const message of messages) {
    octets.set(message, at);
    at += message.length;
  }
  return { octets, prefixes, sets, messages: messages.length };
}

/** Mostly /24, all different: the number is in the top bits. */
function network(number: number, random: () => number): Nlri["prefix"] {
  const length = random() < 0.62 ? 24 : 22 + Math.floor(random() * 3);
  return prefixOf(ipv4(0x0100_0000 + number * 1024), length);
}

function attributes(random: () => number): PathAttributes {
  const below = (n: number): number => Math.floor(random() * n);
  const asns = Array.from({ length: 2 + below(3) + below(3) }, (_, i) =>
    i === 0 ? 65001 : 1000 + below(i < 3 ? 60_000 : 400_000),
  );
  return {
    origin: random() < 0.9 ? 0 : 2,
    asPath: [{ type: 2, asns }],
    nextHop: ipv4(0xc000_0201),
    ...(random() < 0.22 ? { multiExitDisc: below(500) } : {}),
    ...(random() < 0.05 ? { atomicAggregate: true } : {}),
    ...(random() < 0.09 ? { aggregator: { asn: asns.at(-1)!, address: ipv4(below(0xffff_ffff)) } } : {}),
    ...(random() < 0.6 ? { communities: Array.from({ length: 1 + below(7) }, () => below(0xffff_ffff)) } : {}),
    ...(random() < 0.05
      ? { largeCommunities: [{ global: below(400_000), local1: below(100), local2: below(100_000) }] }
      : {}),
  };
}

/** mulberry32 */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
