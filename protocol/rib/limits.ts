/** Route limits of a channel (BIRD's `import limit`, `receive limit`, `export limit`). */

export type LimitAction = "warn" | "block" | "restart" | "disable";

export interface LimitOptions {
  readonly count: number;
  readonly action: LimitAction;
}

export type LimitKind = "receive" | "import" | "export";

/** One limit's state: it speaks once when it is passed, and again only after the count was below it. */
export class Limit {
  readonly kind: LimitKind;
  options: LimitOptions | undefined;
  readonly #hit: (kind: LimitKind, action: LimitAction, count: number) => void;
  #passed = false;

  constructor(
    kind: LimitKind,
    options: LimitOptions | undefined,
    hit: (kind: LimitKind, action: LimitAction, count: number) => void,
  ) {
    this.kind = kind;
    this.options = options;
    this.#hit = hit;
  }

  /** @param count routes there are, without the one that wants in. @returns whether that one may come in */
  admits(count: number): boolean {
    const { options } = this;
    if (!options) return true;
    if (count < options.count) {
      this.#passed = false;
      return true;
    }
    if (!this.#passed) {
      this.#passed = true;
      this.#hit(this.kind, options.action, options.count);
    }
    return options.action === "warn";
  }

  /** Whether it is passed now. */
  get isPassed(): boolean {
    return this.#passed;
  }

  reset(): void {
    this.#passed = false;
  }
}
