/**
 * `--summary`: what was in the input, in counts, and a table of its sessions. The number of sessions kept is bounded; those
 * beyond are counted together.
 */
import { type Counts, glanceAtAttributes, glanceAtMessage } from "../../../protocol/archive/glance.ts";
import { formatMoment, type Moment, type Place } from "../../../protocol/archive/record.ts";
import { CapabilityCode, MessageType } from "../../../protocol/codec/iana.ts";
import type { Finding, Inspection } from "../../../protocol/codec/inspect.ts";
import { formatAddress } from "../../../protocol/wire/address.ts";
import { timeText } from "./text.ts";
import { type AnyRecord, type Entry, findingsOf } from "./view.ts";

export class Summary {
  readonly #total = new Tally();
  /** By file, then by stream, by peer of a table, or by the ends. */
  readonly #sessions = new Map<string | undefined, Map<unknown, Session>>();
  #count = 0;
  readonly #counts: Counts = { announced: 0, withdrawn: 0 };
  #others: Session | undefined;
  readonly #files = new Map<string, { records: number }>();

  /** @param records packets, MRT records or lines */
  file(name: string, records: number): void {
    this.#files.set(name, { records });
  }

  /** Counts it, if a quick look is enough to know that nothing is wrong with it. @returns whether it was */
  addSound(record: AnyRecord, file: string | undefined): boolean {
    const counts = this.#counts;
    if (record.kind === "message") {
      if (record.behind !== undefined || !glanceAtMessage(record.octets, record.context, counts)) return false;
      const type = record.octets[18] === MessageType.Update ? "UPDATE" : "KEEPALIVE";
      this.#total.addMessage(record.moment, type, counts);
      this.#session(record, file)?.tally.addMessage(record.moment, type, counts);
      return true;
    }
    if (record.kind !== "rib" || !glanceAtAttributes(record.octets, record.start, record.end, record.as4, true)) {
      return false;
    }
    this.#total.addRoute(record.moment);
    this.#session(record, file)?.tally.addRoute(record.moment);
    return true;
  }

  add(entry: Entry, file: string | undefined): void {
    this.#total.add(entry);
    const session = this.#session(entry.record, file);
    if (!session) return;
    session.tally.add(entry);
    if (entry.message?.open) session.noteAs(entry.record as Place, entry.message.open);
  }

  /** One line for each session, then one of the totals. */
  json(): string {
    const lines = this.#all().map((session) => JSON.stringify(session.json()));
    const files = [...this.#files].map(([file, { records }]) => ({ file, records }));
    const records = files.reduce((sum, file) => sum + file.records, 0);
    const total = { kind: "summary", files, records, sessions: lines.length, ...this.#total.json() };
    return `${[...lines, JSON.stringify(total)].join("\n")}\n`;
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
    const sessions = [...this.#sessions.values()].flatMap((map) => [...map.values()]);
    return this.#others ? [...sessions, this.#others] : sessions;
  }

  #session(record: AnyRecord, file: string | undefined): Session | undefined {
    if (record.kind === "unsupported") return undefined;
    let sessions = this.#sessions.get(file);
    if (!sessions) this.#sessions.set(file, (sessions = new Map()));
    // Peers of a table are the same object in every one of its routes.
    const key = record.kind === "rib" ? record.peer : (record.stream ?? endsKey(record));
    const known = sessions.get(key);
    if (known) return known;
    if (this.#count >= MAX_SESSIONS) {
      this.#others ??= new Session(undefined, "all other sessions", "");
      return this.#others;
    }
    const session = sessionOf(record, file);
    this.#count++;
    sessions.set(key, session);
    return session;
  }
}

function endsKey({ src, dst, peerAs }: Place): string {
  return `${src} ${dst} ${peerAs}`;
}

function sessionOf(record: AnyRecord, file: string | undefined): Session {
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

type Json = { [key: string]: unknown };

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

  addRoute(at: Moment): void {
    this.#note(at);
    this.routes++;
  }

  addMessage(at: Moment, type: string, { announced, withdrawn }: Counts): void {
    this.#note(at);
    this.messages++;
    this.#types.set(type, this.type(type) + 1);
    this.announced += announced;
    this.withdrawn += withdrawn;
  }

  add(entry: Entry): void {
    const { record, message } = entry;
    const [finding] = findingsOf(entry);
    if (finding) this.#fault(finding);
    if (record.kind === "rib") return this.addRoute(record.moment);
    if (record.kind === "message") return this.addMessage(record.moment, message?.type ?? "UNKNOWN", countsOf(message));
    this.#note(record.moment);
    switch (record.kind) {
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

  #note(at: Moment): void {
    if (at.seconds === undefined) return;
    this.#first ??= at;
    this.#last = at;
  }

  #fault({ action }: Finding): void {
    this.errors++;
    this.#actions.set(action, (this.#actions.get(action) ?? 0) + 1);
  }
}

function countsOf(message: Inspection | undefined): Counts {
  const update = message?.update;
  if (!update) return { announced: 0, withdrawn: 0 };
  const { mpReach, mpUnreach } = update.attributes;
  return {
    announced: update.announced.length + (mpReach?.nlri.length ?? 0),
    withdrawn: update.withdrawn.length + (mpUnreach?.nlri.length ?? 0),
  };
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
const MAX_SESSIONS = 16_384;
