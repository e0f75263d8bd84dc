/**
 * `linnet decode`: the BGP messages of captures, MRT files and hex lines, as JSON lines or for people.
 *
 * Exit status: 0 the input was read to its end, whatever was in it; 1 it is no capture, cannot be read, or is cut inside a
 * record; 2 wrong usage. With `--strict` the first ill-formed message ends it with 1 too.
 */
import type { Writable } from "node:stream";
import { CaptureDecoder } from "../../protocol/archive/capture.ts";
import { formatOf } from "../../protocol/archive/detect.ts";
import { MrtDecoder } from "../../protocol/archive/mrt.ts";
import { PcapReader } from "../../protocol/archive/pcap.ts";
import { PcapngReader } from "../../protocol/archive/pcapng.ts";
import { ArchiveError, type RibRecord } from "../../protocol/archive/record.ts";
import { HexDecoder } from "./decode/hex-lines.ts";
import { jsonLine, ribLine, ribTail } from "./decode/json.ts";
import { type DecodeOptions, parseOptions } from "./decode/options.ts";
import { Output } from "./decode/output.ts";
import { Progress } from "./decode/progress.ts";
import { RouteTexts } from "./decode/route-texts.ts";
import { CompressionError, decompressed, openSource, type Source } from "./decode/source.ts";
import { Summary } from "./decode/summary.ts";
import { textLine } from "./decode/text.ts";
import { type AnyRecord, findingsOf, inspectRoute, viewOf } from "./decode/view.ts";

export interface DecodeIo {
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
}

/** @returns the exit status */
export async function decodeCommand(argv: readonly string[], io: DecodeIo): Promise<number> {
  const parsed = await parseOptions(argv);
  if (parsed.type === "exit") {
    (parsed.status === 0 ? io.stdout : io.stderr).write(parsed.text);
    return parsed.status;
  }
  return new Run(parsed.options, io).all();
}

/** What a file is decoded by: pcap, pcapng, MRT or hex. */
interface Decoder {
  readonly records: number;
  /** @throws ArchiveError when the file cannot be read on */
  push(chunk: Uint8Array): void;
  /** Gives what waited. */
  end(): void;
  /** @throws ArchiveError if the file ended inside a record */
  finish(): void;
}

class Run {
  readonly #options: DecodeOptions;
  readonly #io: DecodeIo;
  readonly #output: Output;
  /** Where every route is printed as JSON. */
  readonly #routes: RouteTexts | undefined;
  readonly #summary: Summary | undefined;
  readonly #json: boolean;
  #status = 0;
  /** By --strict, at the first thing wrong. */
  #stopped = false;

