/**
 * From files to a configuration, or to all that is wrong with them. Reading is injected; beside it stands
 * the form that reads from disk.
 */
import { Fault, PolicyError } from "../../protocol/policy/error.ts";
import { type SourceFile, utf8 } from "../../protocol/policy/lexer.ts";
import { ConfigDraft } from "./draft.ts";
import { type ConfigFiles, diskFiles, FileError, latin1 } from "./files.ts";
import { isoShort } from "./globals.ts";
import { parseLinnetConfig } from "./linnet.ts";
import { parseConfig } from "./parser.ts";
import type { Config, ConfigMessage, SymbolInfo } from "./schema.ts";
import { findWarnings, type Surroundings } from "./warnings.ts";

export interface LoadOptions extends ConfigFiles, Surroundings {
  /** As given to `-c`. */
  readonly file: string;
  /** Instead of reading `file`. */
  readonly text?: string;
  /** Refuse protocols that are only read past. */
  readonly strict?: boolean | undefined;
  /** What bird does not know, in a file of its own; left out: `linnet.conf` beside `file`, if it is there. */
  readonly linnetFile?: string | undefined;
}

export type LoadResult =
  | {
      readonly ok: true;
      readonly config: Config;
      /** Of every file read, by name, for quoting. */
      readonly sources: ReadonlyMap<string, string>;
    }
  | {
      readonly ok: false;
      /** The first is bird's. */
      readonly errors: readonly ConfigMessage[];
      readonly sources: ReadonlyMap<string, string>;
    };

export function loadConfig(options: LoadOptions): LoadResult {
  const sources = new Map<string, string>();
  const reader = new Reader(options, sources);
  try {
    const text = options.text === undefined ? reader.main(options.file) : octets(options.text);
    sources.set(options.file, text);
    const draft = new ConfigDraft({ name: options.file, text }, globals(), options.strict ?? false, (pattern, from) =>
      reader.include(pattern, from),
    );
    return finish(options, draft, reader, sources);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return { ok: false, errors: [{ place: { file: "", line: 0, column: 0 }, text: error.message }], sources };
  }
}

export function loadConfigFile(path: string, options: Omit<LoadOptions, "file" | keyof ConfigFiles> = {}): LoadResult {
  return loadConfig({ file: path, ...diskFiles, ...options });
}

function finish(
  options: LoadOptions,
  draft: ConfigDraft,
  reader: Reader,
  sources: ReadonlyMap<string, string>,
): LoadResult {
  try {
    parseConfig(draft);
    const linnet = reader.beside(options);
    if (linnet) parseLinnetConfig(draft, linnet, (pattern, from) => reader.include(pattern, from));
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    if (draft.errors.length === 0) draft.report(error);
  }
  if (draft.errors.length > 0) return { ok: false, errors: draft.errors, sources };
  return { ok: true, config: build(options, draft, [...sources.keys()]), sources };
}

function build(options: LoadOptions, draft: ConfigDraft, files: readonly string[]): Config {
  const { globals: values, tables, protocols, filters, scope } = draft;
  return {
    ...values,
    log: named(values),
    file: options.file,
    files,
    tables: [...tables.values()],
    protocols,
    filters,
    scope,
    symbols: symbols(draft),
    warnings: [...draft.warnings, ...findWarnings({ protocols }, options)],
  };
}

/** The identity's tag is what syslog targets without a name of their own use. */
function named({ log, linnet }: ConfigDraft["globals"]): Config["log"] {
  const tag = linnet.identity?.syslogTag;
  if (tag === undefined) return log;
  return log.map((target) =>
    target.kind === "syslog" && target.name === undefined ? { ...target, name: tag } : target,
  );
}

function symbols(draft: ConfigDraft): SymbolInfo[] {
  return [...draft.scope.symbols()].map(({ name, kind }) => ({ name, kind: SYMBOL_KINDS[kind] }));
}

const SYMBOL_KINDS = {
  constant: "constant",
  variable: "variable",
  attribute: "custom attribute",
  function: "function",
  filter: "filter",
  table: "routing table",
  protocol: "protocol",
  template: "protocol template",
} as const;

/** bird's defaults. */
function globals(): ConfigDraft["globals"] {
  const long = { format: "%F %T.%3f" };
  const short = isoShort(".%3f");
  return {
    log: [],
    debugProtocols: new Set(),
    debugChannels: new Set(),
    debugCommands: 0,
    debugLatency: false,
    debugLatencyLimitMs: 1000,
    watchdogWarningMs: 5000,
    watchdogTimeoutMs: 0,
    mrtdump: new Set(),
    gracefulRestartWait: 240,
    timeformat: { route: short, protocol: short, base: long, log: long },
    linnet: { hooks: [], recording: { bytes: 0 } },
  };
}

