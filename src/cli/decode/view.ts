/**
 * Records with what can be read of them: the one form that filter, summary and both kinds of output look at.
 */
import type { CaptureRecord } from "../../../protocol/archive/capture.ts";
import type { MrtEntry } from "../../../protocol/archive/mrt.ts";
import type { MessageRecord, RibRecord } from "../../../protocol/archive/record.ts";
import { errorText } from "../../../protocol/codec/iana.ts";
import {
  type Finding,
  type InspectedAttributes,
  type Inspection,
  inspectAttributes,
  inspectMessage,
} from "../../../protocol/codec/inspect.ts";

export type AnyRecord = CaptureRecord | MrtEntry;
export type RibInspection = InspectedAttributes & { readonly findings: readonly Finding[] };

export interface Entry {
  readonly record: AnyRecord;
  /** Of a message. */
  readonly message?: Inspection;
  /** Of a route in a table. */
  readonly rib?: RibInspection;
}

export class Viewer {
  readonly #attributes = new AttributeCache();

  view(record: AnyRecord): Entry {
    if (record.kind === "message") return { record, message: inspect(record) };
    if (record.kind === "rib") return { record, rib: this.#attributes.inspect(record) };
    return { record };
  }
}

export function findingsOf({ message, rib }: Entry): readonly Finding[] {
  return (message ?? rib)?.findings ?? NONE;
}

function inspect(record: MessageRecord): Inspection {
  const { behind, octets, context } = record;
  return behind === undefined ? inspectMessage(octets, context) : { findings: [remainder(octets, behind)] };
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
 * A table has the same attributes again and again, mostly close together: reading them once is most of the speed of
 * `--summary` (bench/decode.ts).
 */
class AttributeCache {
  readonly #known = new Map<number, Known>();

  inspect({ attributes, context }: RibRecord): RibInspection {
    const hash = hashOf(attributes, context.as4 ? 1 : 2);
    const known = this.#known.get(hash);
    if (known && known.context === context && sameOctets(known.octets, attributes)) return known.inspection;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    const octets = attributes.slice();
    const inspection = inspectAttributes(octets, context);
    this.#known.set(hash, { octets, context, inspection });
    return inspection;
  }
}

interface Known {
  readonly octets: Uint8Array;
  readonly context: RibRecord["context"];
  readonly inspection: RibInspection;
}

/** FNV-1a. */
function hashOf(octets: Uint8Array, seed: number): number {
  let hash = 0x811c_9dc5 ^ seed;
  for (let i = 0; i < octets.length; i++) hash = Math.imul(hash ^ octets[i]!, 0x0100_0193);
  return hash | 0;
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const NONE: readonly Finding[] = [];
const MAX_KNOWN = 32_768;
