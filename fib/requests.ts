/**
 * Questions to the kernel and its answers, on one socket: dumps one after the other, batches of changes one
 * after the other, single questions in between. Answers find their question by sequence number.
 *
 * A batch is one datagram with an ACK asked of its last message only. The kernel works through it inside the
 * system call and reports each failure by sequence number, so nothing is lost by not asking for every ACK.
 */
import { Errno, NetlinkError } from "./errno.ts";
import { HEADER_LENGTH, MessageCursor, NetlinkWriter, NlFlag, NlMessage } from "./netlink.ts";
import { encodeChange } from "./route-message.ts";
import type { DatagramSocket, Transport } from "./transport.ts";
import type { RouteChange, RouteFailure } from "./types.ts";

type Encode = (w: NetlinkWriter, sequence: number) => void;

/** One question: hears every message with its sequence number until it is settled. */
interface Question {
  hear(m: MessageCursor): void;
  fail(error: Error): void;
}

interface Batch {
  readonly changes: readonly RouteChange[];
  readonly failures: RouteFailure[];
  /** How many of them have been sent. */
  sent: number;
  /** Sequence number of the first and the last change under way, and the place of the first. */
  first: number;
  last: number;
  base: number;
  resolve(failures: readonly RouteFailure[]): void;
  reject(error: Error): void;
}

export class Requests {
  readonly #transport: Transport;
  readonly #reopened: () => void;
  #socket: DatagramSocket;
  readonly #writer = new NetlinkWriter();
  /** Batches' own: another thread may still read it while a question is asked. */
  readonly #bulk = new NetlinkWriter(DATAGRAM_LIMIT + 4096);
  readonly #questions = new Map<number, Question>();
  readonly #batches: Batch[] = [];
  #dumps: Promise<unknown> = Promise.resolve();
  #sequence = 0;
  #watchdog: NodeJS.Timeout | undefined;
  #broken: Error | undefined;

  /** @param reopened after the socket failed and another one took its place, with another port */
  constructor(transport: Transport, reopened: () => void) {
    this.#transport = transport;
    this.#reopened = reopened;
    this.#socket = this.#open();
  }

  get port(): number {
    return this.#socket.port;
  }

  get safe(): boolean {
    return this.#socket.safe;
  }

