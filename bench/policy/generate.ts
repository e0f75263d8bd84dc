/** Configurations and routes for the policy benchmarks: the same for bird, which reads text, and for linnet. */
import { SegmentType } from "../../protocol/codec/iana.ts";
import type { RouteAttributes } from "../../protocol/rib/route.ts";
import { formatPrefix, ipv4, type Prefix, prefixOf } from "../../protocol/wire/address.ts";

/** The same numbers in every run (Numerical Recipes' generator). */
export class Numbers {
  #state = 42;

  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }

  pick<V>(items: readonly V[]): V {
    return items[this.below(items.length)] as V;
  }

  prefix(): Prefix {
    return prefixOf(ipv4(0x01000000 + this.below(0xde000000)), this.pick([16, 18, 20, 22, 23, 24, 24, 24]));
  }
}

export interface LoadSize {
  readonly neighbors: number;
  readonly filters: number;
  readonly prefixes: number;
}

/** A route server's kind of file: a large prefix set, many filters, many neighbours from a template. */
export function largeConfig({ neighbors, filters, prefixes }: LoadSize): string {
  const numbers = new Numbers();
  const parts = ["router id 192.0.2.1;\nprotocol device { }\n"];
  parts.push(`define LARGE = [\n${prefixSet(numbers, prefixes)}\n];\n`);
  for (let i = 0; i < filters; i++) {
    parts.push(`filter f${i} {
  if net ~ [ ${formatPrefix(numbers.prefix())}+, ${formatPrefix(numbers.prefix())} ] then reject;
  if bgp_path ~ [= * ${64512 + (i % 1000)} * =] then { bgp_local_pref = ${i}; accept; }
  if bgp_path.len > 20 || (65000, ${i % 65536}) ~ bgp_community then reject;
  case bgp_origin { ORIGIN_IGP: bgp_med = 5; ORIGIN_EGP: bgp_med = 10; else: bgp_med = 20; }
  bgp_community.add((65000, ${i % 1000}));
  accept;
}
`);
  }
  parts.push("template bgp peers { local as 65001; hold time 90; }\n");
  for (let i = 0; i < neighbors; i++) {
    parts.push(`protocol bgp n${i} from peers {
  neighbor 10.${i >>> 8}.${i & 255}.1 as ${65002 + (i % 400)};
  description "neighbour ${i}";
  ipv4 { import filter f${i % filters}; export where net ~ [ 10.0.0.0/8+ ]; import limit 1000 action warn; };
}
`);
  }
  return parts.join("");
}

function prefixSet(numbers: Numbers, count: number): string {
  return Array.from({ length: count }, () => `  ${formatPrefix(numbers.prefix())}${numbers.pick(["", "", "+"])}`).join(
    ",\n",
  );
}

/** An import filter as transit customers have them. */
export function importFilter(): string {
  const numbers = new Numbers();
  return `define MARTIANS = [\n${prefixSet(numbers, 1000)}\n];
filter measured {
  if net ~ MARTIANS then reject;
  if net.len > 24 then reject;
  if bgp_path ~ [= * 64512 * =] then reject;
  if bgp_path ~ [= * 65000 65001 * =] then reject;
  if bgp_path ~ [= 174+ * [3356, 1299] ? =] then reject;
  if bgp_path.len > 30 then reject;
  if (65000, 666) ~ bgp_community then bgp_local_pref = 50;
  if bgp_community ~ [ (65001, *), (65002, 1..100) ] then bgp_local_pref = 80;
  bgp_local_pref = 200;
  bgp_community.add((65000, 100));
  accept;
}
filter nothing { accept; }
`;
}

export interface Group {
  readonly attributes: RouteAttributes;
  readonly nets: readonly Prefix[];
}

/** Routes in groups with the same attributes, as tables have them. */
export function routes(groups: number, each: number): Group[] {
  const numbers = new Numbers();
  const seen = new Set<string>();
  const fresh = (): Prefix => {
    for (;;) {
      const prefix = numbers.prefix();
      if (!seen.has(formatPrefix(prefix))) {
        seen.add(formatPrefix(prefix));
        return prefix;
      }
    }
  };
  return Array.from({ length: groups }, (_, i) => ({
    nets: Array.from({ length: each }, fresh),
    attributes: {
      origin: 0,
      asPath: [
        { type: SegmentType.AsSequence, asns: Array.from({ length: 3 + (i % 4) }, () => 1 + numbers.below(60_000)) },
      ],
      nextHop: ipv4(0x0a000001),
      communities: Array.from({ length: i % 6 }, () => numbers.below(0xffff_ffff)),
    },
  }));
}

/** The same routes for bird: one static protocol a group, whose import filter gives them their attributes. */
export function routesConfig(groups: readonly Group[]): string {
  return groups
    .map(({ attributes, nets }, i) => {
      const { asPath = [], communities = [] } = attributes;
      const prepends = (asPath[0]?.asns ?? []).toReversed().map((asn) => `bgp_path.prepend(${asn});`);
      const adds = communities.map((value) => `bgp_community.add((${value >>> 16}, ${value & 0xffff}));`);
      return `protocol static g${i} { ipv4 { import filter { bgp_origin = ORIGIN_IGP; ${prepends.join(" ")} ${adds.join(" ")} accept; }; };
${nets.map((net) => `route ${formatPrefix(net)} blackhole;`).join("\n")}
}
`;
    })
    .join("");
}
