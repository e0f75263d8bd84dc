/**
 * Records with what can be read of them: the one form that filter, summary and both kinds of output look at.
 */
import type { CaptureRecord } from "../../../protocol/archive/capture.ts";
import type { ReadOptions } from "../../../protocol/archive/conversation.ts";
import type { MrtEntry } from "../../../protocol/archive/mrt.ts";
import { ribAttributes } from "../../../protocol/archive/mrt-table.ts";
import type { MessageRecord } from "../../../protocol/archive/record.ts";
import { errorText } from "../../../protocol/codec/iana.ts";
import {
  type Finding,
  type InspectedAttributes,
  type Inspection,
  inspectAttributes,
  inspectMessage,
} from "../../../protocol/codec/inspect.ts";

export type AnyRecord = CaptureRecord | MrtEntry;

export interface RibInspection extends InspectedAttributes {
  readonly findings: readonly Finding[];
  /** MP_REACH_NLRI was a next hop alone. */
  readonly abbreviated: boolean;
}

export interface Entry {
  readonly record: AnyRecord;
  /** Of a message. */
  readonly message?: Inspection;
  /** Of a route in a table. */
  readonly rib?: RibInspection;
}

export function viewOf(record: AnyRecord, options: ReadOptions): Entry {
  if (record.kind === "message") return { record, message: inspect(record) };
  if (record.kind !== "rib") return { record };
  const { octets, context, abbreviated } = ribAttributes(record, options);
  return { record, rib: { ...inspectAttributes(octets, context), abbreviated } };
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

const NONE: readonly Finding[] = [];
