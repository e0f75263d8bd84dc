/** What a bgp protocol remembers of its past sessions, for `show protocols all` and for a log without repetitions. */
import type { Cause } from "../../../protocol/fsm/backoff.ts";
import type { BgpConfig } from "../../config/schema.ts";
import type { StopReason } from "../protocol.ts";
import { lastError, logLine, peerMessage, whyDown } from "./words.ts";

export class Past {
  /** As `Last error:` and the info column have it. */
  lastError: string | undefined;
  /** The same for people. */
  cause: string | undefined;
  /** The last administrative message, ours or theirs (RFC 9003). */
  message: string | undefined;
  readonly #log: (level: "info" | "remote", line: string) => void;
  /** The last error was a NOTIFICATION, from us or for us. */
  #spoken = false;
  #logged: string | undefined;
  #switchedOff = false;

  constructor(log: (level: "info" | "remote", line: string) => void) {
    this.#log = log;
  }

  started(): void {
    if (this.#switchedOff) this.message = undefined; // `enable` brings its own
    this.#switchedOff = false;
  }

  /** A session is up: what was wrong is right again. */
  up(): void {
    this.lastError = undefined;
    this.cause = undefined;
    this.#spoken = false;
    this.#logged = undefined;
  }

  /** A client's switch has the last word, also if it has none (RFC 9003); a daemon that ends leaves it. */
  stopping(reason: StopReason): void {
    if (reason.kind === "disable" || reason.kind === "restart") this.message = reason.message;
    this.#switchedOff = reason.kind === "disable";
  }

  ended(cause: Cause, config: BgpConfig): void {
    this.#blame(cause, config);
    this.message = peerMessage(cause) ?? this.message;
    const line = logLine(cause, config);
    // A neighbor that stays away says so once, not with each attempt
    if (line === undefined || (cause.type === "socket" && line === this.#logged)) return;
    this.#logged = line;
    this.#log(cause.type === "socket" || cause.type === "misc" ? "info" : "remote", line);
  }

  /**
   * A peer that closes before it has said a word (it sits out its own error wait, say) tells nothing new:
   * what was wrong between us is still what it told us, or we it, before.
   */
  #blame(cause: Cause, config: BgpConfig): void {
    const spoken = cause.type === "sent" || cause.type === "received";
    if (this.#spoken && this.lastError !== undefined && cause.type === "socket" && cause.mute) return;
    this.#spoken = spoken;
    this.lastError = lastError(cause) ?? this.lastError;
    this.cause = whyDown(cause, config) ?? this.cause;
  }
}
