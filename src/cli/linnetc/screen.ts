/** What `linnetc watch` shows, as lines of text: from two looks at the daemon and the size of the terminal. */

/** The parts of `json show protocols all` that are shown here. */
export interface WatchedProtocol {
  readonly name: string;
  readonly proto: string;
  readonly state: string;
  readonly since: string;
  readonly info: string;
  readonly why?: string;
  readonly bgp?: {
    readonly state: string;
    readonly neighborAddress?: string;
    readonly neighborAs: number;
    readonly lastError?: string;
    readonly establishedAt?: string;
  };
  readonly channels?: readonly WatchedChannel[];
}

export interface WatchedChannel {
  readonly routes: { readonly imported: number; readonly exported: number };
  readonly importUpdates: { readonly received: number };
  readonly exportUpdates: { readonly accepted: number };
}

export interface WatchedEvent {
  readonly wall: string;
  readonly kind: string;
  readonly subject: string;
  readonly text: string;
}

export interface WatchedStatus {
  readonly hostname: string;
  readonly routerId: string;
  readonly state: string;
  readonly startedAt: string;
}

/** One look at the daemon. */
export interface Look {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly status: WatchedStatus;
  readonly protocols: readonly WatchedProtocol[];
  readonly events: readonly WatchedEvent[];
}

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** @param top sessions that are scrolled out above */
export function screen(look: Look, before: Look | undefined, size: Size, top: number): string[] {
  const cut = (text: string): string => text.slice(0, size.columns);
  const events = eventLines(look, Math.max(0, Math.min(EVENTS, size.rows - SESSIONS_AT_LEAST)));
  const room = size.rows - HEAD - (events.length > 0 ? events.length + 1 : 0);
  const sessions = sessionLines(look, before, size.columns);
  const shown = sessions.slice(top, top + room);
  const hidden = sessions.length - top - shown.length;
  const rule = hidden > 0 ? `-- ${hidden} more below --` : "";
  const body = [...shown, ...Array<string>(Math.max(0, room - shown.length)).fill("")];
  return [...headLines(look, size.columns), ...body, ...(events.length > 0 ? [rule, ...events] : [])].map(cut);
}

function headLines(look: Look, columns: number): string[] {
  const { status, at, protocols } = look;
  const sessions = protocols.filter((protocol) => protocol.bgp);
  const up = sessions.filter((protocol) => protocol.bgp?.state === "Established").length;
  const left = `${status.hostname}  router id ${status.routerId}  ${up} of ${sessions.length} sessions up`;
  const right = `${status.state}, up ${span(at - Date.parse(status.startedAt))}`;
  return [
    left + right.padStart(Math.max(right.length + 1, columns - left.length)),
    "",
    row(["Name", "Peer", "State", "For", "In", "Out", "In/s", "Out/s"]),
  ];
}

/** Every protocol with routes; a session that is not up has a second line that says why. */
function sessionLines(look: Look, before: Look | undefined, columns: number): string[] {
  return look.protocols.flatMap((protocol) => {
    if (!protocol.bgp && !protocol.channels?.length) return [];
    const earlier = before?.protocols.find((one) => one.name === protocol.name);
    const seconds = before ? (look.at - before.at) / 1000 : 0;
    const now = totals(protocol);
    const then = earlier && totals(earlier);
    const rate = (key: "received" | "sent"): string =>
      then && seconds > 0 ? ((Math.max(0, now[key] - then[key]) / seconds) | 0).toString() : "-";
    const { bgp } = protocol;
    const peer = bgp ? `AS${bgp.neighborAs}` : protocol.proto;
    const since = Date.parse(bgp?.establishedAt ?? protocol.since);
    const line = row([
      protocol.name,
      peer,
      bgp?.state ?? protocol.state,
      span(look.at - since),
      now.imported.toString(),
      now.exported.toString(),
      rate("received"),
      rate("sent"),
    ]);
    const trouble = protocol.why ?? bgp?.lastError;
    return trouble && bgp?.state !== "Established" ? [line, `  ${trouble}`.slice(0, columns)] : [line];
  });
}

function totals({ channels }: WatchedProtocol): { imported: number; exported: number; received: number; sent: number } {
  const sum = (value: (channel: WatchedChannel) => number): number =>
    (channels ?? []).reduce((total, channel) => total + value(channel), 0);
  return {
    imported: sum((channel) => channel.routes.imported),
    exported: sum((channel) => channel.routes.exported),
    received: sum((channel) => channel.importUpdates.received),
    sent: sum((channel) => channel.exportUpdates.accepted),
  };
}

function eventLines(look: Look, most: number): string[] {
  return look.events.slice(-most).map(({ wall, subject, text }) => {
    const time = new Date(wall);
    const clock = time.toTimeString().slice(0, 8);
    const millis = String(time.getMilliseconds()).padStart(3, "0");
    return `${clock}.${millis} ${subject.padEnd(12)} ${text}`;
  });
}

/** `3d 04:05`, `04:05:06`, `12 s` */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours < 24) return `${two(hours)}:${two(minutes)}:${two(seconds % 60)}`;
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}:${two(minutes)}`;
}

/** Names to the left, numbers to the right; 80 columns hold them all. */
function row(cells: readonly string[]): string {
  return cells
    .map((cell, i) => {
      const width = WIDTHS[i] ?? 0;
      return i < 3 ? fitTo(cell, width).padEnd(width) : cell.padStart(width);
    })
    .join(" ")
    .trimEnd();
}

/** What is too long loses its end, visibly. */
function fitTo(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}~` : text;
}

/** 79 with the blanks between. */
const WIDTHS = [14, 12, 12, 9, 8, 8, 4, 5] as const;
const HEAD = 3;
const EVENTS = 7;
/** Rows that the sessions keep before events get any. */
const SESSIONS_AT_LEAST = 10;
