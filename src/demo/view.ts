/** The live view of `npm start`: sessions, the endpoint's table, who carries the traffic, what happened. */
import type { Lab, LabState } from "./lab.ts";
import type { Moment } from "./story.ts";

export function formatMoment({ at, text }: Moment): string {
  return `${at.toFixed(0).padStart(7)} ms  ${text}`;
}

/** Redraws in place; fits 80 x 24. */
export class View {
  readonly #lab: Lab;
  readonly #out: NodeJS.WriteStream;
  readonly #moments: Moment[] = [];
  #lastDrawn = 0;
  #hint = "Ctrl-C ends it.";

  constructor(lab: Lab, out: NodeJS.WriteStream) {
    this.#lab = lab;
    this.#out = out;
    out.write("\x1b[?25l\x1b[2J");
  }

  add(moment: Moment): void {
    this.#moments.push(moment);
    this.#lastDrawn = 0;
  }

  /** What can be done while it runs. */
  hint(text: string): void {
    this.#hint = text;
    this.#lastDrawn = 0;
  }

  draw(state: LabState): void {
    const now = performance.now();
    if (now - this.#lastDrawn < FRAME_MS) return;
    this.#lastDrawn = now;
    const width = Math.max(40, this.#out.columns || 80);
    const lines = this.#lines(state).map((line) => `${clip(line, width)}\x1b[K`);
    this.#out.write(`\x1b[H${lines.join("\n")}\n\x1b[J`);
  }

  close(): void {
    this.#out.write("\x1b[?25h\n");
  }

  #lines(state: LabState): string[] {
    const mark = (role: "primary" | "standby"): string => (state.best === role ? "\x1b[32m=> traffic\x1b[0m" : "");
    return [
      "\x1b[1mlinnet\x1b[0m  a route server endpoint and two subnet routers, on loopback",
      "",
      row("router", "process", "session at the endpoint", ""),
      row("primary  127.0.0.11  MED   0", process(state.running.primary), state.sessions.primary, mark("primary")),
      row("standby  127.0.0.12  MED 100", process(state.running.standby), state.sessions.standby, mark("standby")),
      "",
      "table of the endpoint, 127.0.0.10 (* is used)",
      ...fill(
        state.routes.map((line) => `  ${line}`),
        2,
      ),
      "",
      "what happened",
      ...fill(this.#moments.slice(-MOMENTS).map(formatMoment), MOMENTS),
      "",
      `ask it: dist/bin/linnetc.js -s ${this.#lab.socket("endpoint")} show route`,
      this.#hint,
    ];
  }
}

function row(router: string, state: string, session: string, mark: string): string {
  return `${router.padEnd(31)}${state.padEnd(10)}${session.padEnd(25)}${mark}`;
}

function process(running: boolean): string {
  return running ? "runs" : "gone";
}

function fill(lines: readonly string[], count: number): string[] {
  return [...lines, ...Array<string>(Math.max(0, count - lines.length)).fill("")].slice(0, count);
}

/** Cuts what does not fit; escape sequences take no room. */
function clip(line: string, width: number): string {
  let room = width;
  return line.replace(/\x1b\[[0-9;]*m|./g, (piece) => (piece.startsWith("\x1b") || room-- > 0 ? piece : ""));
}

const FRAME_MS = 100;
const MOMENTS = 9;
