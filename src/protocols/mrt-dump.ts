/** A routing table as an MRT TABLE_DUMP_V2, in slices: `protocol mrt` and `mrt dump` write it to a file. */
import { type DumpPeer, writePeerIndex, writeRib } from "../../protocol/archive/mrt-write.ts";
import type { CompiledFilter } from "../../protocol/policy/compile.ts";
import type { Rib } from "../../protocol/rib/rib.ts";
import type { RouteView } from "../../protocol/rib/route-view.ts";
import type { Table } from "../../protocol/rib/table.ts";
import { formatAddress } from "../../protocol/wire/address.ts";
import type { Job, Scheduler } from "../host.ts";

export interface DumpOptions {
  readonly rib: Rib;
  readonly table: Table;
  readonly routerId: number;
  /** Seconds since 1970 that all records carry. */
  readonly seconds: number;
  readonly filter?: CompiledFilter;
  readonly alwaysAddPath: boolean;
  readonly scheduler: Scheduler;
  /** Takes the octets; throws if they cannot be written, which ends the dump. */
  readonly write: (octets: Uint8Array) => void;
  readonly done: (error?: Error) => void;
}

/** Starts a dump; `close` abandons it. IPv4 and IPv6 unicast tables only, as in BIRD. */
export function dumpTable(options: DumpOptions): { close(): void } {
  const { rib, table, routerId, seconds, scheduler, write, done } = options;
  const peers = new PeerIndex();
  // Peers are numbered as their routes come; the index must stand first, so all are named before.
  for (const source of rib.core.sources) if (source) peers.add(source.peer?.address && source.peer);
  let next: number | undefined = 0;
  let sequence = 0;
  const step = (): boolean => {
    if (next === undefined) return false;
    const { slots, next: following } = table.walk(next);
    next = following;
    for (const slot of slots) {
      const octets = dumpNet(options, table.routes(slot), peers, sequence);
      if (!octets) continue;
      sequence++;
      write(octets);
    }
    return next !== undefined;
  };
  const job: Job = {
    step: () => {
      try {
        const more = step();
        if (!more) done();
        return more;
      } catch (error) {
        done(error as Error);
        return false;
      }
    },
  };
  try {
    write(writePeerIndex(seconds, routerId, table.name, peers.list));
    scheduler.run(job);
  } catch (error) {
    done(error as Error);
  }
  return { close: () => scheduler.cancel(job) };
}

function dumpNet(
  { filter, rib, seconds, alwaysAddPath }: DumpOptions,
  routes: readonly RouteView[],
  peers: PeerIndex,
  sequence: number,
): Uint8Array | undefined {
  const prefix = routes[0]?.net;
  const entries = routes.flatMap((route) => {
    const { attributes, source, pathId, since } = route;
    const kept = filter ? filter.run(route.net, attributes, source, rib.filterEnv) : attributes;
    const originated = Math.floor(since / 1000);
    return kept ? [{ peer: peers.find(source.peer), originated, pathId, attributes: kept }] : [];
  });
  if (!prefix || entries.length === 0) return undefined;
  // A RIB record has one entry a peer, unless each says its path.
  const repeated = new Set(entries.map((entry) => entry.peer)).size < entries.length;
  const paths = alwaysAddPath || (repeated && entries.some((entry) => entry.pathId !== 0));
  return writeRib(seconds, sequence, prefix, entries, paths);
}

/** The first entry is nobody: routes of no BGP peer. */
class PeerIndex {
  readonly list: DumpPeer[] = [{ bgpId: 0, asn: 0 }];
  readonly #numbers = new Map<string, number>();

  add(peer: DumpPeer | undefined): void {
    const key = keyOf(peer);
    if (!peer || !key || this.#numbers.has(key)) return;
    this.#numbers.set(key, this.list.length);
    this.list.push({ bgpId: peer.bgpId, asn: peer.asn, ...(peer.address ? { address: peer.address } : {}) });
  }

  /** A peer that came up after the index was written is nobody, too. */
  find(peer: DumpPeer | undefined): number {
    return this.#numbers.get(keyOf(peer) ?? "") ?? 0;
  }
}

function keyOf(peer: DumpPeer | undefined): string | undefined {
  return peer?.address && `${formatAddress(peer.address)} ${peer.asn} ${peer.bgpId}`;
}
