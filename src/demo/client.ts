/** Asks a daemon on its control socket, as birdc does. */
import { connect, type Socket } from "node:net";

export class DemoClient {
  readonly #socket: Socket;
  #buffer = "";
  #lines: string[] = [];
  #waiting: ((lines: string[] | undefined) => void)[] = [];

  /** @returns undefined while nobody listens there */
  static open(path: string): Promise<DemoClient | undefined> {
    return new Promise((resolve) => {
      const socket = connect(path);
      socket.once("error", () => resolve(undefined));
      socket.once("connect", () => {
        const client = new DemoClient(socket);
        client.#next().then((greeting) => resolve(greeting && client)); // the greeting is a reply to nothing
      });
    });
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#receive(text));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      for (const resolve of this.#waiting.splice(0)) resolve(undefined);
    });
  }

  /** @returns the reply's lines without their codes, or undefined if the daemon has gone */
  ask(command: string): Promise<string[] | undefined> {
    if (this.#socket.destroyed) return Promise.resolve(undefined);
    this.#socket.write(`${command}\n`);
    return this.#next();
  }

  close(): void {
    this.#socket.destroy();
  }

  #next(): Promise<string[] | undefined> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #receive(text: string): void {
    const lines = (this.#buffer + text).split("\n");
    this.#buffer = lines.pop() ?? "";
    for (const line of lines) {
      this.#lines.push(line.replace(/^(?:\d{4}[ -]| )/, ""));
      if (!/^\d{4} /.test(line)) continue; // a code and a blank: the reply's last line
      this.#waiting.shift()?.(this.#lines);
      this.#lines = [];
    }
  }
}
