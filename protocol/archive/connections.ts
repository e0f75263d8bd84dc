/**
 * All TCP connections of a capture: numbered in order of their first packet, those with BGP put together.
 *
 * The numbers are those of tshark: a connection is its two ends, whichever speaks first; a SYN with another initial
 * sequence number on the same ends is a new one. What is remembered is bounded: the longest idle connections are forgotten
 * first, those that are not BGP before those that are.
 */
import { addressFrom, formatAddress } from "../wire/address.ts";
import { type Segment, TcpFlag } from "./dissect.ts";
import { type Outlet, Reassembly } from "./reassembly.ts";
import type { Moment, Packet } from "./record.ts";

/** 0: sent by the end that sorts first, 1: by the other. */
export type Direction = 0 | 1;

export interface Connection {
  readonly stream: number;
  /** `192.0.2.1:179`, `[2001:db8::1]:179`: the sender of each direction. */
  readonly ends: readonly [string, string];
}

/** Takes what the two directions of one connection carried. */
export interface Listener {
  /** Octets it holds of messages that are not whole. */
  readonly held: number;
  outlet(direction: Direction): Outlet;
  /** The connection was captured from its start on: the first octet is the first of a message. */
  started(direction: Direction): void;
  truncated(direction: Direction, packet: Packet): void;
  ended(direction: Direction): void;
}

export class Connections {
  readonly #ports: ReadonlySet<number>;
  readonly #listen: (connection: Connection) => Listener;
  readonly #flows = new Map<string, Flow>();
  #streams = 0;
  #held = 0;
  /** Connections that are being put together. */
  #open = 0;

  constructor(ports: ReadonlySet<number>, listen: (connection: Connection) => Listener) {
    this.#ports = ports;
    this.#listen = listen;
  }

  segment(segment: Segment, packet: Packet): void {
    const direction: Direction = srcIsFirst(segment) ? 0 : 1;
    const at = packet.moment;
    const flow = this.#flow(segment, direction, at);
    flow.last = at.frame;
    noteInitial(flow, segment, direction);
    if (!flow.connection) return;
    const bgp = (flow.bgp ??= this.#begin(flow.connection, at));
    this.#feed(flow, bgp, segment, direction, packet);
    const held = bgp.halves[0].waitingOctets + bgp.halves[1].waitingOctets + bgp.listener.held;
    this.#held += held - flow.held;
    flow.held = held;
    if (this.#held > MAX_HELD) this.#release(at);
  }

  /** No more packets: what waits behind a hole waits in vain. */
  finish(): void {
    const flows = [...this.#flows.values()].sort((a, b) => a.stream - b.stream);
    for (const flow of flows) {
      for (const half of flow.bgp?.halves ?? []) half.abandon();
      this.#close(flow, { frame: flow.last });
    }
    this.#flows.clear();
  }

  #feed(flow: Flow, { halves, listener }: Bgp, segment: Segment, direction: Direction, packet: Packet): void {
    const { seq, ack, flags, octets, start, end, cut } = segment;
    const at = packet.moment;
    const own = halves[direction];
    const other = halves[direction === 0 ? 1 : 0];
    const syn = (flags & TcpFlag.Syn) !== 0;
    if (syn && own.initial === undefined) {
      own.syn(seq);
      listener.started(direction);
    }
    const first = syn ? (seq + 1) >>> 0 : seq;
    if (flags & TcpFlag.Rst) {
      if (own.inWindow(first)) this.#end(own, listener, direction, at);
      return;
    }
    if (flags & TcpFlag.Ack) {
      other.acknowledge(ack, at);
      if (other.closed) this.#end(other, listener, direction === 0 ? 1 : 0, at);
      flow.acks[direction] = ack;
    }
    if (cut > 0 && !own.closed) listener.truncated(direction, packet);
    own.segment(first, octets.subarray(start, end), cut, at, flow.acks[direction === 0 ? 1 : 0]);
    if (flags & TcpFlag.Fin) own.fin((first + (end - start) + cut) >>> 0);
    if (own.closed) this.#end(own, listener, direction, at);
  }

  #end(half: Reassembly, listener: Listener, direction: Direction, at: Moment): void {
    half.end(at);
    listener.ended(direction);
  }

  #flow(segment: Segment, direction: Direction, at: Moment): Flow {
    const key = keyOf(segment, direction);
    const known = this.#flows.get(key);
    if (known && !isNew(known, segment, direction)) {
      // The SYN of the next connection was missed, its answer was not.
      if (reopens(known, segment, direction)) this.#restart(known, at);
      return known;
    }
    if (known) this.#close(known, at);
    const flow = this.#create(segment, direction, at);
    this.#flows.delete(key); // so that a used key moves to the end
    this.#flows.set(key, flow);
    if (this.#flows.size > MAX_CONNECTIONS) this.#forget(at);
    return flow;
  }

  #create(segment: Segment, direction: Direction, at: Moment): Flow {
    const stream = this.#streams++;
    const flow: Flow = {
      stream,
      initial: [undefined, undefined],
      acks: [undefined, undefined],
      last: at.frame,
      held: 0,
      connection: undefined,
      bgp: undefined,
    };
    if (this.#ports.has(segment.srcPort) || this.#ports.has(segment.dstPort)) {
      const src = endOf(segment, segment.srcAt, segment.srcPort);
      const dst = endOf(segment, segment.dstAt, segment.dstPort);
      flow.connection = { stream, ends: direction === 0 ? [src, dst] : [dst, src] };
    }
    return flow;
  }

