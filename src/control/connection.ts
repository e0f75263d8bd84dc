/**
 * One client of the control socket: commands in, replies out, strictly in order, with bounded buffers both
 * ways. A client that does not read stops its own commands and nobody else's.
 */
import type { Socket } from "node:net";
import type { LogClass } from "../config/schema.ts";
import { EchoBuffer } from "./echo.ts";
import { LINE_LIMIT, LineBuffer } from "./line-buffer.ts";
import type { Pump, Runnable } from "./pump.ts";
import { Reply } from "./reply.ts";

/** A command under way: it yields to let others run, or a promise to wait for. */
export type Work = Generator<Promise<unknown> | undefined, void>;

/** What commands may do to the connection they came by. */
export interface Session {
  /** After `restrict`: nothing that changes the daemon's state. */
  restricted: boolean;
  /** Log classes that `echo` asked for, and how much may wait for a slow reader. */
  echo(classes: ReadonlySet<LogClass>, size: number): void;
  /** A `+` line to this client alone, between replies. */
  tell(text: string): void;
  /** Descriptor of the socket while it is open. */
  readonly fd: number | undefined;
}

export interface ConnectionInit {
  readonly pump: Pump;
  readonly greeting: string;
  execute(line: string, session: Session, reply: Reply): Work | undefined;
  /** A command threw: our bug, to be logged; the client hears of it, the daemon lives. */
  failed(error: unknown): void;
  onClose(connection: ControlConnection): void;
}

export class ControlConnection implements Runnable, Session {
  restricted = false;
  readonly #socket: Socket;
  readonly #init: ConnectionInit;
  readonly #lines = new LineBuffer();
  readonly #reply = new Reply();
  readonly #echo = new EchoBuffer();
  #work: Work | undefined;
  /** A command is at work this very moment: what it makes the log say comes behind its reply. */
  #executing = false;
  /** The command waits for a promise. */
  #awaiting = false;
  /** The client does not read fast enough: until the socket's drain nothing more is made for it. */
  #blocked = false;
  #inputEnded = false;
  #closing = false;

  constructor(socket: Socket, init: ConnectionInit) {
    this.#socket = socket;
    this.#init = init;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("end", () => this.#endInput());
    socket.on("drain", () => this.#drained());
    socket.on("error", () => socket.destroy()); // EPIPE, ECONNRESET: clients come and go
    socket.on("close", () => this.#closed());
    this.#reply.end(GREETING, init.greeting);
    this.#flush();
  }

  get fd(): number | undefined {
    return descriptor(this.#socket);
  }

  echo(classes: ReadonlySet<LogClass>, size: number): void {
    this.#echo.set(classes, size);
  }

  /** A line of the daemon's log. */
  log(level: LogClass, text: string): void {
    if (this.#echo.add(level, text)) this.#deliver();
  }

  tell(text: string): void {
    this.#echo.force(text);
    this.#deliver();
  }

  /** What has been answered is sent, then the connection ends; what the client still says is not heard. */
  close(): void {
    if (this.#closing) return;
    this.#flush();
    this.#closing = true;
    this.#init.pump.drop(this);
    this.#socket.end();
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
  }

  turn(deadline: number): boolean {
    const more = this.#run(deadline);
    this.#flush();
    return more && this.#ready;
  }

  /** @returns whether there is more to do */
  #run(deadline: number): boolean {
    while (this.#ready && this.#reply.size < CHUNK) {
      if (this.#work) {
        if (!this.#advance(deadline)) return true;
      } else {
        const line = this.#lines.next();
        if (line === undefined) {
          this.#idle();
          return false;
        }
        this.#start(line);
      }
      if (performance.now() >= deadline) break;
    }
    return true;
  }

  get #ready(): boolean {
    return !this.#closing && !this.#awaiting && !this.#blocked;
  }

  #receive(chunk: Buffer): void {
    if (this.#closing) return;
    this.#lines.push(chunk);
    // Enough to work on: what follows waits in the kernel, and the client with it.
    if (this.#lines.size > LINE_LIMIT) this.#socket.pause();
    if (this.#ready && !this.#work) this.#init.pump.ready(this);
  }

  #endInput(): void {
    this.#inputEnded = true;
    if (this.#ready && !this.#work) this.#init.pump.ready(this);
  }

  #start(line: string): void {
    this.#reply.begin();
    this.#executing = true;
    try {
      this.#work = this.#init.execute(line, this, this.#reply);
    } catch (error) {
      this.#fail(error);
    }
    this.#executing = false;
    if (!this.#work) this.#settle();
  }

  /** @returns whether the command is done */
  #advance(deadline: number): boolean {
    const work = this.#work;
    if (!work) return true;
    try {
      while (this.#reply.size < CHUNK) {
        const { done, value } = work.next();
        if (done) {
          this.#work = undefined;
          this.#settle();
          return true;
        }
        if (value) {
          this.#await(value);
          return false;
        }
        if (performance.now() >= deadline) break;
      }
    } catch (error) {
      this.#work = undefined;
      this.#fail(error);
      this.#settle();
      return true;
    }
    return false;
  }

  #await(promise: Promise<unknown>): void {
    this.#flush();
    this.#awaiting = true;
    const resume = (): void => {
      this.#awaiting = false;
      if (this.#ready) this.#init.pump.ready(this);
    };
    // A rejection is seen by the command itself: it holds the promise and asks for its outcome.
    promise.then(resume, resume);
  }

  #fail(error: unknown): void {
    this.#init.failed(error);
    this.#reply.end(8008, "runtime error");
  }

  /** Between two replies: log lines go out here, never inside one. */
  #settle(): void {
    if (!this.#closing && !this.#blocked) this.#echo.drain(this.#reply);
  }

  #idle(): void {
    if (this.#lines.tooLong) {
      this.#reply.end(9000, "Command too long");
      this.close();
      return;
    }
    this.#flush();
    if (this.#inputEnded) this.close();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** Log lines while no reply is under way. */
  #deliver(): void {
    if (this.#work || this.#executing || this.#closing || this.#blocked) return;
    this.#echo.drain(this.#reply);
    this.#flush();
  }

  #flush(): void {
    if (this.#reply.size === 0 || this.#closing) return;
    if (!this.#socket.write(this.#reply.take())) this.#blocked = true;
  }

  #drained(): void {
    this.#blocked = false;
    this.#deliver();
    if (this.#ready) this.#init.pump.ready(this);
  }

  #closed(): void {
    this.#closing = true;
    this.#work?.return();
    this.#work = undefined;
    this.#init.pump.drop(this);
    this.#init.onClose(this);
  }
}

/** Node does not tell a socket's descriptor; this is the one place that knows where it is. */
function descriptor(socket: Socket): number | undefined {
  const { _handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } };
  return _handle?.fd !== undefined && _handle.fd >= 0 ? _handle.fd : undefined;
}

/** `0001 BIRD 2.0.12 ready.` */
const GREETING = 1;
/** How long a client that was told goodbye may take to go. */
const LINGER_MS = 1000;
/** Characters of a reply that are written at once; also how far ahead of a slow reader a command may run. */
const CHUNK = 16_384;
