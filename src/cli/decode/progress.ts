/** A bar on standard error while a long file is read, if a person is there to see it. */
import type { Source } from "./source.ts";

export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class Progress {
  readonly #screen: Screen | undefined;
  readonly #name: string;
  readonly #source: Pick<Source, "size" | "position">;
  readonly #now: () => number;
  readonly #started: number;
  #shownAt: number | undefined;

  /** @param wanted false where lines go to the same terminal */
  constructor(
    screen: Screen,
    name: string,
    source: Pick<Source, "size" | "position">,
    wanted: boolean,
    now: () => number = () => performance.now(),
  ) {
    this.#now = now;
    this.#started = now();
    this.#screen = wanted && screen.isTTY ? screen : undefined;
    this.#name = name;
    this.#source = source;
  }

  update(): void {
    if (!this.#screen) return;
    const now = this.#now();
    if (now - this.#started < PATIENCE_MS || now - (this.#shownAt ?? 0) < INTERVAL_MS) return;
    this.#shownAt = now;
    this.#screen.write(`\r${this.#line(now - this.#started)}\x1b[K`);
  }

  /** Leaves nothing behind. */
  clear(): void {
    if (this.#shownAt !== undefined) this.#screen?.write("\r\x1b[K");
  }

  #line(elapsedMs: number): string {
    const done = this.#source.position();
    const rate = `${(done / 1e6 / (elapsedMs / 1000)).toFixed(1)} MB/s`;
    const { size } = this.#source;
    if (!size) return `${this.#name}  ${(done / 1e6).toFixed(1)} MB  ${rate}`;
    const share = Math.min(1, done / size);
    const left = share > 0 ? ((elapsedMs / 1000) * (1 - share)) / share : 0;
    const width = Math.max(10, Math.min(40, (this.#screen?.columns ?? 80) - this.#name.length - 40));
    const filled = Math.round(share * width);
    const bar = `${"#".repeat(filled)}${"-".repeat(width - filled)}`;
    return `${this.#name}  [${bar}] ${(share * 100).toFixed(0).padStart(3)} %  ${rate}  ${left.toFixed(0)} s left`;
  }
}

/** Shorter waits need no bar. */
const PATIENCE_MS = 1000;
const INTERVAL_MS = 200;
