/**
 * IPv4 and IPv6 fragments put together (RFC 791 §3.2, RFC 8200 §4.5).
 *
 * Fragments that overlap drop their datagram (RFC 5722, RFC 8200 errata), those that come twice alike do not. What waits
 * is bounded in number, in octets and in time.
 */
import type { Moment } from "./record.ts";

/** One fragment as its IP header tells. */
export interface Fragment {
  /** Sender, receiver, protocol and identification: the same for all fragments of a datagram. */
  readonly key: string;
  readonly offset: number;
  readonly more: boolean;
  readonly payload: Uint8Array;
  /** Octets to put before the payload: an IP header that is no fragment's. */
  readonly header: Uint8Array;
}

export class Fragments {
  readonly #waiting = new Map<string, Datagram>();
  #octets = 0;

  /** @returns the whole datagram, if this was the piece that it waited for */
  add(fragment: Fragment, moment: Moment): Uint8Array | undefined {
    const datagram = this.#find(fragment.key, moment);
    if (datagram.dropped) return undefined;
    const before = datagram.octets;
    if (!insert(datagram, fragment)) datagram.dropped = true;
    if (datagram.dropped) datagram.pieces = [];
    datagram.octets = datagram.dropped ? 0 : datagram.octets;
    this.#octets += datagram.octets - before;
    const whole = assemble(datagram);
    if (whole) this.#forget(fragment.key, datagram);
    this.#shrink();
    return whole;
  }

  #find(key: string, moment: Moment): Datagram {
    const known = this.#waiting.get(key);
    const now = moment.seconds ?? 0;
    if (known && Math.abs(now - known.since) <= MAX_SECONDS) return known;
    if (known) this.#forget(key, known);
    const datagram = { pieces: [], octets: 0, total: undefined, header: undefined, since: now, dropped: false };
    this.#waiting.set(key, datagram);
    return datagram;
  }

  #forget(key: string, datagram: Datagram): void {
    this.#waiting.delete(key);
    this.#octets -= datagram.octets;
  }

  /** The oldest go first: a Map keeps the order in which they came. */
  #shrink(): void {
    for (const [key, datagram] of this.#waiting) {
      if (this.#waiting.size <= MAX_DATAGRAMS && this.#octets <= MAX_OCTETS) return;
      this.#forget(key, datagram);
    }
  }
}

interface Piece {
  readonly offset: number;
  readonly octets: Uint8Array;
}

interface Datagram {
  /** In order of their offset. */
  pieces: Piece[];
  octets: number;
  /** Known from the last fragment. */
  total: number | undefined;
  /** Known from the first. */
  header: Uint8Array | undefined;
  readonly since: number;
  dropped: boolean;
}

/** @returns false if the datagram is to be dropped */
function insert(datagram: Datagram, { offset, more, payload, header }: Fragment): boolean {
  const end = offset + payload.length;
  if (end > MAX_DATAGRAM || (more && payload.length === 0)) return false;
  if (!more) {
    if (datagram.total !== undefined && datagram.total !== end) return false;
    datagram.total = end;
  }
  if (offset === 0) datagram.header ??= header.slice();
  const at = datagram.pieces.findIndex((piece) => piece.offset >= offset);
  const index = at < 0 ? datagram.pieces.length : at;
  const before = datagram.pieces[index - 1];
  const after = datagram.pieces[index];
  if (after?.offset === offset && sameOctets(after.octets, payload)) return true;
  if ((before && before.offset + before.octets.length > offset) || (after && after.offset < end)) return false;
  datagram.pieces.splice(index, 0, { offset, octets: payload.slice() });
  datagram.octets += payload.length;
  return true;
}

function assemble(datagram: Datagram): Uint8Array | undefined {
  const { total, header, pieces } = datagram;
  if (total === undefined || !header || datagram.octets < total) return undefined;
  const whole = new Uint8Array(header.length + datagram.octets);
  whole.set(header);
  for (const piece of pieces) whole.set(piece.octets, header.length + piece.offset);
  return whole;
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}

const MAX_DATAGRAM = 65_535;
/** RFC 8200 §4.5: a datagram that is not whole after a minute will not be. */
const MAX_SECONDS = 60;
const MAX_DATAGRAMS = 1024;
const MAX_OCTETS = 8 << 20;
