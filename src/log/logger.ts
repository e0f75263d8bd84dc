/**
 * The daemon's log: takes lines from everywhere, writes them to the targets of the configuration, and to
 * whoever listens (`echo`). Before there is a configuration, and where it names no target, it does as bird.
 */
import type { Config, LogClass, LogTarget } from "../config/schema.ts";
import type { Log } from "../host.ts";
import { Descriptor, type Owner, openLogFile, openStderr } from "./descriptor.ts";
import { type LogEntry, printable, type Sink } from "./entry.ts";
import { jsonSink } from "./json.ts";
import { Limiter } from "./limiter.ts";
import { syslogSink } from "./syslog.ts";
import { plainSink, rotatingSink, textSink } from "./text-sinks.ts";
import { unixDatagrams } from "./unix-datagram.ts";

export type LogListener = (level: LogClass, text: string) => void;

/** The debug stream of `-d` and `-D FILE`. */
export type DebugStream = { readonly kind: "none" | "stderr" } | { readonly kind: "file"; readonly path: string };

/** What the log asks of the configuration. */
export interface LogConfig {
  readonly log: readonly LogTarget[];
  readonly timeformat: Pick<Config["timeformat"], "log">;
}

/** A target that cannot be opened; the place is that of its statement. */
export class LogTargetError extends Error {
  override readonly name = "LogTargetError";
  readonly target: LogTarget;

  constructor(target: LogTarget, cause: unknown) {
    super(`Unable to open log file '${target.name}'`, { cause });
    this.target = target;
  }
}

interface Outlet {
  readonly classes: ReadonlySet<LogClass> | "all";
  readonly sink: Sink;
  readonly stderr: boolean;
}

export class Logger {
  /** Bound: handed out as the host's log. */
  readonly log: Log = (level, text, details) => this.#write(level, text, details);
  readonly #debug: DebugStream;
  readonly #listeners = new Set<LogListener>();
  readonly #limiter = new Limiter();
  readonly #stderr: Descriptor = new Descriptor(openStderr);
  readonly #devLog: string;
  #debugFile: Descriptor | undefined;
  #timeFormat: string = DEFAULT_TIME_FORMAT;
  #outlets: readonly Outlet[] = [];
  #syslogNoticed = false;
  #initial = true;

  /**
   * @param initial before a configuration is read: syslog, and in plain words standard error
   * @throws what node:fs throws if the file of -D cannot be opened
   */
  constructor(debug: DebugStream, options: { readonly devLog?: string } = {}) {
    this.#debug = debug;
    this.#devLog = options.devLog ?? DEV_LOG;
    if (debug.kind === "file") this.#debugFile = new Descriptor(() => openLogFile(debug.path));
    this.#outlets = this.#defaults(true);
  }

  /** Opens each file of the configuration once and lets go of it. @throws LogTargetError */
  static probe(targets: readonly LogTarget[]): void {
    for (const target of targets) {
      const path = filePath(target);
      if (path !== undefined) opened(target, path, undefined).close();
    }
  }

  /** From now on as the configuration says. @throws LogTargetError, and then nothing has changed */
  configure(config: LogConfig): void {
    this.prepare(config)();
  }

