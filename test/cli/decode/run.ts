/** `linnet decode` as a function: arguments and standard input in, what it prints and its exit status out. */
import { Readable, Writable } from "node:stream";
import { decodeCommand } from "../../../src/cli/decode.ts";

export interface Result {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

// biome-ignore lint/suspicious/noExplicitAny: lines are looked into by tests, key by key
export type Line = any;

export async function decode(args: readonly string[], stdin: readonly Uint8Array[] = [], tty = false): Promise<Result> {
  const out = collector(tty);
  const err = collector(false);
  const status = await decodeCommand(args, { stdin: Readable.from(stdin), stdout: out.stream, stderr: err.stream });
  return { status, out: out.text(), err: err.text() };
}

/** The JSON lines of standard input. */
export async function decodeLines(octets: Uint8Array, args: readonly string[] = []): Promise<Line[]> {
  const { out } = await decode(["--json", ...args, "-"], [octets]);
  return linesOf(out);
}

export function linesOf(out: string): Line[] {
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

function collector(tty: boolean): { stream: Writable & { isTTY: boolean }; text(): string } {
  const pieces: Uint8Array[] = [];
  const stream = Object.assign(
    new Writable({
      write(chunk: Uint8Array, _encoding, done) {
        pieces.push(chunk);
        done();
      },
    }),
    { isTTY: tty },
  );
  return { stream, text: () => Buffer.concat(pieces).toString("utf8") };
}
