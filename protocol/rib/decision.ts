/**
 * Which of two routes is better (RFC 4271 §9.1.2, in BIRD's order): a ladder of named steps; the first that tells the
 * two apart decides. The ladder is the code that runs and the text that explains.
 */
import { compareAddress, formatAddress, formatDotted, type IpAddress } from "../wire/address.ts";
import { type AttributeStore, SET_STRIDE, SetFlag, SetWord } from "./attribute-store.ts";
import { PAGE_BITS, PAGE_MASK } from "./columns.ts";
import { type AttrId, type DecisionOptions, RouteKind, type RouteSource } from "./route.ts";

/** A route's answers to the ladder's questions: filled from the columns, used again for the next route. */
export class Candidate {
  /** Row of the route in its table; the table's business. */
  row = 0;
  pathId = 0;
  attrs = 0 as AttrId;
  source: RouteSource = NOBODY;
  options: DecisionOptions = DEFAULT_DECISION;
  /** The best route so far: `prefer older` keeps it. */
  incumbent = false;
  bgp = false;
  preference = 0;
  resolvable = true;
  llgrStale = false;
  localPref = 0;
  aigp: bigint = NO_AIGP;
  pathLength = 0;
  origin = 0;
  med = 0;
  neighborAs = 0;
  external = false;
  igpMetric = 0;
  id = 0;
  clusters = 0;

  /** @param igp metric of the next hop, UNREACHABLE if there is no way to it */
  load(store: AttributeStore, attrs: AttrId, source: RouteSource, igp: number): void {
    const page = store.rows.pages[attrs >>> PAGE_BITS]!;
    const at = (attrs & PAGE_MASK) * SET_STRIDE;
    const flags = page[at + SetWord.Flags]!;
    const options = source.decision ?? DEFAULT_DECISION;
    const path = page[at + SetWord.Path]!;
    this.attrs = attrs;
    this.source = source;
    this.options = options;
    this.bgp = source.kind === RouteKind.Bgp;
    this.preference = source.preference;
    this.igpMetric = igp;
    this.resolvable = igp !== UNREACHABLE;
    this.llgrStale = (flags & SetFlag.LlgrStale) !== 0;
    this.localPref =
      (flags & SetFlag.LocalPref) !== 0
        ? page[at + SetWord.LocalPref]! >>> 0
        : (store.defaultLocalPref(attrs) ?? options.defaultLocalPref);
    this.pathLength = path & 0xffff;
    this.origin = (path >>> 16) & 3;
    this.clusters = (path >>> 18) & 0xff;
    this.med = (flags & SetFlag.Med) !== 0 ? page[at + SetWord.Med]! >>> 0 : options.defaultMed;
    this.neighborAs = page[at + SetWord.FirstAs]! >>> 0;
    const originator = page[at + SetWord.Originator]! >>> 0;
    this.external = !(source.peer?.internal ?? false) && !(source.peer?.confederation ?? false);
    this.id = originator !== 0 ? originator : (source.peer?.bgpId ?? 0);
    this.aigp = (flags & SetFlag.Aigp) !== 0 ? aigpOf(store, attrs, igp) : NO_AIGP;
    if (page[at + SetWord.Extra] !== 0) this.#extra(store, attrs);
  }

  #extra(store: AttributeStore, attrs: AttrId): void {
    const extra = store.extra(attrs);
    if (extra?.preference !== undefined) this.preference = extra.preference;
    if (extra?.igpMetric !== undefined && this.resolvable) this.igpMetric = extra.igpMetric;
    if (extra?.dest === "unreachable") this.resolvable = false;
  }
}

export interface Step {
  readonly name: string;
  /** Positive if `a` is better, negative if `b` is, 0 if this step does not tell. */
  compare(a: Candidate, b: Candidate): number;
  /** What it looked at, of one of the two. */
  value(c: Candidate): string;
}

/** In order. Steps between the first and the last two ask BGP routes alone. */
export const LADDER: readonly Step[] = [
  {
    name: "preference",
    compare: (a, b) => a.preference - b.preference,
    value: (c) => `preference ${c.preference}`,
  },
  bgp(
    "resolvability",
    (c) => (c.resolvable ? "next hop reachable" : "next hop unreachable"),
    (a, b) => {
      return Number(a.resolvable) - Number(b.resolvable); // RFC 4271 §9.1.2.1
    },
  ),
  bgp(
    "long-lived stale",
    (c) => (c.llgrStale ? "long-lived stale" : "not stale"),
    (a, b) => {
      return Number(b.llgrStale) - Number(a.llgrStale); // RFC 9494 §4.3
    },
  ),
  bgp(
    "local preference",
    (c) => `local preference ${c.localPref}`,
    (a, b) => a.localPref - b.localPref,
  ),
  bgp(
    "AIGP metric",
    (c) => (c.aigp === NO_AIGP ? "no AIGP metric" : `AIGP metric ${c.aigp}`),
    (a, b) => {
      if (a.aigp === b.aigp) return 0; // both without one: the same object
      return a.aigp < b.aigp ? 1 : -1; // RFC 7311 §4.1
    },
  ),
  bgp(
    "AS path length",
    (c) => `AS path of ${c.pathLength}`,
    (a, b) => {
      return a.options.pathMetric || b.options.pathMetric ? b.pathLength - a.pathLength : 0;
    },
  ),
  bgp(
    "origin",
    (c) => `origin ${ORIGINS[c.origin]}`,
    (a, b) => b.origin - a.origin,
  ),
  bgp(
    "MED",
    (c) => `MED ${c.med} from AS ${c.neighborAs}`,
    (a, b) => {
      const comparable = a.neighborAs === b.neighborAs || a.options.medMetric || b.options.medMetric;
      return comparable ? b.med - a.med : 0;
    },
  ),
  bgp(
    "external over internal",
    (c) => (c.external ? "external" : "internal"),
    (a, b) => {
      return Number(a.external) - Number(b.external);
    },
  ),
  bgp(
    "IGP metric",
    (c) => `IGP metric ${c.igpMetric}`,
    (a, b) => {
      return a.options.igpMetric || b.options.igpMetric ? b.igpMetric - a.igpMetric : 0;
    },
  ),
  bgp(
    "older route",
    (c) => (c.incumbent ? "was best before" : "newer"),
    (a, b) => {
      // RFC 5004: between routes of external peers, whichever is best already stays so.
      const applies = (a.options.preferOlder || b.options.preferOlder) && a.external && b.external;
      return applies ? Number(a.incumbent) - Number(b.incumbent) : 0;
    },
  ),
  bgp(
    "router ID",
    (c) => `router ID ${formatDotted(c.id)}`,
    (a, b) => b.id - a.id,
  ),
  bgp(
    "cluster list length",
    (c) => `cluster list of ${c.clusters}`,
    (a, b) => b.clusters - a.clusters,
  ),
  bgp(
    "neighbor address",
    (c) => `neighbor ${formatAddress(addressOf(c))}`,
    (a, b) => {
      return compareAddress(addressOf(b), addressOf(a));
    },
  ),
  // Equal by all that matters: the one that was configured first, so that the choice is the same every time.
  {
    name: "protocol order",
    compare: (a, b) => b.source.id - a.source.id,
    value: (c) => `protocol ${c.source.protocol}`,
  },
  { name: "path ID", compare: (a, b) => b.pathId - a.pathId, value: (c) => `path ID ${c.pathId}` },
];

