/**
 * `--summary`: what was in the input, in counts, and a table of its sessions. The number of sessions kept is bounded; those
 * beyond are counted together.
 */
import { formatMoment, type Moment, type Place } from "../../../protocol/archive/record.ts";
import { CapabilityCode } from "../../../protocol/codec/iana.ts";
import type { Finding, Inspection } from "../../../protocol/codec/inspect.ts";
import { formatAddress } from "../../../protocol/wire/address.ts";
import { type Json, jsonLine } from "./json.ts";
import { timeText } from "./text.ts";
import { type Entry, findingsOf } from "./view.ts";

export class Summary {
  readonly #total = new Tally();
  readonly #sessions = new Map<unknown, Session>();
  #others: Session | undefined;
  readonly #files = new Map<string, { records: number }>();

  /** @param records packets, MRT records or lines */
  file(name: string, records: number): void {
    this.#files.set(name, { records });
  }

  add(entry: Entry, file: string | undefined): void {
    this.#total.add(entry);
    const session = this.#session(entry, file);
    if (!session) return;
    session.tally.add(entry);
    if (entry.message?.open) session.noteAs(entry.record as Place, entry.message.open);
  }

  /** One line for each session, then one of the totals. */
  json(): string {
    const lines = this.#all().map((session) => jsonLine(session.json(), undefined));
    const files = [...this.#files].map(([file, { records }]) => ({ file, records }));
    const records = files.reduce((sum, file) => sum + file.records, 0);
    const total = { kind: "summary", files, records, sessions: lines.length, ...this.#total.json() };
    return `${[...lines, jsonLine(total, undefined)].join("\n")}\n`;
  }

  text(): string {
    const sessions = this.#all();
    const counts = Object.entries(this.#total.counts()).map(([name, count]) => `  ${name.padEnd(20)} ${count}`);
    const files = [...this.#files].map(([file, { records }]) => `${file}: ${records} records`);
    const head = [...files, this.#total.span(), ...counts].filter((line) => line);
    const rows = sessions.map((session) => session.row());
    return `${[...head, "", ...table([COLUMNS, ...rows])].join("\n")}\n`;
  }

  #all(): Session[] {
    return [...this.#sessions.values(), ...(this.#others ? [this.#others] : [])];
  }

  #session(entry: Entry, file: string | undefined): Session | undefined {
    const { record } = entry;
    if (record.kind === "unsupported") return undefined;
    // Peers of a table are the same object in every one of its routes.
    const key = record.kind === "rib" ? record.peer : keyOf(record, file);
    const known = this.#sessions.get(key);
    if (known) return known;
    if (this.#sessions.size >= MAX_SESSIONS) {
      this.#others ??= new Session(undefined, "all other sessions", "");
      return this.#others;
    }
    const session = sessionOf(entry, file);
    this.#sessions.set(key, session);
    return session;
  }
}

/** Either direction of a stream is the same session. */
function keyOf({ stream, src, dst, peerAs }: Place, file: string | undefined): string {
  return stream !== undefined ? `${file} ${stream}` : `${file} ${src} ${dst} ${peerAs}`;
}

function sessionOf({ record }: Entry, file: string | undefined): Session {
  if (record.kind === "rib") {
    const session = new Session(file, record.peer ? formatAddress(record.peer.address) : "unknown peer", "");
    if (record.peer) session.asns.set(session.a, record.peer.asn);
    return session;
  }
  const { stream, src = "", dst = "", peerAs, localAs } = record as Place;
  const session = new Session(file, src, dst, stream);
  if (peerAs !== undefined) session.asns.set(src, peerAs);
  if (localAs !== undefined) session.asns.set(dst, localAs);
  return session;
}

class Session {
  readonly file: string | undefined;
  readonly a: string;
  readonly b: string;
  readonly stream: number | undefined;
  readonly asns = new Map<string, number>();
  readonly tally = new Tally();

  constructor(file: string | undefined, a: string, b: string, stream?: number) {
    this.file = file;
    this.a = a;
    this.b = b;
    this.stream = stream;
  }

  noteAs({ src = "" }: Place, { open }: NonNullable<Inspection["open"]>): void {
    const wide = open.capabilities.findLast((c) => c.code === CapabilityCode.FourOctetAs);
    this.asns.set(src, wide?.asn ?? open.myAs);
  }

  json(): Json {
    const json: Json = { kind: "session" };
    if (this.file !== undefined) json.file = this.file;
    if (this.stream !== undefined) json.stream = this.stream;
    if (this.a) json.src = this.a;
    if (this.b) json.dst = this.b;
    const [srcAs, dstAs] = [this.asns.get(this.a), this.asns.get(this.b)];
    if (srcAs !== undefined) json.srcAs = srcAs;
    if (dstAs !== undefined) json.dstAs = dstAs;
    return { ...json, ...this.tally.json() };
  }

  row(): string[] {
    const t = this.tally;
    const end = (name: string): string => (this.asns.has(name) ? `${name} AS${this.asns.get(name)}` : name);
    const ends = this.b ? `${end(this.a)} - ${end(this.b)}` : end(this.a);
    const numbers = [t.messages, t.type("UPDATE"), t.announced, t.withdrawn, t.routes, t.errors, t.gaps];
    return [this.stream === undefined ? "" : `${this.stream}`, ends, ...numbers.map(String), t.span()];
  }
}

/** Counts of anything. */
class Tally {
  messages = 0;
  announced = 0;
  withdrawn = 0;
  routes = 0;
  errors = 0;
  gaps = 0;
  #missing = 0;
  #skipped = 0;
  #truncated = 0;
  #states = 0;
  #unsupported = 0;
  readonly #types = new Map<string, number>();
  readonly #actions = new Map<string, number>();
  #first: Moment | undefined;
  #last: Moment | undefined;

  add(entry: Entry): void {
    const { record, message } = entry;
    if (record.moment.seconds !== undefined) {
      this.#first ??= record.moment;
      this.#last = record.moment;
    }
    const findings = findingsOf(entry);
    if (findings.length > 0) this.#fault(findings[0]!);
    switch (record.kind) {
      case "rib":
        this.routes++;
        return;
      case "message":
        if (message) this.#message(message);
        return;
      case "gap":
        this.gaps++;
        this.#missing += record.missing;
        this.#skipped += record.skipped;
        return;
      case "truncated":
        this.#truncated++;
        return;
      case "state":
        this.#states++;
        return;
      case "unsupported":
        this.#unsupported++;
    }
  }

  type(name: string): number {
    return this.#types.get(name) ?? 0;
  }

  /** From the first to the last, in words. */
  span(): string {
    return this.#first && this.#last ? `${timeText(this.#first)} .. ${timeText(this.#last)}` : "";
  }

  /** By name, without those that are zero. */
  counts(): Record<string, number> {
    const types = Object.fromEntries([...this.#types].sort(([a], [b]) => (a < b ? -1 : 1)));
    const all = {
      messages: this.messages,
      ...types,
      announced: this.announced,
      withdrawn: this.withdrawn,
      routes: this.routes,
      states: this.#states,
      errors: this.errors,
      ...Object.fromEntries(this.#actions),
      gaps: this.gaps,
      missing: this.#missing,
      skipped: this.#skipped,
      truncated: this.#truncated,
      unsupported: this.#unsupported,
    };
    return Object.fromEntries(Object.entries(all).filter(([name, count]) => count > 0 || name === "messages"));
  }

  json(): Json {
    const json: Json = {
      messages: this.messages,
      types: Object.fromEntries(this.#types),
      announced: this.announced,
      withdrawn: this.withdrawn,
      routes: this.routes,
      states: this.#states,
      errors: this.errors,
      actions: Object.fromEntries(this.#actions),
      gaps: this.gaps,
      missing: this.#missing,
      skipped: this.#skipped,
      truncated: this.#truncated,
      unsupported: this.#unsupported,
    };
    const [first, last] = [this.#first, this.#last].map((moment) => moment && formatMoment(moment));
    if (first !== undefined) json.firstTs = first;
    if (last !== undefined) json.lastTs = last;
    return json;
  }

  #message({ type = "UNKNOWN", update }: Inspection): void {
    this.messages++;
    this.#types.set(type, this.type(type) + 1);
    if (!update) return;
    const { mpReach, mpUnreach } = update.attributes;
    this.announced += update.announced.length + (mpReach?.nlri.length ?? 0);
    this.withdrawn += update.withdrawn.length + (mpUnreach?.nlri.length ?? 0);
  }

  #fault({ action }: Finding): void {
    this.errors++;
    this.#actions.set(action, (this.#actions.get(action) ?? 0) + 1);
  }
}

/** Columns as wide as they have to be; numbers to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const cell = (text: string, i: number): string => (LEFT.has(i) ? text.padEnd(widths[i]!) : text.padStart(widths[i]!));
  return rows.map((row) => row.map(cell).join("  ").trimEnd());
}

const COLUMNS = [
  "stream",
  "session",
  "messages",
  "updates",
  "announced",
  "withdrawn",
  "routes",
  "errors",
  "gaps",
  "time",
];
const LEFT = new Set([1, 9]);
const MAX_SESSIONS = 65_536;
