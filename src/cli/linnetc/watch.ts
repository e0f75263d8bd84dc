/** `linnetc watch`: the sessions on the whole screen, looked at again every second; `q` leaves. */
import { ControlClient } from "./client.ts";
import type { CtlFlags } from "./flags.ts";
import { ConnectError } from "./hints.ts";
import { type Look, type Size, screen, type WatchedEvent, type WatchedProtocol, type WatchedStatus } from "./screen.ts";

/** @returns the exit status */
export async function watch(flags: CtlFlags): Promise<number> {
  const seconds = Number(flags.words[1] ?? 1);
  if (!(seconds >= SHORTEST && seconds <= LONGEST)) {
    process.stderr.write(`linnetc: watch [<seconds>], ${SHORTEST} to ${LONGEST}\n`);
    return 1;
  }
  const client = await ControlClient.connect(flags.socket);
  if (process.stdout.isTTY !== true) return onePage(client);
  try {
    return await new Watcher(client, seconds * 1000).run();
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    process.stderr.write("Connection closed by server.\n");
    return 2;
  } finally {
    client.close();
  }
}

/** Into a file or a pipe: what the screen would show, once. */
async function onePage(client: ControlClient): Promise<number> {
  const look = await lookAt(client);
  for (const line of screen(look, undefined, NO_TERMINAL, 0)) process.stdout.write(`${line.trimEnd()}\n`);
  client.close();
  return 0;
}

class Watcher {
  readonly #client: ControlClient;
  readonly #interval: number;
  #look: Look | undefined;
  #before: Look | undefined;
  #top = 0;
  #leave: (() => void) | undefined;

  constructor(client: ControlClient, interval: number) {
    this.#client = client;
    this.#interval = interval;
  }

  async run(): Promise<number> {
    const left = new Promise<void>((resolve) => {
      this.#leave = resolve;
    });
    const onKey = (key: Buffer): void => this.#key(key.toString());
    const onResize = (): void => this.#draw();
    process.stdout.write(ENTER);
    process.stdin.setRawMode(true);
    process.stdin.on("data", onKey);
    process.stdout.on("resize", onResize);
    try {
      await this.#loop(left);
    } finally {
      process.stdin.off("data", onKey);
      process.stdin.setRawMode(false);
      process.stdin.pause();
      process.stdout.off("resize", onResize);
      process.stdout.write(LEAVE);
    }
    return 0;
  }

  async #loop(left: Promise<void>): Promise<void> {
    let done = false;
    left.then(() => {
      done = true;
    });
    while (!done) {
      this.#before = this.#look;
      this.#look = await lookAt(this.#client);
      this.#draw();
      await Promise.race([left, new Promise((resolve) => setTimeout(resolve, this.#interval))]);
    }
  }

  #key(key: string): void {
    if (key === "q" || key === "\x03" || key === "\x1b") this.#leave?.();
    else if (key === "j" || key === "\x1b[B") this.#scroll(1);
    else if (key === "k" || key === "\x1b[A") this.#scroll(-1);
    else if (key === " " || key === "\x1b[6~") this.#scroll(PAGE);
    else if (key === "b" || key === "\x1b[5~") this.#scroll(-PAGE);
  }

  #scroll(by: number): void {
    const most = Math.max(0, (this.#look?.protocols.length ?? 1) - 1);
    this.#top = Math.min(most, Math.max(0, this.#top + by));
    this.#draw();
  }

  #draw(): void {
    if (!this.#look) return;
    const { rows, columns } = process.stdout;
    const size: Size = { rows: (rows || NO_TERMINAL.rows) - 1, columns: columns || NO_TERMINAL.columns };
    const lines = [...screen(this.#look, this.#before, size, this.#top), FOOT.slice(0, size.columns)];
    process.stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
  }
}

async function lookAt(client: ControlClient): Promise<Look> {
  const ask = async (command: string): Promise<unknown> => {
    const { code, text } = await client.collect(`json ${command}`);
    if (code >= 8000) throw new Error(`${command}: ${text}`);
    return JSON.parse(text);
  };
  const status = (await ask("show status")) as WatchedStatus;
  const { protocols } = (await ask("show protocols all")) as { protocols: WatchedProtocol[] };
  const { events } = (await ask("show events last 20")) as { events: WatchedEvent[] };
  return { at: Date.now(), status, protocols, events: events.filter((event) => event.kind !== "update") };
}

const SHORTEST = 0.1;
const LONGEST = 3600;
const PAGE = 10;
const NO_TERMINAL: Size = { rows: 24, columns: 80 };
const FOOT = "q quit   j/k scroll   In, Out: routes; In/s, Out/s: updates a second";
/** The other screen, without a cursor. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE = "\x1b[?25h\x1b[?1049l";