/** Reads what is asked for, within limits, and remembers it. */
class Reader {
  readonly #files: ConfigFiles;
  readonly #sources: Map<string, string>;
  #octets = 0;

  constructor(files: ConfigFiles, sources: Map<string, string>) {
    this.#files = files;
    this.#sources = sources;
  }

  main(path: string): string {
    return this.#read(path, `Unable to open configuration file ${path}`);
  }

  /** linnet.conf: where it was named it has to be, beside bird.conf it may be. */
  beside({ file, linnetFile, text }: LoadOptions): SourceFile | undefined {
    const directory = /^(.*\/)?[^/]*$/.exec(file)?.[1] ?? "";
    const name = linnetFile ?? `${directory}linnet.conf`;
    if (linnetFile === undefined && (text !== undefined || !this.#exists(name))) return undefined;
    return { name, text: this.#text(name) };
  }

  #exists(path: string): boolean {
    try {
      return this.#files.glob(path).length > 0;
    } catch {
      return false; // no directory, no file
    }
  }

  include(pattern: string, from: string): SourceFile[] {
    const slash = from.lastIndexOf("/");
    const directory = slash < 0 ? "." : from.slice(0, slash) || "/";
    const full = pattern.startsWith("/") ? pattern : `${directory}/${pattern}`;
    try {
      return this.#matching(full).map((name) => ({ name, text: this.#text(name) }));
    } catch (error) {
      if (error instanceof FileError) throw new Fault(error.message);
      throw error;
    }
  }

  #matching(path: string): readonly string[] {
    if (!/[*?[]/.test(path)) return [path];
    try {
      return this.#files.glob(path);
    } catch (error) {
      throw new FileError(`Unable to match pattern ${path}: ${(error as Error).message}`);
    }
  }

  #text(path: string): string {
    const known = this.#sources.get(path);
    if (known !== undefined) return known;
    if (this.#sources.size >= MOST_FILES) throw new FileError(`Too many files: more than ${MOST_FILES}`);
    const text = this.#read(path, `Unable to open included file ${path}`);
    this.#sources.set(path, text);
    return text;
  }

  #read(path: string, complaint: string): string {
    let data: Uint8Array;
    try {
      data = this.#files.readFile(path, MOST_OCTETS);
    } catch (error) {
      throw new FileError(`${complaint}: ${(error as Error).message}`);
    }
    this.#octets += data.length;
    if (this.#octets > MOST_OCTETS)
      throw new FileError(`${complaint}: configuration larger than ${MOST_OCTETS >> 20} MB`);
    return latin1(data);
  }
}

function octets(text: string): string {
  return latin1(new TextEncoder().encode(text));
}

const MOST_FILES = 10_000;
const MOST_OCTETS = 64 << 20;

/**
 * As bird prints it, `bird: FILE:LINE:COL message`, with the line in question and a caret below; then all
 * further errors likewise.
 */
export function formatErrors(result: LoadResult & { readonly ok: false }): string {
  return result.errors.map((error, i) => formatMessage(error, result.sources, i === 0 ? "bird: " : "")).join("\n");
}

/** @param sources for the quoted line; without it only the message */
export function formatMessage(
  message: ConfigMessage,
  sources: ReadonlyMap<string, string> | undefined,
  prefix: string,
): string {
  const quote = formatQuoted(message, sources, prefix);
  return message.hint === undefined ? quote : `${quote}\n  ${message.hint}`;
}

function formatQuoted(
  { place, text }: ConfigMessage,
  sources: ReadonlyMap<string, string> | undefined,
  prefix: string,
): string {
  if (place.line === 0) return `${prefix}${text}`;
  const message = `${prefix}${place.file}:${place.line}:${place.column} ${text}`;
  const line = quoted(sources?.get(place.file), place.line);
  if (line === undefined || place.column < 1) return message;
  const shown = line.slice(0, LONGEST_QUOTE);
  if (place.column > shown.length + 1) return `${message}\n${printable(shown)}`;
  // Tabs stay tabs, so that the caret stands right below; octets of one letter count once.
  const before = utf8(shown.slice(0, place.column - 1)).replace(/[^\t]/g, " ");
  return `${message}\n${printable(shown)}\n${before}^`;
}

function quoted(source: string | undefined, line: number): string | undefined {
  if (source === undefined) return undefined;
  let start = 0;
  for (let i = 1; i < line; i++) {
    start = source.indexOf("\n", start) + 1;
    if (start === 0) return undefined;
  }
  const end = source.indexOf("\n", start);
  return source.slice(start, end < 0 ? undefined : end);
}

/** A line of whatever file that was: nothing in it steers the terminal. */
function printable(octets: string): string {
  return utf8(octets).replace(CONTROLS, "?");
}

const LONGEST_QUOTE = 500;
/** C0 but the tab, DEL, C1. */
const CONTROLS = /[^\t\P{Cc}]/gu;
