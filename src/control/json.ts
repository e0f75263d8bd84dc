/**
 * `json COMMAND`: the reply as one JSON document, in lines of bounded length so that a client can pass it
 * on as it comes. Names and meanings are documented in docs/commands.md and stay as they are.
 */
import type { Reply } from "./reply.ts";

export class JsonReply {
  readonly #reply: Reply;
  /** The last line, until it is known whether a comma belongs behind it. */
  #held: string | undefined;

  constructor(reply: Reply) {
    this.#reply = reply;
    this.#reply.line(CODE, "{");
  }

  field(name: string, value: unknown): void {
    if (value !== undefined) this.#member(`${JSON.stringify(name)}: `, JSON.stringify(value, replacer));
  }

  /** Begins an array; its items follow one by one. */
  list(name: string): void {
    this.#flush(",");
    this.#reply.line(CODE, `${JSON.stringify(name)}: [`);
  }

  item(value: unknown): void {
    this.#member("", JSON.stringify(value, replacer));
  }

  endList(): void {
    this.#flush("");
    this.#held = "]";
  }

  end(): void {
    this.#flush("");
    this.#reply.line(CODE, "}");
    this.#reply.end(0);
  }

  /** A client that reads lines takes none above 64 KiB: what is longer is broken where JSON allows it. */
  #member(head: string, body: string): void {
    this.#flush(",");
    this.#held = head + body;
    if (this.#held.length <= LONGEST) return;
    const pieces = (head + JSON.stringify(JSON.parse(body), null, 1)).split("\n");
    this.#held = pieces.pop();
    for (const piece of pieces) this.#reply.line(CODE, piece);
  }

  #flush(comma: string): void {
    if (this.#held !== undefined) this.#reply.line(CODE, this.#held + comma);
    this.#held = undefined;
  }
}

/** Maps and sets are the code's own; a document has objects and arrays. */
function replacer(_key: string, value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  if (typeof value === "bigint") return value.toString();
  return value;
}

/** Wall clock milliseconds as JSON shows them. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A code of its own, of the class of table entries. */
const CODE = 1900;
const LONGEST = 16_384;
