/** One connection to a control socket: lines out, replies in. */
import { connect, type Socket } from "node:net";
import { resolve } from "node:path";
import { ConnectError } from "./hints.ts";

/** Takes a line of output; false: too much for now, wait for stdout to drain. */
export type Printer = (text: string, isError: boolean) => boolean;

interface Request {
  readonly print: Printer;
  readonly verbose: boolean;
  done(code: number): void;
  failed(error: Error): void;
}

export class ControlClient {
  readonly greeting: string;
  readonly #socket: Socket;
  readonly #path: string;
  #rest = "";
  /** Code of the last line: lines that begin with a blank have it too. */
  #code = "";
  #request: Request | undefined;

  private constructor(socket: Socket, path: string, greeting: string) {
    this.#socket = socket;
    this.#path = path;
    this.greeting = greeting;
    socket.on("data", (chunk: string) => this.#receive(chunk));
    socket.on("close", () => this.#lost());
    socket.on("error", () => undefined); // `close` follows
  }

  /** Connects and waits for the greeting. */
  static connect(path: string): Promise<ControlClient> {
    return new Promise((fulfil, reject) => {
      const socket = connect(resolve(path));
      socket.setEncoding("utf8");
      let text = "";
      const fail = (error: NodeJS.ErrnoException): void => reject(new ConnectError(path, error));
      const greeted = (chunk: string): void => {
        text += chunk;
        const end = text.indexOf("\n");
        if (end < 0) return;
        socket.off("data", greeted);
        socket.off("error", fail);
        socket.off("end", gone);
        const client = new ControlClient(socket, path, text.slice(0, end));
        client.#rest = text.slice(end + 1);
        fulfil(client);
      };
      const gone = (): void => fail(Object.assign(new Error("closed"), { code: "ECONNRESET" }));
      socket.on("data", greeted);
      socket.once("error", fail);
      socket.once("end", gone);
    });
  }

  /**
   * Sends a command and prints its reply.
   * @returns the code of the last line
   */
  request(line: string, print: Printer, options: { readonly verbose?: boolean } = {}): Promise<number> {
    return new Promise((fulfil, reject) => {
      this.#request = { print, verbose: options.verbose ?? false, done: fulfil, failed: reject };
      this.#socket.write(`${line}\n`);
      this.#receive("");
    });
  }

  /** Sends a command and gives its reply as text, without codes. */
  async collect(line: string): Promise<{ readonly code: number; readonly text: string }> {
    const lines: string[] = [];
    const code = await this.request(line, (text) => lines.push(text) > 0);
    return { code, text: lines.join("\n") };
  }

  /** Lines that come unasked (`echo`), while no command is under way. */
  onNotice: (text: string) => void = () => undefined;

  close(): void {
    this.#socket.end();
    this.#socket.destroy();
  }

  #receive(chunk: string): void {
    this.#rest += chunk;
    let start = 0;
    for (let end = this.#rest.indexOf("\n"); end >= 0; end = this.#rest.indexOf("\n", start)) {
      this.#line(this.#rest.slice(start, end));
      start = end + 1;
    }
    this.#rest = this.#rest.slice(start);
  }

  #line(line: string): void {
    if (line.startsWith("+") || line.startsWith("<")) return this.#notice(line.startsWith("+") ? line.slice(1) : line);
    const coded = /^(\d{4})([- ])/.exec(line);
    if (coded) this.#code = coded[1] as string;
    const isLast = coded?.[2] === " ";
    this.#print(coded ? line.slice(5) : line.slice(1), line, isLast, coded !== null);
    if (!isLast) return;
    const request = this.#request;
    this.#request = undefined;
    request?.done(Number(this.#code));
  }

  #print(text: string, line: string, isLast: boolean, hasCode: boolean): void {
    const request = this.#request;
    if (!request) return;
    if (isLast && this.#code === "0000" && text === "") return;
    const isError = Number(this.#code) >= 8000;
    const shown = request.verbose ? (hasCode ? line : `     ${text}`) : text;
    if (request.print(shown, isError)) return;
    this.#socket.pause();
    process.stdout.once("drain", () => this.#socket.resume());
  }

  #notice(text: string): void {
    const request = this.#request;
    if (request) request.print(request.verbose ? `+${text}` : text, false);
    else this.onNotice(text);
  }

  #lost(): void {
    const request = this.#request;
    this.#request = undefined;
    // `down` ends the connection after its reply; in the middle of one it is a loss.
    request?.failed(new ConnectError(this.#path, Object.assign(new Error("closed"), { code: "ECONNRESET" })));
  }
}
