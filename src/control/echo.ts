/**
 * Log lines for a client that asked by `echo`: a bounded buffer. What does not fit is counted, and the
 * client is told how much it missed.
 */
import type { LogClass } from "../config/schema.ts";
import type { Reply } from "./reply.ts";

export class EchoBuffer {
  #classes: ReadonlySet<LogClass> = new Set();
  #limit = 0;
  #lines: string[] = [];
  #size = 0;
  #lost = 0;

  set(classes: ReadonlySet<LogClass>, limit: number): void {
    this.#classes = classes;
    this.#limit = limit;
    if (classes.size > 0) return;
    this.#lines = [];
    this.#size = 0;
    this.#lost = 0;
  }

  /** @returns whether there is something to deliver */
  add(level: LogClass, text: string): boolean {
    if (!this.#classes.has(level)) return false;
    if (this.#size + text.length > this.#limit) this.#lost++;
    else this.force(text);
    return true;
  }

  /** Not subject to the limit: a notice for this client alone. */
  force(text: string): void {
    this.#lines.push(text);
    this.#size += text.length;
  }

  drain(reply: Reply): void {
    if (this.#lines.length === 0 && this.#lost === 0) return;
    if (this.#lost > 0) reply.notice(`<${this.#lost} messages lost>`);
    for (const line of this.#lines) reply.async(line);
    this.#lines = [];
    this.#size = 0;
    this.#lost = 0;
  }
}
