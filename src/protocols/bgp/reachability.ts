/** Watches what a session stands on: the interface, the neighbor on it, our own address, and BFD's opinion. */
import { NotificationError } from "../../../protocol/codec/error.ts";
import { CeaseSubcode, ErrorCode } from "../../../protocol/codec/iana.ts";
import type { Cause } from "../../../protocol/fsm/backoff.ts";
import { formatAddress, type IpAddress } from "../../../protocol/wire/address.ts";
import type { BgpConfig } from "../../config/schema.ts";
import type { Connection } from "../../transport/tcp.ts";
import type { ProtocolContext } from "../protocol.ts";
import { isOwn, type Reach, reach } from "./reach.ts";

export interface ReachabilityHandler {
  config(): BgpConfig;
  /** The connection of the session that is up. */
  connection(): Connection | undefined;
  ready(): void;
  /** @param first it was reachable before, or nobody has looked yet */
  lost(text: string, error: NotificationError, first: boolean): void;
  bfdDown(diagnostic: string, error: NotificationError, cause: Cause): void;
}

export class Reachability {
  readonly #context: ProtocolContext;
  readonly #handler: ReachabilityHandler;
  readonly #watch: { close(): void };
  #bfd: { close(): void } | undefined;
  #reach: Reach | undefined;
  /** Our address of the session, if an interface had it when the session came up. */
  #ownAtUp: IpAddress | undefined;
  #closed = false;

  constructor(context: ProtocolContext, handler: ReachabilityHandler) {
    this.#context = context;
    this.#handler = handler;
    this.#watch = context.interfaces.onChange(() => this.check());
  }

  get reach(): Reach | undefined {
    return this.#reach;
  }

  /** From where to dial; undefined where the system chooses. */
  get source(): { readonly local?: IpAddress; readonly iface?: string } | undefined {
    return this.#reach?.ready ? this.#reach : undefined;
  }

  check(): void {
    if (this.#closed) return;
    const before = this.#reach;
    const now = this.#stillOurs(reach(this.#handler.config(), this.#context.interfaces));
    this.#reach = now;
    if (now.ready) {
      this.#requestBfd(now);
      return this.#handler.ready();
    }
    this.#bfd?.close();
    this.#bfd = undefined;
    const error = new NotificationError(ErrorCode.Cease, CeaseSubcode.Unspecific, now.why);
    this.#handler.lost(now.error, error, before === undefined || before.ready);
  }

  up(local: IpAddress | undefined): void {
    this.#ownAtUp = local && isOwn(this.#context.interfaces, local) ? local : undefined;
  }

  close(): void {
    this.#closed = true;
    this.#watch.close();
    this.#bfd?.close();
    this.#bfd = undefined;
  }

  /** A session whose own address has gone is dead, whatever TCP believes for the next minutes. */
  #stillOurs(now: Reach): Reach {
    const local = this.#handler.connection()?.local?.ip;
    const { interfaces, clock } = this.#context;
    if (!local || !now.ready || this.#ownAtUp === undefined || isOwn(interfaces, local)) return now;
    this.#ownAtUp = undefined;
    clock.at(clock.now(), () => this.check()); // from another address of ours, if there is one
    return { ready: false, why: `our address ${formatAddress(local)} is gone`, error: "Neighbor lost" };
  }

  #requestBfd(where: Extract<Reach, { ready: true }>): void {
    const { bfd, neighborAddress, multihop, name } = this.#handler.config();
    const service = this.#context.bfd;
    if (!bfd) {
      this.#bfd?.close();
      this.#bfd = undefined;
    }
    if (!bfd || this.#bfd || !service || !neighborAddress) return;
    let wasUp = false;
    this.#bfd = service.request(
      {
        remote: neighborAddress,
        ...(where.local && { local: where.local }),
        ...(where.iface !== undefined && { iface: where.iface }),
        multihop: multihop !== undefined,
        ...(bfd.options && { options: bfd.options }),
        user: name,
      },
      (up, diagnostic) => {
        if (wasUp && !up) this.#bfdDown(diagnostic);
        wasUp = up;
      },
    );
  }

  #bfdDown(diagnostic: string): void {
    const error = new NotificationError(ErrorCode.Cease, CeaseSubcode.BfdDown, diagnostic); // RFC 9384
    const graceful = this.#handler.config().bfd?.graceful ?? false;
    this.#handler.bfdDown(diagnostic, error, { type: "misc", text: "BFD session down", graceful });
  }
}
