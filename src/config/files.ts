/** Files as a configuration reads them: regular ones only, and never without end. */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { getSystemErrorMap } from "node:util";
import { matchesShell } from "../../protocol/policy/shell-pattern.ts";

export interface ConfigFiles {
  /** @throws Error whose message is the system's: `No such file or directory` */
  readFile(path: string, limit: number): Uint8Array;
  /** Paths of the regular files that match, in order; none is fine if the directory exists. @throws Error as above */
  glob(pattern: string): readonly string[];
}

/** A file that cannot be read; the message says which and why. */
export class FileError extends Error {
  override readonly name = "FileError";
}

export const diskFiles: ConfigFiles = { readFile, glob };

/** One character for each octet, as the lexer wants it. */
export function latin1(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.length).toString("latin1");
}

function readFile(path: string, limit: number): Uint8Array {
  return withSystemWords(() => {
    // Not to wait for the other end of a FIFO.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(fd);
      if (stat.isDirectory()) throw new Error("Is a directory");
      if (!stat.isFile()) throw new Error("Not a regular file");
      if (stat.size > limit) throw new Error(`File larger than ${limit >> 20} MB`);
      return readUpTo(fd, limit);
    } finally {
      closeSync(fd);
    }
  });
}

/** Sizes may change, and some files say 0 and mean much. */
function readUpTo(fd: number, limit: number): Uint8Array {
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const count = readSync(fd, chunk, 0, CHUNK, null);
    if (count === 0) return Buffer.concat(chunks, total);
    total += count;
    if (total > limit) throw new Error(`File larger than ${limit >> 20} MB`);
    chunks.push(chunk.subarray(0, count));
  }
}

/** As glob(3) with GLOB_ERR: a directory that cannot be read is an error, no match is none. */
function glob(pattern: string): readonly string[] {
  return withSystemWords(() => {
    const [first, ...rest] = pattern.split("/");
    let paths = pattern.startsWith("/") ? [""] : [first as string];
    if (!pattern.startsWith("/") && isPattern(first as string)) paths = entries(".", first as string);
    for (const part of rest) {
      paths = paths.flatMap((path) => {
        if (!isPattern(part)) return [`${path}/${part}`];
        return entries(path === "" ? "/" : path, part).map((name) => `${path}/${name}`);
      });
    }
    return paths.filter(isRegular).sort((a, b) => (a < b ? -1 : 1));
  });
}

/** Names in a directory that match; hidden ones only by a pattern that begins with a dot. */
function entries(directory: string, part: string): string[] {
  if (statSync(directory).isDirectory()) {
    return readdirSync(directory).filter(
      (name) => (!name.startsWith(".") || part.startsWith(".")) && matches(part, name),
    );
  }
  return [];
}

/** `[a-z]` by regular expression, the rest without. */
function matches(part: string, name: string): boolean {
  if (!part.includes("[")) return matchesShell(part, name);
  const source = part.replace(/\[!?[^\]]+\]|[\s\S]/g, (piece) => {
    if (piece === "*") return "[^/]*";
    if (piece === "?") return "[^/]";
    if (piece.length > 1) return piece.replace("[!", "[^").replaceAll("\\", "\\\\");
    return piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${source}$`).test(name);
}

function isPattern(part: string): boolean {
  return /[*?[]/.test(part);
}

function isRegular(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // gone meanwhile, or a link to nowhere: not there
  }
}

/** errno in strerror's words, as bird prints them. */
function withSystemWords<V>(action: () => V): V {
  try {
    return action();
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    const words = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
    if (words === undefined) throw error;
    throw new Error(`${words[0]?.toUpperCase() ?? ""}${words.slice(1)}`, { cause: error });
  }
}

const CHUNK = 1 << 20;