  constructor(options: DecodeOptions, io: DecodeIo) {
    this.#options = options;
    this.#io = io;
    this.#output = new Output(io.stdout);
    this.#json = options.json ?? io.stdout.isTTY !== true;
    if (options.summary) this.#summary = new Summary();
    else if (this.#json && options.filter.empty && !options.strict) this.#routes = new RouteTexts();
  }

  async all(): Promise<number> {
    for (const name of this.#options.files) {
      await this.#file(name);
      if (this.#output.closed || this.#stopped) break;
    }
    if (this.#summary) this.#output.text(this.#json ? this.#summary.json() : this.#summary.text());
    await this.#output.end();
    return this.#status;
  }

  async #file(name: string): Promise<void> {
    let source: Source;
    try {
      source = await openSource(name, this.#io.stdin);
    } catch (error) {
      this.#complain(name, words(error));
      return;
    }
    const progress = new Progress(this.#io.stderr, name, source, this.#io.stdout.isTTY !== true || !!this.#summary);
    try {
      await this.#read(name, source, progress);
    } finally {
      progress.clear();
      await source.close();
    }
  }

  async #read(name: string, source: Source, progress: Progress): Promise<void> {
    const label = this.#options.files.length > 1 ? name : undefined;
    let decoder: Decoder | undefined = this.#options.hex ? this.#hexDecoder(name, label) : undefined;
    let read = 0;
    try {
      for await (const chunk of decompressed(source.chunks)) {
        decoder ??= this.#decoderOf(chunk, label);
        read += chunk.length;
        decoder.push(chunk);
        await this.#output.relay(); // at once: the input may be somebody's live capture
        progress.update();
        if (this.#output.closed || this.#stopped) return;
      }
      decoder ??= this.#decoderOf(EMPTY, label);
      decoder.end();
      decoder.finish();
    } catch (error) {
      if (this.#stopped) return;
      decoder?.end();
      progress.clear();
      this.#complain(name, failure(error, decoder, read));
    } finally {
      this.#summary?.file(name, decoder?.records ?? 0);
    }
  }

  /** @param first at least as many octets as tell what it is, if the file has them */
  #decoderOf(first: Uint8Array, label: string | undefined): Decoder {
    const { as4, addPath, ports } = this.#options;
    const emit = (record: AnyRecord): void => this.#emit(record, label);
    switch (formatOf(first)) {
      case "pcap":
        return new CaptureDecoder(new PcapReader(), { as4, addPath, ports }, emit);
      case "pcapng":
        return new CaptureDecoder(new PcapngReader(), { as4, addPath, ports }, emit);
      case "mrt":
        return new MrtDecoder({ as4, addPath }, emit);
      default:
        throw new ArchiveError("neither pcap nor pcapng nor MRT", 0, 0);
    }
  }

  #hexDecoder(name: string, label: string | undefined): Decoder {
    return new HexDecoder(
      this.#options,
      (record) => this.#emit(record, label),
      (line, what) => {
        if (!this.#stopped) this.#complain(name, `line ${line}: ${what}`);
      },
    );
  }

  #emit(record: AnyRecord, label: string | undefined): void {
    if (this.#stopped) return;
    const { filter, strict, as4 } = this.#options;
    if (this.#summary && filter.empty && as4 === "auto" && this.#summary.addSound(record, label)) return;
    if (record.kind === "rib" && this.#routes) return this.#output.line(this.#ribLine(record, this.#routes, label));
    const entry = viewOf(record, this.#options);
    if (filter.empty || filter.wants(entry)) {
      if (this.#summary) this.#summary.add(entry, label);
      else if (this.#json) this.#output.line(jsonLine(entry, label));
      else this.#output.line(textLine(entry, label));
    }
    const [finding] = findingsOf(entry);
    if (!strict || !finding) return;
    const { code, subcode, name, message, offset } = finding;
    const where = `frame ${record.moment.frame}, octet ${offset}`;
    this.#complain(label ?? this.#options.files[0]!, `${code}/${subcode} ${name}: ${message} (${where})`);
  }

  #ribLine(record: RibRecord, routes: RouteTexts, label: string | undefined): string {
    const tail = routes.get(record) ?? routes.add(record, ribTail(inspectRoute(record, this.#options)));
    return ribLine(record, tail, label);
  }

  #complain(name: string, what: string): void {
    this.#status = 1;
    this.#io.stderr.write(`${name}: ${what}\n`);
    if (this.#options.strict) this.#stopped = true;
  }
}

/** What ended a file before its end, in one line. */
function failure(error: unknown, decoder: Decoder | undefined, read: number): string {
  if (error instanceof ArchiveError) {
    const where =
      error.record > 0 ? `record ${error.record}, byte offset ${error.offset}` : `byte offset ${error.offset}`;
    return `${error.message} (${where})`;
  }
  const where = `record ${(decoder?.records ?? 0) + 1}, byte offset ${read}`;
  if (error instanceof CompressionError) return `${error.message} (${where})`;
  if (isSystemError(error)) return `${words(error)} (${where})`;
  throw error;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error;
}

/** What the system says, without its internals. */
function words(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const match = /^[A-Z0-9]+: (.+?), /.exec(text);
  return match ? match[1]! : text;
}

const EMPTY = new Uint8Array(0);
