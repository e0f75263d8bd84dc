/**
 * Records with what can be read of them: the one form that filter, summary and both kinds of output look at.
 */
import type { CaptureRecord } from "../../../protocol/archive/capture.ts";
import type { ReadOptions } from "../../../protocol/archive/conversation.ts";
import type { MrtEntry } from "../../../protocol/archive/mrt.ts";
import { ribAttributes } from "../../../protocol/archive/mrt-table.ts";
import type { MessageRecord, RibRecord } from "../../../protocol/archive/record.ts";
import { errorText } from "../../../protocol/codec/iana.ts";
import {
  type Finding,
  type InspectedAttributes,
  type Inspection,
  inspectAttributes,
  inspectMessage,
} from "../../../protocol/codec/inspect.ts";
import { HEADER_LENGTH, MAX_LENGTH } from "../../../protocol/codec/message.ts";

export type AnyRecord = CaptureRecord | MrtEntry;

export interface RibInspection {
  readonly seen: InspectedAttributes;
  readonly findings: readonly Finding[];
  /** MP_REACH_NLRI was a next hop alone. */
  readonly abbreviated: boolean;
  /** How it was printed, once it was: see json.ts. */
  text: string | undefined;
}

export interface Entry {
  readonly record: AnyRecord;
  /** Of a message. */
  readonly message?: Inspection;
  /** Of a route in a table. */
  readonly rib?: RibInspection;
}

export class Viewer {
  readonly #options: ReadOptions;
  readonly #routes = new RouteCache();

  constructor(options: ReadOptions) {
    this.#options = options;
  }

  view(record: AnyRecord): Entry {
    if (record.kind === "message") return { record, message: inspect(record) };
    if (record.kind !== "rib") return { record };
    return { record, rib: this.#routes.get(record) ?? this.#routes.add(record, this.#inspect(record)) };
  }

  #inspect(record: RibRecord): RibInspection {
    const { octets, context, abbreviated } = ribAttributes(record, this.#options);
    const seen = inspectAttributes(octets, context);
    return { seen, findings: seen.findings, abbreviated, text: undefined };
  }
}

export function findingsOf({ message, rib }: Entry): readonly Finding[] {
  return (message ?? rib)?.findings ?? NONE;
}

function inspect(record: MessageRecord): Inspection {
  const { behind, octets, context, stream } = record;
  if (behind !== undefined) return { findings: [remainder(octets, behind)] };
  const seen = inspectMessage(octets, context);
  const [finding, ...others] = seen.findings;
  const { length = 0 } = seen;
  // In a stream a header alone means that its length was not believed; the codec does not know the limit.
  if (stream === undefined || !finding || length <= MAX_LENGTH || octets.length > HEADER_LENGTH) return seen;
  const message = `message of ${length} octets, the limit is ${MAX_LENGTH}: the receiver announced no extended messages`;
  return { ...seen, findings: [{ ...finding, message }, ...others] };
}

/** Octets behind a message that stood alone. */
function remainder(octets: Uint8Array, behind: number): Finding {
  const finding = {
    code: 1,
    subcode: 2,
    name: errorText(1, 2),
    action: "session-reset",
    message: `${octets.length} octets behind the end of the message`,
    offset: behind,
  } as const;
  return octets.length >= 18 ? { ...finding, data: octets.slice(16, 18) } : finding;
}

/**
 * A table has the same attributes again and again, mostly close together: they are read, and written, once
 * (bench/decode.ts). One place for each hash, the later takes it: few objects that live long, for the collector's sake.
 */
class RouteCache {
  readonly #known: (Known | undefined)[] = new Array<Known | undefined>(PLACES).fill(undefined);

  get(record: RibRecord): RibInspection | undefined {
    const known = this.#known[placeOf(record)];
    return known && sameRoute(known, record) ? known.route : undefined;
  }

  add(record: RibRecord, route: RibInspection): RibInspection {
    const { octets, start, end, afi, safi, as4 } = record;
    this.#known[placeOf(record)] = { octets: octets.slice(start, end), afi, safi, as4, route };
    return route;
  }
}

interface Known {
  readonly octets: Uint8Array;
  readonly afi: number;
  readonly safi: number;
  readonly as4: boolean;
  readonly route: RibInspection;
}

/** FNV-1a. */
function placeOf({ octets, start, end }: RibRecord): number {
  let hash = 0x811c_9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ octets[i]!, 0x0100_0193);
  return (hash ^ (hash >>> 15)) & (PLACES - 1);
}

function sameRoute(known: Known, { octets, start, end, afi, safi, as4 }: RibRecord): boolean {
  if (known.afi !== afi || known.safi !== safi || known.as4 !== as4 || known.octets.length !== end - start)
    return false;
  for (let i = start; i < end; i++) if (octets[i] !== known.octets[i - start]) return false;
  return true;
}

const NONE: readonly Finding[] = [];
/** A power of two; about twice the peers of the largest collectors. */
const PLACES = 4096;
