/** `neighbor range`: a session of its own for each address that connects, made and removed on the way. */
import { formatAddress } from "../../../protocol/wire/address.ts";
import type { BgpConfig } from "../../config/schema.ts";
import type { Connection } from "../../transport/tcp.ts";
import type { Protocol, ProtocolContext, StopReason } from "../protocol.ts";

/** What a spawned session is to its parent. */
export interface DynamicSession extends Protocol {
  accept(connection: Connection): void;
  /** Told when no connection is left. */
  onDesert: (() => void) | undefined;
  dispose(): void;
}

export class Neighbors {
  readonly #parent: Protocol;
  readonly #context: ProtocolContext;
  readonly #children = new Map<string, DynamicSession>();

  constructor(parent: Protocol, context: ProtocolContext) {
    this.#parent = parent;
    this.#context = context;
  }

  /** A new neighbor of the range has connected. */
  welcome(connection: Connection, config: BgpConfig): void {
    const { ip } = connection.remote;
    const key = formatAddress(ip);
    if (this.#children.has(key) || this.#children.size >= MOST) return connection.close();
    const { neighborRange: _, ...rest } = config;
    const name = this.#freeName(config);
    const child = this.#context.spawn(this.#parent, {
      ...rest,
      name,
      neighborAddress: ip,
      passive: true,
    }) as DynamicSession;
    this.#children.set(key, child);
    child.start();
    child.accept(connection);
    child.onDesert = () => this.#retire(key, child); // not before: until then nobody has connected
  }

  async stop(reason: StopReason): Promise<void> {
    const all = [...this.#children];
    await Promise.all(all.map(([, child]) => child.stop(reason)));
    for (const [key, child] of all) this.#forget(key, child);
  }

  #retire(key: string, child: DynamicSession): void {
    child.onDesert = undefined;
    child.stop({ kind: "remove" }).then(
      () => this.#forget(key, child),
      (error: unknown) => this.#context.log("bug", `${child.name}: ${String(error)}`),
    );
  }

  #forget(key: string, child: DynamicSession): void {
    if (this.#children.get(key) !== child) return;
    this.#children.delete(key);
    this.#context.drop(child);
    child.dispose();
  }

  #freeName(config: BgpConfig): string {
    const taken = new Set([...this.#children.values()].map((child) => child.name));
    for (let n = 1; ; n++) {
      const name = `${config.dynamicName}${String(n).padStart(config.dynamicDigits, "0")}`;
      if (!taken.has(name)) return name;
    }
  }
}

/** Sessions of one range; more addresses than that are not neighbors but an attack. */
const MOST = 1024;
