/**
 * One reply on the control socket, in BIRD's framing: every line has a four-digit code, which is printed
 * only where it changes; `-` behind it says that more follows, a blank that the reply ends.
 */
export class Reply {
  #text = "";
  #code = NO_CODE;
  #ended = false;

  /** A line that others follow. */
  line(code: number, text: string): void {
    const clean = printable(text);
    this.#text += code === this.#code ? ` ${clean}\n` : `${digits(code)}-${clean}\n`;
    this.#code = code;
  }

  /** The last line. Its code is always printed, and the blank behind it even before no text. */
  end(code: number, text = ""): void {
    this.#text += `${digits(code)} ${printable(text)}\n`;
    this.#code = NO_CODE;
    this.#ended = true;
  }

  /** What is said outside of any reply: a `+` and no code. */
  async(text: string): void {
    this.#text += `+${printable(text)}\n`;
  }

  /** A line with neither code nor mark: the notice of lost messages alone has that shape. */
  notice(text: string): void {
    this.#text += `${printable(text)}\n`;
  }

  /** Whether the last command has been answered to its end. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Characters waiting to be taken. */
  get size(): number {
    return this.#text.length;
  }

  /** Starts the reply to the next command; what has not been taken stays. */
  begin(): void {
    this.#code = NO_CODE;
    this.#ended = false;
  }

  take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }
}

/** A peer's text must not break the framing: control characters, but for the TAB that the layout uses, become `?`. */
function printable(text: string): string {
  return CONTROL.test(text) ? text.replace(CONTROLS, "?") : text;
}

function digits(code: number): string {
  return String(code).padStart(4, "0");
}

const NO_CODE = -1;
const CONTROL = /[\0-\x08\n-\x1f\x7f\x80-\x9f]/;
const CONTROLS = /[\0-\x08\n-\x1f\x7f\x80-\x9f]/g;
