/** What a session needs of those around it: the protocol that owns it, and the routes it carries. */
import type { FamilyKey } from "../../../protocol/codec/capability.ts";
import type { RouteRefresh } from "../../../protocol/codec/notification.ts";
import type { Cause } from "../../../protocol/fsm/backoff.ts";
import type { Session } from "../../../protocol/fsm/negotiate.ts";
import type { Wait } from "../../../protocol/fsm/peer-state.ts";
import type { StaleChange, StaleMap } from "../../../protocol/fsm/stale.ts";
import type { Connection } from "../../transport/tcp.ts";

/** What an Established session carries. */
export interface Routes {
  receiveUpdate(message: Uint8Array): void;
  receiveRefresh(message: RouteRefresh): void;
  /** Whole messages to send next, about `budget` octets; undefined: nothing now. */
  pull(budget: number): Uint8Array | undefined;
  readonly congested: boolean;
}

export interface SessionHandler {
  dial(): Connection;
  /** The session is up; what it returns is fed and pulled from now on. */
  up(session: Session, connection: Connection): Routes;
  down(session: Session, cause: Cause, kept: StaleMap): void;
  stale(change: StaleChange): void;
  endOfRib(family: FamilyKey): void;
  ended(cause: Cause, wait: Wait | undefined): void;
  disable(cause: Cause): void;
  /** The state machine may look different now. */
  changed(): void;
  trace(flag: "events" | "packets", text: () => string): void;
  /** Each message as it is on the wire, for counters, MRT and recordings. */
  message?(direction: "in" | "out", octets: Uint8Array, connection: Connection): void;
  bug(text: string): void;
}
