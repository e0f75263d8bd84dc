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
  return record.kind === "rib" ? { record, rib: inspectRoute(record, options) } : { record };
}

export function inspectRoute(record: RibRecord, options: ReadOptions): RibInspection {
  const { octets, context, abbreviated } = ribAttributes(record, options);
  const { attributes, wire, effectiveAsPath, findings } = inspectAttributes(octets, context);
  const seen = { attributes, wire, findings, abbreviated };
  return effectiveAsPath ? { ...seen, effectiveAsPath } : seen;
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

const NONE: readonly Finding[] = [];
