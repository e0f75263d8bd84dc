/**
 * Which routes of an UPDATE may come in at all (RFC 4271 §9.1.2, §6.3): loops, next hops, roles. Judged once for all the
 * prefixes of a message, from the scan of its attributes or, for odd ones, from the decoded set.
 */
import { countAs } from "../codec/as-path.ts";
import type { PathAttributes } from "../codec/attribute.ts";
import { Role } from "../codec/iana.ts";
import { formatAddress, type IpAddress, ipv4, isLinkLocal, isMulticast, isUnspecified } from "../wire/address.ts";
import { type AttributeScan, SetFlag } from "./attribute-scan.ts";
import type { BgpPeerPolicy } from "./bgp-policy.ts";
import type { RibCore } from "./sources.ts";

/** Why a route does not come in: with words for the log, or silently, as BIRD treats loops. */
export interface Refusal {
  readonly text: string | undefined;
}

export interface ImportContext {
  readonly core: RibCore;
  readonly policy: BgpPeerPolicy;
  readonly internal: boolean;
  readonly peerAs: number;
  readonly localId: number;
}

export class BgpImport {
  readonly #context: ImportContext;
  #lastHop = -1;
  #lastVerdict: Refusal | undefined;

  constructor(context: ImportContext) {
    this.#context = context;
  }

  /** Grows whenever verdicts on next hops may change. */
  generation = 0;

  /** Links or addresses have changed. */
  forget(): void {
    this.generation++;
    this.#lastHop = -1;
  }

  /** Of a set that is not odd: hot path. */
  refuseScan(scan: AttributeScan): Refusal | undefined {
    const { policy, internal, localId } = this.#context;
    if (scan.loops > policy.allowLocalAs) return LOOP;
    if (internal && ((scan.originatorId !== 0 && scan.originatorId === localId) || scan.clusterLoop)) return LOOP;
    return undefined;
  }

  /** Whether the rules here are more than `refuseScan` looks at. */
  needsObject(scan: AttributeScan): boolean {
    const { policy, peerAs } = this.#context;
    if (policy.role !== undefined || policy.confederation !== undefined) return true;
    if (policy.enforceFirstAs && scan.firstAs !== peerAs) return true;
    return !policy.allowAsSets && (scan.flags & SetFlag.AsSet) !== 0;
  }

  refuse(a: PathAttributes): Refusal | undefined {
    const { policy, internal, localId } = this.#context;
    const path = a.asPath ?? [];
    const loops = countAs(path, policy.localAs) + (policy.confederation ? countAs(path, policy.confederation) : 0);
    if (loops > policy.allowLocalAs) return LOOP;
    const cluster = policy.clusterId || localId;
    if (internal && (a.originatorId === localId || a.clusterList?.includes(cluster))) return LOOP;
    return this.#leak(a);
  }

  /** RFC 9234 §5: what comes in over a link that marks it. */
  marked(a: PathAttributes): PathAttributes {
    const { policy, peerAs } = this.#context;
    const { role } = policy;
    const marks = role === Role.Customer || role === Role.RsClient || role === Role.Peer;
    return marks && a.onlyToCustomer === undefined ? { ...a, onlyToCustomer: peerAs } : a;
  }

  /** IPv4 next hop by its word, the same verdict for a run of messages. */
  refuseHop4(word: number): Refusal | undefined {
    if (word === this.#lastHop) return this.#lastVerdict;
    this.#lastVerdict = this.refuseHop(ipv4(word));
    this.#lastHop = word;
    return this.#lastVerdict;
  }

  refuseHop(hop: IpAddress, linkLocal?: IpAddress): Refusal | undefined {
    const { core, policy } = this.#context;
    if (isUnspecified(hop)) return badHop("zero address");
    if (isMulticast(hop) || (hop.family === 4 && hop.w0 >>> 28 === 15))
      return badHop(`address ${formatAddress(hop)} is no host's`);
    const { links } = core;
    if (!links) return undefined;
    const via = policy.direct ? policy.iface : undefined;
    const gateway = linkLocal ?? hop;
    const neighbor = links.neighbor(gateway, isLinkLocal(gateway) ? via : undefined);
    if (neighbor?.own) return badHop(`address ${formatAddress(gateway)} is local`);
    if (!neighbor && policy.direct && policy.onlinkCheck && !isLinkLocal(gateway)) {
      return badHop(`address ${formatAddress(gateway)} not directly reachable`);
    }
    return undefined;
  }

  #leak(a: PathAttributes): Refusal | undefined {
    const { role } = this.#context.policy;
    const otc = a.onlyToCustomer;
    if (role === undefined || otc === undefined) return undefined;
    const leaked = role === Role.Provider || role === Role.Rs || (role === Role.Peer && otc !== this.#context.peerAs);
    return leaked ? { text: `Route leak detected - OTC attribute with AS ${otc} from downstream or peer` } : undefined;
  }
}

function badHop(text: string): Refusal {
  return { text: `Invalid NEXT_HOP attribute - ${text}` };
}

const LOOP: Refusal = { text: undefined };