  /**
   * Opens what the configuration says, and gives what is to be called when it is to hold: between the two the
   * daemon may become somebody who could not open it.
   * @throws LogTargetError
   */
  prepare(config: LogConfig, owner?: Owner): () => void {
    const outlets: Outlet[] = [];
    try {
      for (const target of config.log) {
        outlets.push({ classes: target.classes, sink: this.#open(target, owner), stderr: target.kind === "stderr" });
      }
    } catch (error) {
      for (const { sink } of outlets) sink.close();
      throw error;
    }
    return () => {
      const old = this.#outlets;
      this.#timeFormat = config.timeformat.log.format;
      this.#initial = false;
      this.#outlets = outlets.length > 0 ? outlets : this.#defaults(false);
      for (const { sink } of old) sink.close();
    };
  }

  /** Whether fatal words are seen on standard error; else the one who started us would see nothing. */
  get reachesStderr(): boolean {
    return this.#outlets.some(({ classes, stderr }) => stderr && (classes === "all" || classes.has("fatal")));
  }

  /** `echo`: every line, whatever the targets take. A listener that throws loses its line alone. */
  onLine(listener: LogListener): { close(): void } {
    this.#listeners.add(listener);
    return { close: () => this.#listeners.delete(listener) };
  }

  /** What `dump` and SIGUSR1 show, to the debug stream. @returns whether there is one */
  debugOutput(text: string): boolean {
    const target = this.#debugFile ?? (this.#debug.kind === "stderr" ? this.#stderr : undefined);
    target?.write(text.endsWith("\n") ? text : `${text}\n`);
    return target !== undefined;
  }

  /** Standard error has become another: lets go of the old one, for which somebody may be waiting to end. */
  standardErrorChanged(): void {
    this.#stderr.reopen();
  }

  /** After SIGHUP. */
  reopen(): void {
    for (const { sink } of this.#outlets) sink.reopen?.();
    this.#debugFile?.reopen();
  }

  close(): void {
    for (const { sink } of this.#outlets) sink.close();
    this.#outlets = [];
    this.#debugFile?.close();
    this.#stderr.close();
  }

  #write(level: LogClass, text: string, details: LogEntry["details"]): void {
    const { pass, held } = this.#limiter.admit(level, details?.protocol ?? "", performance.now());
    if (!pass) return;
    const line = printable(held > 0 ? `${text} (${held} lines like this left out before)` : text);
    const entry: LogEntry = { level, text: line, wall: Date.now(), details };
    for (const { classes, sink } of this.#outlets) if (classes === "all" || classes.has(level)) sink.write(entry);
    for (const listener of [...this.#listeners]) {
      try {
        listener(level, line);
      } catch {
        this.#listeners.delete(listener); // its connection is gone
      }
    }
  }

  #open(target: LogTarget, owner: Owner | undefined): Sink {
    const format = (): string => this.#timeFormat;
    const path = filePath(target);
    switch (target.kind) {
      case "syslog":
        return this.#openSyslog(target.name ?? DEFAULT_TAG);
      case "stderr":
        return unclosed(textSink(this.#stderr, format));
      case "json":
        return path === undefined ? unclosed(jsonSink(this.#stderr)) : jsonSink(opened(target, path, owner));
      case "file":
        return target.limit
          ? rotatingSink(opened(target, path!, owner), format, path!, target.limit)
          : textSink(opened(target, path!, owner), format);
    }
  }

  #openSyslog(tag: string): Sink {
    return syslogSink(
      tag,
      () => unixDatagrams(this.#devLog),
      (text) => {
        // Before there is a configuration standard error has the line anyway.
        if (this.#initial || this.#syslogNoticed) return;
        this.#syslogNoticed = true;
        this.#stderr.write(`bird: ${text}\n`);
      },
    );
  }

  /** BIRD's: syslog unless a debug stream was asked for, that one else; at the start standard error as well. */
  #defaults(initial: boolean): Outlet[] {
    const outlets: Outlet[] = [];
    const add = (sink: Sink, stderr: boolean): unknown => outlets.push({ classes: "all", sink, stderr });
    if (this.#debug.kind === "none") add(this.#openSyslog(DEFAULT_TAG), false);
    if (this.#debugFile) add(unclosed(textSink(this.#debugFile, () => this.#timeFormat)), false);
    if (initial || this.#debug.kind === "stderr") add(unclosed(plainSink(this.#stderr)), true);
    return outlets;
  }
}

/** The descriptor is the logger's and outlives the target. */
function unclosed(sink: Sink): Sink {
  return { ...sink, close: () => undefined };
}

function filePath(target: LogTarget): string | undefined {
  return target.kind === "file" || target.kind === "json" ? target.name : undefined;
}

function opened(target: LogTarget, path: string, owner: Owner | undefined): Descriptor {
  try {
    return new Descriptor(() => openLogFile(path, owner));
  } catch (error) {
    throw new LogTargetError(target, error);
  }
}

const DEFAULT_TAG = "bird";
const DEFAULT_TIME_FORMAT = "%F %T.%3f";
const DEV_LOG = "/dev/log";