/** Positive if `a` is better; 0 only for a route and itself. */
export function compare(a: Candidate, b: Candidate): number {
  for (const step of LADDER) {
    const order = step.compare(a, b);
    if (order !== 0) return order;
  }
  return 0;
}

/** The step that tells two routes apart, if one does, and which it favours. */
export function decidingStep(a: Candidate, b: Candidate): { step: Step; order: number } | undefined {
  for (const step of LADDER) {
    const order = step.compare(a, b);
    if (order !== 0) return { step, order };
  }
  return undefined;
}

/** The better of `candidates[0..count)` under `deterministic med`: best of each neighbour AS first, then among those. */
export function best(candidates: readonly Candidate[], count: number): Candidate {
  const [first, second] = candidates;
  if (count === 1) return first!;
  if (count === 2) return compare(second!, first!) > 0 ? second! : first!;
  let grouped = false;
  for (let i = 0; i < count; i++) if (candidates[i]!.options.deterministicMed) grouped = true;
  if (!grouped) return fold(candidates.slice(0, count));
  const groups = new Map<number, Candidate>();
  for (let i = 0; i < count; i++) {
    const c = candidates[i]!;
    const other = groups.get(c.neighborAs);
    if (!other || compare(c, other) > 0) groups.set(c.neighborAs, c);
  }
  return fold([...groups.values()]);
}

/** Whether two routes may share the traffic (BIRD's `merge paths`): alike in all but the neighbour. */
export function mergeable(a: Candidate, b: Candidate): boolean {
  if (a.bgp !== b.bgp || a.preference !== b.preference) return false;
  if (!a.bgp) return true;
  if (!a.resolvable || !b.resolvable) return false;
  for (const step of LADDER) {
    if (step.name === "older route") return true;
    if (step.compare(a, b) !== 0) return false;
  }
  return true;
}

/** By source and path, so that which order the routes came in does not matter where MEDs compare in circles. */
function fold(candidates: Candidate[]): Candidate {
  let winner = candidates[0]!;
  if (candidates.length > 2) candidates.sort((a, b) => a.source.id - b.source.id || a.pathId - b.pathId);
  winner = candidates[0]!;
  for (let i = 1; i < candidates.length; i++) if (compare(candidates[i]!, winner) > 0) winner = candidates[i]!;
  return winner;
}

function bgp(name: string, value: (c: Candidate) => string, order: (a: Candidate, b: Candidate) => number): Step {
  return { name, value, compare: (a, b) => (a.bgp && b.bgp ? order(a, b) : 0) };
}

/** RFC 7311 §4.1: the metric so far and the way to the next hop. */
function aigpOf(store: AttributeStore, attrs: AttrId, igp: number): bigint {
  const metric = store.attributes(attrs).aigp?.metric;
  return metric === undefined ? NO_AIGP : metric + BigInt(igp);
}

function addressOf(c: Candidate): IpAddress {
  return c.source.peer?.address ?? NOWHERE;
}

/** IGP metric of a next hop to which there is no way; worse than any metric. */
export const UNREACHABLE = 0xffff_ffff;
/** That of one whose way says no metric (BIRD's IGP_METRIC_UNKNOWN). */
export const UNKNOWN_METRIC = 0x8000_0000;

export const DEFAULT_DECISION: DecisionOptions = {
  pathMetric: true,
  medMetric: false,
  igpMetric: true,
  preferOlder: false,
  deterministicMed: false,
  defaultMed: 0,
  defaultLocalPref: 100,
};

const NO_AIGP: bigint = 1n << 64n;
const ORIGINS: readonly string[] = ["IGP", "EGP", "incomplete", "?"];
const NOWHERE: IpAddress = { family: 4, w0: 0, w1: 0, w2: 0, w3: 0 };
const NOBODY: RouteSource = { id: 0, protocol: "", kind: RouteKind.Static, preference: 0 };
