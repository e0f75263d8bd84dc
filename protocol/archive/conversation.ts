/**
 * The two directions of one BGP connection in a capture: what its OPENs settle, and the messages read by it.
 *
 * Where OPENs are missing the UPDATEs are looked at instead (guess.ts): a capture may begin in the middle of a session.
 */
import { type CodecContext, DEFAULT_CONTEXT, type FamilyKey, familyKey } from "../codec/capability.ts";
import { CapabilityCode, MessageType } from "../codec/iana.ts";
import { HEADER_LENGTH, MAX_EXTENDED_LENGTH, MAX_LENGTH } from "../codec/message.ts";
import { readOpen } from "../codec/open.ts";
import { ByteReader } from "../wire/bytes.ts";
import type { Connection, Direction, Listener } from "./connections.ts";
import { MessageFinder, type MessageSink } from "./framing.ts";
import { attributesOf, findAttributes, guessWidth, pathIdFamilies } from "./guess.ts";
import type { Outlet } from "./reassembly.ts";
import type { GapRecord, MessageRecord, Moment, Packet, TruncatedRecord } from "./record.ts";

export type Choice = "auto" | "yes" | "no";

/** How to read what the octets alone do not tell. */
export interface ReadOptions {
  readonly as4: Choice;
  readonly addPath: Choice;
}

export type Emit = (record: MessageRecord | GapRecord | TruncatedRecord) => void;

export class Conversation implements Listener {
  readonly #connection: Connection;
  readonly #options: ReadOptions;
  readonly #emit: Emit;
  readonly #finders: readonly [MessageFinder, MessageFinder];
  /** What the OPEN of each direction announced. */
  readonly #opens: [Announced | undefined, Announced | undefined] = [undefined, undefined];
  /** Width of AS numbers, once an UPDATE left no choice. */
  #as4: boolean | undefined;
  /** Contexts of both directions while both OPENs stand. */
  #settled: readonly [CodecContext, CodecContext] | undefined;

  constructor(connection: Connection, options: ReadOptions, emit: Emit) {
    this.#connection = connection;
    this.#options = options;
    this.#emit = emit;
    this.#finders = [new MessageFinder(this.#sink(0)), new MessageFinder(this.#sink(1))];
  }

  get held(): number {
    return this.#finders[0].held + this.#finders[1].held;
  }

  outlet(direction: Direction): Outlet {
    return this.#finders[direction];
  }

  started(direction: Direction): void {
    this.#finders[direction].start();
  }

