/**
 * Messages in hex, one a line: blanks, colons and case do not matter; empty lines and comments are counted and passed over.
 */
import { loneContext, type ReadOptions } from "../../../protocol/archive/conversation.ts";
import { loneMessages } from "../../../protocol/archive/mrt-messages.ts";
import type { MessageRecord } from "../../../protocol/archive/record.ts";

export class HexDecoder {
  readonly #options: ReadOptions;
  readonly #emit: (record: MessageRecord) => void;
  readonly #complain: (line: number, what: string) => void;
  readonly #text = new TextDecoder("latin1");
  #line = "";
  #lines = 0;
  /** The line is too long, and the rest of it is passed over. */
  #overlong = false;

  constructor(
    options: ReadOptions,
    emit: (record: MessageRecord) => void,
    complain: (line: number, what: string) => void,
  ) {
    this.#options = options;
    this.#emit = emit;
    this.#complain = complain;
  }

  get records(): number {
    return this.#lines;
  }

  push(chunk: Uint8Array): void {
    const parts = this.#text.decode(chunk).split("\n");
    for (const [i, part] of parts.entries()) {
      if (i > 0) this.#end();
      if (this.#line.length + part.length > MAX_LINE) this.#overlong = true;
      this.#line = this.#overlong ? "" : this.#line + part;
    }
  }

  end(): void {
    if (this.#line !== "" || this.#overlong) this.#end();
  }

  finish(): void {}

  #end(): void {
    const line = this.#line;
    const overlong = this.#overlong;
    this.#line = "";
    this.#overlong = false;
    const frame = ++this.#lines;
    if (overlong) return this.#complain(frame, `longer than ${MAX_LINE} characters`);
    if (line.trimStart().startsWith("#")) return;
    const digits = line.replace(/[\s:]/g, "");
    if (digits === "") return;
    if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]+$/.test(digits)) return this.#complain(frame, "not hex");
    this.#emitAll(Uint8Array.from(Buffer.from(digits, "hex")), frame);
  }

  #emitAll(octets: Uint8Array, frame: number): void {
    for (const part of loneMessages(octets)) {
      this.#emit({ kind: "message", moment: { frame }, ...part, context: loneContext(part.octets, this.#options) });
    }
  }
}

/** Four times the longest message with a separator after each octet. */
const MAX_LINE = 1 << 20;