  /** Sends at once if no batch is under way. */
  apply(changes: readonly RouteChange[]): Promise<readonly RouteFailure[]> {
    if (changes.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      if (this.#broken) return reject(this.#broken);
      this.#batches.push({ changes, failures: [], sent: 0, first: 0, last: 0, base: 0, resolve, reject });
      if (this.#batches.length === 1) this.#sendBatch();
    });
  }

  /** Everything of a kind; asks again while the kernel says that its tables changed underneath. */
  dump(encode: Encode, each: (m: MessageCursor) => void, restart: () => void): Promise<void> {
    const run = async (): Promise<void> => {
      for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
        if (attempt > 0) await pause(Math.min(2 ** attempt, LONGEST_PAUSE_MS));
        restart();
        if (await this.#dumpOnce(encode, each)) return;
      }
      throw new NetlinkError(Errno.ETIMEDOUT, "the tables change faster than they can be read");
    };
    const result = this.#dumps.then(run); // the kernel runs one dump a socket
    this.#dumps = result.catch(() => undefined); // who asked hears of it
    return result;
  }

  /** One answer to one question; undefined if the kernel answers with an error that means "none". */
  ask<T>(encode: Encode, decode: (m: MessageCursor) => T | undefined): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const settle = this.#question(encode, {
        hear: (m) => {
          settle();
          if (m.type !== NlMessage.Error) return resolve(decode(m));
          const error = readError(m);
          if (error === undefined || NONE.has(error.errno)) resolve(undefined);
          else reject(error);
        },
        fail: reject,
      });
    });
  }

  close(): void {
    if (this.#broken) return;
    this.#broken = new NetlinkError(Errno.EPIPE, "the kernel interface was closed");
    this.#socket.close();
    this.#rejectAll(this.#broken);
  }

  #open(): DatagramSocket {
    const socket = this.#transport.open({
      receive: (datagram) => this.#receive(datagram),
      fail: (error) => this.#fail(socket, error),
    });
    return socket;
  }

  #dumpOnce(encode: Encode, each: (m: MessageCursor) => void): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let clean = true;
      const settle = this.#question(encode, {
        hear: (m) => {
          if ((m.flags & NlFlag.DumpInterrupted) !== 0) clean = false;
          const over = m.type === NlMessage.Done || m.type === NlMessage.Error;
          if (!over) return each(m);
          settle();
          const error = m.type === NlMessage.Error ? readError(m) : readDone(m);
          if (error && !NONE.has(error.errno))
            reject(error); // a table that does not exist is an empty one
          else resolve(clean);
        },
        fail: reject,
      });
    });
  }

  /** @returns what ends it */
  #question(encode: Encode, question: Question): () => void {
    if (this.#broken) {
      question.fail(this.#broken);
      return () => undefined;
    }
    const sequence = this.#next(1);
    this.#questions.set(sequence, question);
    encode(this.#writer, sequence);
    this.#socket.send(this.#writer.take());
    return () => this.#questions.delete(sequence);
  }

  #sendBatch(): void {
    const batch = this.#batches[0];
    if (!batch) return;
    const limit = this.#socket.safe ? BATCH_MESSAGES : CAUTIOUS_MESSAGES;
    batch.base = batch.sent;
    batch.first = this.#next(limit);
    while (batch.sent < batch.changes.length && batch.sent - batch.base < limit) {
      const change = batch.changes[batch.sent];
      if (!change || this.#bulk.length > DATAGRAM_LIMIT) break;
      encodeChange(this.#bulk, change, batch.first + batch.sent - batch.base);
      batch.sent++;
    }
    batch.last = batch.first + batch.sent - batch.base - 1;
    this.#bulk.addFlags(NlFlag.Ack);
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#lost(batch), ANSWER_MS);
    const datagram = this.#bulk.take();
    if (batch.sent - batch.base < BULK) this.#socket.send(datagram);
    else this.#socket.sendBulk(datagram);
  }

  #receive(datagram: Uint8Array): void {
    const m = new MessageCursor(datagram);
    while (m.next()) {
      const batch = this.#batches[0];
      if (batch && m.sequence >= batch.first && m.sequence <= batch.last) this.#hearBatch(batch, m);
      else this.#questions.get(m.sequence)?.hear(m);
    }
  }

  #hearBatch(batch: Batch, m: MessageCursor): void {
    const error = m.type === NlMessage.Error ? readError(m) : undefined;
    const index = batch.base + m.sequence - batch.first;
    const change = batch.changes[index];
    if (error && change) {
      const { errno, code, message } = error;
      batch.failures.push({ change, index, errno, code, message });
    }
    if (m.sequence !== batch.last) return;
    clearTimeout(this.#watchdog);
    const done = batch.sent === batch.changes.length;
    if (done) this.#batches.shift();
    this.#sendBatch();
    if (done) batch.resolve(batch.failures);
  }

  /** The kernel answers before `send` returns: an answer that is not there by now was dropped. */
  #lost(batch: Batch): void {
    if (this.#batches[0] !== batch) return;
    this.#batches.shift();
    batch.reject(new NetlinkError(Errno.ETIMEDOUT, "the kernel's answer was lost"));
    this.#sendBatch();
  }

  /** What was under way is lost with the socket; the next question finds a new one. */
  #fail(socket: DatagramSocket, error: Error): void {
    if (this.#broken || socket !== this.#socket) return;
    socket.close();
    try {
      this.#socket = this.#open();
    } catch (another) {
      this.#broken = another as Error;
    }
    this.#rejectAll(error);
    if (!this.#broken) this.#reopened();
  }

  #rejectAll(error: Error): void {
    clearTimeout(this.#watchdog);
    const questions = [...this.#questions.values()];
    this.#questions.clear();
    for (const question of questions) question.fail(error);
    for (const batch of this.#batches.splice(0)) batch.reject(error);
  }

  /** The first of so many sequence numbers in a row; 0 is never used. */
  #next(count: number): number {
    if (this.#sequence + count > LAST_SEQUENCE) this.#sequence = 0;
    const first = this.#sequence + 1;
    this.#sequence += count;
    return first;
  }
}

/** NLMSG_ERROR; undefined is an ACK. The request's header follows the number, then attributes. */
function readError(m: MessageCursor): NetlinkError | undefined {
  const errno = m.length >= 4 ? -m.i32(0) : Errno.EINVAL;
  if (errno === 0) return undefined;
  if ((m.flags & NlFlag.ExtendedAck) === 0 || m.length < 8) return new NetlinkError(errno);
  const request = (m.flags & NlFlag.Capped) !== 0 ? HEADER_LENGTH : (m.u32(4) + 3) & ~3;
  return new NetlinkError(errno, kernelWords(m, 4 + request));
}

/** NLMSG_DONE carries the dump's result. */
function readDone(m: MessageCursor): NetlinkError | undefined {
  const errno = m.length >= 4 ? -m.i32(0) : 0;
  return errno > 0 ? new NetlinkError(errno, kernelWords(m, 4)) : undefined;
}

function kernelWords(m: MessageCursor, behind: number): string | undefined {
  const a = m.attributes(behind);
  while (a.next()) if (a.type === NLMSGERR_ATTR_MSG) return a.text();
  return undefined;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const NLMSGERR_ATTR_MSG = 1;
/** No such route, no such table. */
const NONE: ReadonlySet<number> = new Set([Errno.ENOENT, Errno.ESRCH, Errno.ENETUNREACH, Errno.EHOSTUNREACH]);
/** Well below SO_SNDBUF (208 KiB); a batch takes the kernel some 3 ms, in which nothing else happens here. */
const DATAGRAM_LIMIT = 60_000;
const BATCH_MESSAGES = 1024;
/** So many changes are worth another thread; fewer are there sooner without it. */
const BULK = 64;
/** Without a large receive buffer: that many error answers fit into the smallest. */
const CAUTIOUS_MESSAGES = 64;
const ANSWER_MS = 10_000;
const DUMP_ATTEMPTS = 12;
const LONGEST_PAUSE_MS = 1000;
const LAST_SEQUENCE = 0x7fff_ffff;