  truncated(direction: Direction, packet: Packet): void {
    this.#emit({
      kind: "truncated",
      ...this.#place(direction, packet.moment),
      captured: packet.octets.length,
      original: packet.original,
    });
  }

  ended(direction: Direction): void {
    this.#finders[direction].end();
  }

  #sink(direction: Direction): MessageSink {
    const limit = (): number => this.#limit(direction);
    return {
      get limit() {
        return limit();
      },
      message: (octets, at) => this.#message(direction, octets, at),
      gap: (missing, skipped, at) => this.#emit({ kind: "gap", ...this.#place(direction, at), missing, skipped }),
    };
  }

  #message(direction: Direction, octets: Uint8Array, at: Moment): void {
    const context = this.#context(direction, octets);
    if (octets[18] === MessageType.Open && octets.length >= MIN_OPEN) {
      this.#opens[direction] = announced(octets);
      this.#settled = this.#settle();
    }
    const { stream, ends } = this.#connection;
    const [src, dst] = direction === 0 ? ends : [ends[1], ends[0]];
    this.#emit({ kind: "message", moment: at, stream, src, dst, octets, context });
  }

  #place(direction: Direction, moment: Moment): { moment: Moment; stream: number; src: string; dst: string } {
    const { stream, ends } = this.#connection;
    return { moment, stream, src: ends[direction], dst: ends[direction === 0 ? 1 : 0] };
  }

  /** Longer messages may be sent to whoever announced that it takes them (RFC 8654 §4). */
  #limit(direction: Direction): number {
    const receiver = this.#opens[direction === 0 ? 1 : 0];
    return receiver && !receiver.extendedMessages ? MAX_LENGTH : MAX_EXTENDED_LENGTH;
  }

  #context(direction: Direction, octets: Uint8Array): CodecContext {
    if (this.#settled) return this.#settled[direction];
    const span = attributesOf(octets);
    if (!span)
      return contextOf(this.#width() ?? true, forced(this.#options) ?? [], this.#limit(direction) > MAX_LENGTH);
    const found = findAttributes(octets, span);
    let as4 = this.#width();
    if (as4 === undefined) {
      const guess = guessWidth(octets, found);
      if (guess.sure) this.#as4 = guess.as4;
      as4 = guess.as4;
    }
    const families = forced(this.#options) ?? pathIdFamilies(octets, span, found);
    return contextOf(as4, families, this.#limit(direction) > MAX_LENGTH);
  }

  /** Undefined while there is only this UPDATE to go by. */
  #width(): boolean | undefined {
    if (this.#options.as4 !== "auto") return this.#options.as4 === "yes";
    const seen = this.#opens.filter((open) => open !== undefined);
    return seen.length > 0 ? seen.every((open) => open.as4) : this.#as4;
  }

  #settle(): readonly [CodecContext, CodecContext] | undefined {
    const [a, b] = this.#opens;
    if (!a || !b) return undefined;
    const as4 = this.#width() ?? true;
    const of = (sender: Announced, receiver: Announced): CodecContext =>
      contextOf(as4, forced(this.#options) ?? negotiated(sender, receiver), receiver.extendedMessages);
    return [of(a, b), of(b, a)];
  }
}

/** What is known in a capture: never who the peer is. The common ones exist once. */
export function contextOf(as4: boolean, addPath: readonly FamilyKey[], extendedMessages: boolean): CodecContext {
  if (addPath.length === 0) return PLAIN[Number(as4) + 2 * Number(extendedMessages)]!;
  const families = new Set(addPath);
  return { ...DEFAULT_CONTEXT, as4, extendedMessages, addPathRx: families, addPathTx: families, peer: "unknown" };
}

/** The families with path identifiers if the user said so, else undefined. */
export function forced({ addPath }: ReadOptions): readonly FamilyKey[] | undefined {
  if (addPath === "auto") return undefined;
  return addPath === "yes" ? UNICAST : [];
}

/** How to read a message of which nothing else is known. */
export function loneContext(octets: Uint8Array, options: ReadOptions): CodecContext {
  const span = attributesOf(octets);
  const chosen = options.as4 === "auto" ? undefined : options.as4 === "yes";
  if (!span) return contextOf(chosen ?? true, forced(options) ?? [], true);
  const found = findAttributes(octets, span);
  const families = forced(options) ?? pathIdFamilies(octets, span, found);
  return contextOf(chosen ?? guessWidth(octets, found).as4, families, true);
}

interface Announced {
  readonly as4: boolean;
  readonly extendedMessages: boolean;
  readonly addPath: ReadonlyMap<FamilyKey, number>;
}

function announced(message: Uint8Array): Announced {
  const { open } = readOpen(new ByteReader(message, HEADER_LENGTH, message.length));
  const addPath = new Map<FamilyKey, number>();
  for (const capability of open.capabilities) {
    if (capability.code !== CapabilityCode.AddPath) continue;
    for (const { afi, safi, mode } of capability.families) addPath.set(familyKey(afi, safi), mode);
  }
  return {
    as4: open.capabilities.some((c) => c.code === CapabilityCode.FourOctetAs),
    extendedMessages: open.capabilities.some((c) => c.code === CapabilityCode.ExtendedMessage),
    addPath,
  };
}

/** RFC 7911 §4: the sender can send, and the receiver can receive. */
function negotiated(sender: Announced, receiver: Announced): FamilyKey[] {
  const families = [...sender.addPath].filter(([key, mode]) => mode & 2 && (receiver.addPath.get(key) ?? 0) & 1);
  return families.map(([key]) => key);
}

const MIN_OPEN = 29;
const UNICAST: readonly FamilyKey[] = ["1/1", "2/1"];
/** By AS width, then by message length. */
const PLAIN: readonly CodecContext[] = [false, true].flatMap((extendedMessages) =>
  [false, true].map((as4) => ({ ...DEFAULT_CONTEXT, as4, extendedMessages, peer: "unknown" }) as const),
);
