/**
 * MRT files (RFC 6396, RFC 8050): records, each with its time, type and length.
 *
 *   | seconds 4 | type 2 | subtype 2 | length 4 | microseconds 4, in _ET types | body n |
 *
 * What the bodies hold is read by mrt-table.ts (dumped tables) and mrt-messages.ts (messages and states of sessions).
 */
import type { ReadOptions } from "./conversation.ts";
import { Input, u16be, u32be } from "./input.ts";
import { messagesOf } from "./mrt-messages.ts";
import { readPeerIndex, tableDump, tableDumpV2 } from "./mrt-table.ts";
import {
  ArchiveError,
  type MessageRecord,
  type MrtRecord,
  momentAt,
  type Reader,
  type RibPeer,
  type RibRecord,
  type StateRecord,
  type UnsupportedRecord,
} from "./record.ts";

export type MrtEntry = RibRecord | MessageRecord | StateRecord | UnsupportedRecord;

export const MrtType = { Bgp: 5, TableDump: 12, TableDumpV2: 13, Bgp4mp: 16, Bgp4mpEt: 17 } as const;

export class MrtReader implements Reader<MrtRecord> {
  readonly #input = new Input();
  #records = 0;

  push(chunk: Uint8Array): void {
    this.#input.push(chunk);
  }

  read(): MrtRecord | undefined {
    const input = this.#input;
    if (input.left < HEADER) return undefined;
    const { octets, at } = input;
    const length = u32be(octets, at + 8);
    if (length > MAX_RECORD) throw this.#error(`a record of ${length} octets`);
    if (input.left < HEADER + length) return undefined;
    const type = u16be(octets, at + 4);
    const extended = EXTENDED_TIME.has(type) && length >= 4;
    const start = at + HEADER + (extended ? 4 : 0);
    input.take(HEADER + length);
    const frame = ++this.#records;
    const seconds = u32be(octets, at);
    return {
      moment: extended ? momentAt(frame, seconds, u32be(octets, at + HEADER), 6) : { frame, seconds },
      type,
      subtype: u16be(octets, at + 6),
      body: octets.subarray(start, at + HEADER + length),
    };
  }

  finish(): void {
    if (this.#input.left > 0) throw this.#error("the file is cut inside a record");
  }

  #error(message: string): ArchiveError {
    return new ArchiveError(message, this.#records + 1, this.#input.offset);
  }
}

/** Records to routes, messages and states. */
export class MrtDecoder {
  readonly #reader: MrtReader = new MrtReader();
  readonly #options: ReadOptions;
  readonly #emit: (entry: MrtEntry) => void;
  #peers: readonly RibPeer[] = [];
  #records = 0;

  constructor(options: ReadOptions, emit: (entry: MrtEntry) => void) {
    this.#options = options;
    this.#emit = emit;
  }

  get records(): number {
    return this.#records;
  }

  /** @throws ArchiveError when the file cannot be read on */
  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    for (let record = this.#reader.read(); record; record = this.#reader.read()) this.#record(record);
  }

  /** Nothing waits here for what comes later. */
  end(): void {}

  /** @throws ArchiveError if the file ended inside a record */
  finish(): void {
    this.#reader.finish();
  }

  #record(record: MrtRecord): void {
    this.#records++;
    const problem = this.#read(record);
    if (problem !== undefined) this.#emit({ kind: "unsupported", moment: record.moment, what: problem });
  }

  /** @returns what stands in the way, if something does */
  #read(record: MrtRecord): string | undefined {
    switch (record.type) {
      case MrtType.TableDump:
        return tableDump(record, this.#emit);
      case MrtType.TableDumpV2: {
        if (record.subtype !== PEER_INDEX_TABLE) return tableDumpV2(record, this.#peers, this.#emit);
        const peers = readPeerIndex(record.body);
        this.#peers = peers ?? [];
        return peers ? undefined : "PEER_INDEX_TABLE that is cut short";
      }
      case MrtType.Bgp4mp:
      case MrtType.Bgp4mpEt:
        return messagesOf(record, this.#options, this.#emit);
      default:
        return `MRT type ${record.type}${record.type === MrtType.Bgp ? " (BGP)" : ""}, subtype ${record.subtype}`;
    }
  }
}

/** Whether MRT starts here: there is no magic, so the first header has to make sense. */
export function isMrt(octets: Uint8Array): boolean {
  if (octets.length < HEADER) return false;
  const type = u16be(octets, 4);
  return (
    ((type >= 1 && type <= 17) || EXTRA_TYPES.has(type)) && u16be(octets, 6) <= 255 && u32be(octets, 8) <= MAX_RECORD
  );
}

const HEADER = 12;
/** The largest prefix record in the wild, a thousand paths, has a twentieth of it. */
const MAX_RECORD = 4 << 20;
const PEER_INDEX_TABLE = 1;
/** BGP4MP_ET, ISIS_ET, OSPFv3_ET. */
const EXTENDED_TIME = new Set([17, 33, 49]);
/** ISIS, ISIS_ET, OSPFv3, OSPFv3_ET. */
const EXTRA_TYPES = new Set([32, 33, 48, 49]);
