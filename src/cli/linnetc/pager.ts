/** Long replies a page at a time, as birdc shows them; only at a terminal. */
import type { Interface } from "node:readline";

export class Pager {
  readonly #isTerminal: boolean;
  readonly #rl: Interface;
  #rows = 0;
  #held: string[] = [];
  #asking: Promise<void> | undefined;
  #skipping = false;

  constructor(rl: Interface, isTerminal: boolean) {
    this.#rl = rl;
    this.#isTerminal = isTerminal;
  }

  /** @returns whether more can be taken at once */
  line(text: string): boolean {
    if (!this.#isTerminal) return process.stdout.write(`${text}\n`);
    this.#held.push(text);
    if (!this.#asking) this.#page();
    return true;
  }

  /** Resolves when everything was shown, or the user has seen enough. */
  async end(): Promise<void> {
    while (this.#asking) await this.#asking;
  }

  #page(): void {
    const height = Math.max(2, (process.stdout.rows || 24) - 1);
    while (this.#held.length > 0 && !this.#skipping) {
      if (this.#rows >= height) {
        this.#asking = this.#ask().then(() => {
          this.#asking = undefined;
          this.#page();
        });
        return;
      }
      const text = this.#held.shift() as string;
      process.stdout.write(`${text}\n`);
      this.#rows += Math.max(1, Math.ceil(text.length / (process.stdout.columns || 80)));
    }
    if (this.#skipping) this.#held = [];
  }

  /** Space: a page more; Enter: a line; q: enough. */
  #ask(): Promise<void> {
    process.stdout.write("--More--");
    return new Promise((resolve) => {
      const { stdin } = process;
      const heard = (chunk: Buffer | string): void => {
        const key = chunk.toString();
        stdin.off("data", heard);
        process.stdout.write("\r        \r");
        this.#rl.resume();
        if (key === "q" || key === "Q" || key === "\x03") this.#skipping = true;
        this.#rows = key === "\r" || key === "\n" ? this.#rows - 1 : 0;
        // What was typed to the pager is no command.
        this.#rl.write(null, { ctrl: true, name: "u" });
        resolve();
      };
      stdin.on("data", heard);
    });
  }
}