  #begin(connection: Connection, at: Moment): Bgp {
    if (++this.#open > MAX_OPEN) this.#idle(at);
    const listener = this.#listen(connection);
    return { listener, halves: [new Reassembly(listener.outlet(0)), new Reassembly(listener.outlet(1))] };
  }

  /** Keeps the number, and starts over with the next packet. */
  #restart(flow: Flow, at: Moment): void {
    this.#close(flow, at);
    flow.initial = [undefined, undefined];
    flow.acks = [undefined, undefined];
  }

  #close(flow: Flow, at: Moment): void {
    this.#held -= flow.held;
    flow.held = 0;
    if (!flow.bgp) return;
    for (const direction of [0, 1] as const) {
      flow.bgp.halves[direction].end(at);
      flow.bgp.listener.ended(direction);
    }
    flow.bgp = undefined;
    this.#open--;
  }

  /** Half of those that are being put together, idle for longest, are joined half-way when they go on. */
  #idle(at: Moment): void {
    const open = [...this.#flows.values()].filter((flow) => flow.bgp).sort((a, b) => a.last - b.last);
    for (const flow of open.slice(0, MAX_OPEN / 2)) this.#close(flow, at);
  }

  /** Gives up the holes and the half messages of the connections that were idle for longest. */
  #release(at: Moment): void {
    const holders = [...this.#flows.values()].filter((flow) => flow.held > 0).sort((a, b) => a.last - b.last);
    for (const flow of holders) {
      if (this.#held <= MAX_HELD / 2) return;
      this.#restart(flow, at);
    }
  }

  /** A quarter of the connections, those that were idle for longest. */
  #forget(at: Moment): void {
    const byAge = [...this.#flows].sort(
      ([, a], [, b]) => Number(!!a.connection) - Number(!!b.connection) || a.last - b.last,
    );
    for (const [key, flow] of byAge.slice(0, MAX_CONNECTIONS / 4)) {
      this.#close(flow, at);
      this.#flows.delete(key);
    }
  }
}

interface Bgp {
  readonly halves: readonly [Reassembly, Reassembly];
  readonly listener: Listener;
}

interface Flow {
  readonly stream: number;
  /** If one of its ports is BGP's. */
  connection: Connection | undefined;
  /** While it is being put together. */
  bgp: Bgp | undefined;
  /** The number each direction began with, as far as it can be known. */
  initial: [number | undefined, number | undefined];
  /** The last acknowledgement each direction sent. */
  acks: [number | undefined, number | undefined];
  /** Frame of the last packet. */
  last: number;
  held: number;
}

function noteInitial(flow: Flow, { seq, ack, flags }: Segment, direction: Direction): void {
  const other = direction === 0 ? 1 : 0;
  flow.initial[direction] ??= flags & TcpFlag.Syn ? seq : (seq - 1) >>> 0;
  if (flags & TcpFlag.Ack) flow.initial[other] ??= (ack - 1) >>> 0;
}

/** A SYN with another initial number than this direction had. */
function isNew(flow: Flow, { seq, flags }: Segment, direction: Direction): boolean {
  const initial = flow.initial[direction];
  return (flags & (TcpFlag.Syn | TcpFlag.Ack)) === TcpFlag.Syn && initial !== undefined && initial !== seq;
}

/** The answer to a SYN on a connection that has ended. */
function reopens(flow: Flow, { seq, flags }: Segment, direction: Direction): boolean {
  const halves = flow.bgp?.halves;
  const answer = (flags & (TcpFlag.Syn | TcpFlag.Ack)) === (TcpFlag.Syn | TcpFlag.Ack);
  return answer && flow.initial[direction] !== seq && !!halves && (halves[0].closed || halves[1].closed);
}

/** Puts the two ends in an order that does not depend on who sent the segment. */
function srcIsFirst({ octets, srcAt, dstAt, family, srcPort, dstPort }: Segment): boolean {
  const length = family === 4 ? 4 : 16;
  for (let i = 0; i < length; i++) {
    const order = octets[srcAt + i]! - octets[dstAt + i]!;
    if (order !== 0) return order < 0;
  }
  return srcPort <= dstPort;
}

/** Both addresses and both ports, two octets a character. */
function keyOf({ octets: o, srcAt, dstAt, family, srcPort, dstPort }: Segment, direction: Direction): string {
  const [a, b] = direction === 0 ? [srcAt, dstAt] : [dstAt, srcAt];
  const [p, q] = direction === 0 ? [srcPort, dstPort] : [dstPort, srcPort];
  const two = (at: number): number => (o[at]! << 8) | o[at + 1]!;
  if (family === 4) return String.fromCharCode(two(a), two(a + 2), two(b), two(b + 2), p, q);
  const units = [p, q];
  for (let i = 0; i < 16; i += 2) units.push(two(a + i), two(b + i));
  return String.fromCharCode(...units);
}

function endOf({ octets, family }: Segment, at: number, port: number): string {
  const text = formatAddress(addressFrom(octets, family, at));
  return family === 4 ? `${text}:${port}` : `[${text}]:${port}`;
}

/** A scan of a whole network fits; what is forgotten is at most counted anew. */
const MAX_CONNECTIONS = 131_072;
/** Connections put together at the same time: more than any route server has peers. */
const MAX_OPEN = 8192;
/** Octets of all connections that wait for others. */
const MAX_HELD = 64 << 20;
