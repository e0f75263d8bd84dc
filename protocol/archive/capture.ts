/**
 * A capture file, from octets to BGP messages: the packets of pcap.ts or pcapng.ts go through dissect.ts, connections.ts
 * and conversation.ts, and what comes out is handed on in order.
 */
import { Connections } from "./connections.ts";
import { Conversation, type Emit, type ReadOptions } from "./conversation.ts";
import { Dissector } from "./dissect.ts";
import { linkLayer } from "./link.ts";
import type { GapRecord, MessageRecord, Packet, Reader, TruncatedRecord, UnsupportedRecord } from "./record.ts";

export type CaptureRecord = MessageRecord | GapRecord | TruncatedRecord | UnsupportedRecord;

export interface CaptureOptions extends ReadOptions {
  /** TCP ports that are BGP. */
  readonly ports: ReadonlySet<number>;
}

export class CaptureDecoder {
  readonly #reader: Reader<Packet>;
  readonly #emit: (record: CaptureRecord) => void;
  readonly #dissector = new Dissector();
  readonly #connections: Connections;
  readonly #unknownLinks = new Set<number>();
  #packets = 0;

  constructor(reader: Reader<Packet>, options: CaptureOptions, emit: (record: CaptureRecord) => void) {
    this.#reader = reader;
    this.#emit = emit;
    const each: Emit = emit;
    this.#connections = new Connections(options.ports, (connection) => new Conversation(connection, options, each));
  }

  get records(): number {
    return this.#packets;
  }

  /** @throws ArchiveError when the file cannot be read on; `end` still gives what was waiting */
  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    for (let packet = this.#reader.read(); packet; packet = this.#reader.read()) this.#packet(packet);
  }

  /** Gives what waited for packets that will not come. */
  end(): void {
    this.#connections.finish();
  }

  /** @throws ArchiveError if the file ended inside a record */
  finish(): void {
    this.#reader.finish();
  }

  #packet(packet: Packet): void {
    this.#packets++;
    if (!linkLayer(packet.linkType)) this.#unsupported(packet);
    else if (this.#dissector.dissect(packet)) this.#connections.segment(this.#dissector.segment, packet);
  }

  /** Once a file and link type. */
  #unsupported({ linkType, moment }: Packet): void {
    if (this.#unknownLinks.has(linkType)) return;
    this.#unknownLinks.add(linkType);
    this.#emit({ kind: "unsupported", moment, what: `link type ${linkType}` });
  }
}
