/**
 * `json COMMAND`: the reply as one JSON document, in lines of bounded length so that a client can pass it
 * on as it comes. Names and meanings are documented in docs/commands.md and stay as they are.
 */
import type { Reply } from "./reply.ts";

export class JsonReply {
  readonly #reply: Reply;
  /** Text that the next line begins with: a comma where one is due. */
  #comma = "";

  constructor(reply: Reply) {
    this.#reply = reply;
    this.#line("{");
  }

  field(name: string, value: unknown): void {
    if (value === undefined) return;
    this.#separate(`${JSON.stringify(name)}: `, JSON.stringify(value, replacer));
  }

  /** Begins an array; its items follow one by one. */
  list(name: string): void {
    this.#separate(`${JSON.stringify(name)}: `, "[");
    this.#comma = "";
  }

  item(value: unknown): void {
    this.#separate("", JSON.stringify(value, replacer));
  }

  endList(): void {
    this.#line("]");
    this.#comma = ",";
  }

  end(): void {
    this.#line("}");
    this.#reply.end(0);
  }

  get size(): number {
    return this.#reply.size;
  }

  /** A client that reads lines takes none above 64 KiB: what is longer is broken where JSON allows it. */
  #separate(head: string, body: string): void {
    if (this.#comma) this.#line(",");
    this.#comma = ",";
    const text = head + body;
    if (text.length <= LONGEST) return this.#line(text);
    for (const piece of (head + JSON.stringify(JSON.parse(body), null, 1)).split("\n")) this.#line(piece);
  }

  #line(text: string): void {
    this.#reply.line(CODE, text);
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
