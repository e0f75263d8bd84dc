/**
 * Where the octets come from: a file or standard input, decompressed if need be, told by content.
 *
 * All of it pulls: nothing is read before it is asked for, so that memory is bounded by a few chunks whatever the input.
 */
import { open } from "node:fs/promises";
import { createGunzip, type Gunzip } from "node:zlib";
import { compressionOf, FORMAT_OCTETS } from "../../../protocol/archive/detect.ts";
import { Bzip2Decoder } from "./bzip2.ts";

export type Chunks = AsyncIterable<Uint8Array>;

/** What is being read and how far it got. */
export interface Source {
  readonly chunks: Chunks;
  /** Octets of the file, compressed or not; undefined for a pipe. */
  readonly size: number | undefined;
  /** How many of them were read. */
  position(): number;
  close(): Promise<void>;
}

/** @param name `-` is standard input. @throws as node:fs does */
export async function openSource(name: string, stdin: AsyncIterable<Uint8Array | string>): Promise<Source> {
  let position = 0;
  const count = (octets: number): void => {
    position += octets;
  };
  if (name === "-") {
    const chunks = counted(octetsOf(stdin), count);
    return { chunks, size: undefined, position: () => position, close: async () => {} };
  }
  const file = await open(name, "r");
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw new Error("is a directory");
    const read = async function* (): Chunks {
      // Two in turns: what is left of a chunk is only copied when the next one is there.
      const buffers = [new Uint8Array(READ), new Uint8Array(READ)] as const;
      for (let turn: 0 | 1 = 0; ; turn = turn === 0 ? 1 : 0) {
        const { bytesRead, buffer } = await file.read(buffers[turn], 0, READ, null);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    };
    const size = stat.isFile() ? stat.size : undefined;
    return { chunks: counted(read(), count), size, position: () => position, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The octets inside, whether compressed or not; the first chunk is long enough to tell what they are. */
export async function* decompressed(chunks: Chunks): Chunks {
  const [first, rest] = await peek(chunks, 4);
  const all = chain(first, rest);
  const compression = compressionOf(first);
  const plain = compression === "gzip" ? gunzip(all) : compression === "bzip2" ? bunzip2(all) : all;
  const [head, tail] = await peek(plain, FORMAT_OCTETS);
  yield* chain(head, tail);
}

/** A decompressor gave up; what it gave before is sound. */
export class CompressionError extends Error {
  override readonly name = "CompressionError";
}

/**
 * All members of a gzip file (RFC 1952). Each piece of input is inflated before its output is handed on, while the thread
 * pool works on the next: so a piece is short, for a gigabyte of zeros fits into a megabyte.
 */
async function* gunzip(chunks: Chunks): Chunks {
  const inflater = new Inflater();
  try {
    for await (const piece of pieces(chunks)) {
      const used = inflater.write(piece);
      yield* inflater.take(); // of the piece before
      await used;
      if (inflater.failure) break;
    }
    yield* inflater.take();
    await inflater.finish();
    yield* inflater.take();
    if (inflater.failure) throw new CompressionError(gzipWords(inflater.failure));
  } finally {
    inflater.close();
  }
}

/** node:zlib, so that whatever it gave before it failed is kept: its own stream throws that away. */
class Inflater {
  readonly #gunzip: Gunzip = createGunzip({ chunkSize: OUTPUT });
  readonly #outputs: Uint8Array[] = [];
  #failure: Error | undefined;
  #ended = false;
  #settle: () => void = () => {};

  constructor() {
    this.#gunzip.on("data", (chunk: Uint8Array) => this.#outputs.push(chunk));
    this.#gunzip.on("error", (error) => {
      this.#failure = error;
      this.#settle();
    });
    this.#gunzip.on("end", () => {
      this.#ended = true;
      this.#settle();
    });
  }

  get failure(): NodeJS.ErrnoException | undefined {
    return this.#failure;
  }

  /** Settles when the piece is used up, or never will be. */
  write(piece: Uint8Array): Promise<void> {
    return this.#done((resolve) => this.#gunzip.write(piece, () => resolve()));
  }

  /** Nothing more comes: if something was to come, that is a failure. */
  finish(): Promise<void> {
    return this.#done(() => this.#gunzip.end());
  }

  *take(): Generator<Uint8Array> {
    yield* this.#outputs.splice(0);
  }

  close(): void {
    this.#gunzip.destroy();
  }

  #done(start: (resolve: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      if (this.#failure || this.#ended) return resolve();
      this.#settle = resolve;
      start(resolve);
    });
  }
}

function gzipWords(error: NodeJS.ErrnoException): string {
  return error.code === "Z_BUF_ERROR" ? "gzip: the file is cut" : `gzip: ${error.message}`;
}

async function* bunzip2(chunks: Chunks): Chunks {
  const decoder = new Bzip2Decoder();
  try {
    for await (const chunk of chunks) {
      decoder.push(chunk);
      if (!decoder.hungry) yield* decoder.blocks();
    }
    decoder.end();
    yield* decoder.blocks();
  } catch (error) {
    if (error instanceof Error && error.name === "Bzip2Error") throw new CompressionError(error.message);
    throw error;
  }
}

/**
 * Short pieces, and the last octets by themselves: an inflater that fails keeps the output of the piece it failed in, and
 * most damage shows in the checksum at the very end.
 */
async function* pieces(chunks: Chunks): Chunks {
  let tail: Uint8Array = new Uint8Array(0);
  for await (const chunk of chunks) {
    const all = tail.length > 0 ? Buffer.concat([tail, chunk]) : chunk;
    const end = Math.max(0, all.length - GZIP_TRAILER);
    for (let at = 0; at < end; at += PIECE) yield all.subarray(at, Math.min(end, at + PIECE));
    tail = all.subarray(end);
  }
  if (tail.length > 0) yield tail;
}

async function* counted(chunks: Chunks, count: (octets: number) => void): Chunks {
  for await (const chunk of chunks) {
    count(chunk.length);
    yield chunk;
  }
}

async function* octetsOf(stream: AsyncIterable<Uint8Array | string>): Chunks {
  for await (const chunk of stream) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

/** At least `least` octets, fewer only at the end, and what follows them. */
async function peek(chunks: Chunks, least: number): Promise<[Uint8Array, AsyncIterator<Uint8Array>]> {
  const rest = chunks[Symbol.asyncIterator]();
  let first: Uint8Array = new Uint8Array(0);
  while (first.length < least) {
    const next = await rest.next();
    if (next.done) break;
    first = first.length === 0 ? next.value : Buffer.concat([first, next.value]);
  }
  return [first, rest];
}

async function* chain(first: Uint8Array, rest: AsyncIterator<Uint8Array>): Chunks {
  try {
    if (first.length > 0) yield first;
    yield* { [Symbol.asyncIterator]: () => rest };
  } finally {
    await rest.return?.(); // whoever stops early lets go of the input
  }
}

const READ = 256 << 10;
const PIECE = 32 << 10;
const OUTPUT = 256 << 10;
const GZIP_TRAILER = 8;
