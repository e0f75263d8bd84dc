/**
 * Drives the state machine of one peer (protocol/fsm/peer.ts): its connections, its one deadline
 * timer, input in slices, output while the socket takes it. Knows no table: what an Established
 * session carries goes to a `Routes`.
 */
import { DEFAULT_CONTEXT } from "../../../protocol/codec/capability.ts";
import { NotificationError } from "../../../protocol/codec/error.ts";
import { CeaseSubcode, ErrorCode, MessageType } from "../../../protocol/codec/iana.ts";
import { decodeMessage, encodeMessage, MAX_EXTENDED_LENGTH, type Message } from "../../../protocol/codec/message.ts";
import { hexText } from "../../../protocol/codec/notification.ts";
import type { Session } from "../../../protocol/fsm/negotiate.ts";
import { stepPeer } from "../../../protocol/fsm/peer.ts";
import {
  establishedSlot,
  NEW_PEER,
  type PeerAction,
  type PeerConfig,
  type PeerEvent,
  type PeerState,
  peerDeadline,
  SLOTS,
  type Slot,
} from "../../../protocol/fsm/peer-state.ts";
import { type Event, holdExpired } from "../../../protocol/fsm/step.ts";
import { formatAddress } from "../../../protocol/wire/address.ts";
import type { Host, Job, Millis } from "../../host.ts";
import type { CloseReason, Connection } from "../../transport/tcp.ts";
import { Deadline } from "./deadline.ts";
import type { Routes, SessionHandler } from "./handler.ts";
import { endOfRibIn, errorEvent, Input } from "./input.ts";
import { Output } from "./output.ts";
import { type Counters, describe, newCounters, tally } from "./tally.ts";

/** One connection of the peer, whatever slot it is in. */
interface Link {
  slot: Slot | undefined;
  readonly connection: Connection;
  readonly input: Input;
  /** Closed by the other side, but there is input left to look at first. */
  closing: CloseReason | undefined;
}

export class PeerSession {
  readonly counters: Counters = newCounters();
  readonly #host: Host;
  readonly #handler: SessionHandler;
  #config: { -readonly [K in keyof PeerConfig]: PeerConfig[K] };
  readonly #links = new Map<Slot, Link>();
  readonly #endings = new Set<Promise<void>>();
  readonly #inputJob: Job = { step: () => this.#inputSlice() };
  readonly #expiryJob: Job = { step: () => this.#expire() };
  #state: PeerState = NEW_PEER;
  #routes: Routes | undefined;
  #offered: Connection | undefined;
  readonly #deadline: Deadline;
  #output: Output | undefined;
  /** An unanswered SYN was given up: silence, as with a wrong MD5 key. */
  silent = false;

  constructor(host: Host, config: Omit<PeerConfig, "jitter">, handler: SessionHandler) {
    this.#host = host;
    this.#handler = handler;
    this.#config = { ...config, jitter: 1 };
    this.#deadline = new Deadline(host.clock, () => this.#due());
  }

  get state(): PeerState {
    return this.#state;
  }

  get established(): { readonly session: Session; readonly connection: Connection } | undefined {
    const slot = establishedSlot(this.#state);
    const link = slot && this.#links.get(slot);
    const state = slot && this.#state[slot];
    return link && state?.name === "Established" ? { session: state.session, connection: link.connection } : undefined;
  }

  /** The parts that may change while a session is up: they count from the next connection on. */
  configure(config: Omit<PeerConfig, "jitter">): void {
    this.#config = { ...config, jitter: this.#config.jitter };
  }

  /** The one door in: operators, sockets and time all come through here. */
  handle(event: PeerEvent): void {
    this.#config.jitter = 0.75 + this.#host.random() / 4;
    const { state, actions } = stepPeer(this.#state, event, this.#host.clock.now(), this.#config);
    this.#state = state;
    for (const action of actions) this.#perform(action);
    this.#deadline.by(peerDeadline(this.#state));
    if (actions.length > 0) this.#handler.changed();
  }

  /** A connection that somebody opened to us: taken or closed. */
  accept(connection: Connection): void {
    const { ip, port } = connection.remote;
    this.#offered = connection;
    this.handle({ type: "accept" });
    const refused = this.#offered !== undefined;
    this.#offered = undefined;
    this.#handler.trace(
      "events",
      () => `Incoming connection from ${formatAddress(ip)} (port ${port}) ${refused ? "rejected" : "accepted"}`,
    );
    if (refused) connection.close();
  }

  /** There is something to pull. */
  wake(): void {
    this.#output?.wake();
  }

  /** Resolves when what we had to say last has been delivered, or given up. */
  async delivered(): Promise<void> {
    await Promise.all(this.#endings);
  }

  refresh(afi: number, safi: number): void {
    const live = this.established;
    if (live?.session.routeRefresh) this.#send("established", { type: "route-refresh", afi, safi, subtype: 0 });
  }

  setKey(md5: string | undefined): void {
    for (const { connection } of this.#links.values()) connection.setKey(md5);
  }

  // ---- actions

  #perform(action: PeerAction): void {
    switch (action.type) {
      case "connection":
        return this.#performOn(action.slot, action.action);
      case "adopt": {
        const connection = this.#offered;
        this.#offered = undefined;
        if (connection) this.#attach(action.slot, connection);
        return;
      }
      case "refuse":
        return;
      case "promote": {
        const link = this.#links.get("again");
        if (!link) return;
        this.#links.delete("again");
        link.slot = "in";
        this.#links.set("in", link);
        return;
      }
      case "up":
        return this.#up(action.slot, action.session);
      case "down":
        this.#routes = undefined;
        this.#output?.close();
        this.#output = undefined;
        return this.#handler.down(action.session, action.cause, action.kept);
      case "ended":
        return this.#handler.ended(action.cause, action.wait);
      case "disable":
        return this.#handler.disable(action.cause);
      case "stale":
        return this.#handler.stale(action);
    }
  }

  #performOn(slot: Slot, action: Extract<PeerAction, { type: "connection" }>["action"]): void {
    switch (action.type) {
      case "connect":
        return this.#attach(slot, this.#handler.dial());
      case "send":
        return this.#send(slot, action.message);
      case "notify":
        this.#send(slot, {
          type: "notification",
          code: action.error.code,
          subcode: action.error.subcode,
          data: action.error.data,
        });
        return this.#detach(slot, true);
      case "disconnect": {
        const link = this.#links.get(slot);
        this.silent = link !== undefined && slot === "out" && this.#state.out.name === "Connect" && !link.closing;
        return this.#detach(slot, false);
      }
      case "refuse":
        return this.#detach(slot, false);
    }
  }

  #attach(slot: Slot, connection: Connection): void {
    const link: Link = { slot, connection, input: new Input(), closing: undefined };
    this.#links.set(slot, link);
    // A late callback of an old connection finds its link without a slot, and does nothing
    connection.attach({
      open: () => {
        this.#handler.trace("events", () => "Connected");
        this.#event(link, { type: "tcp-acked" });
      },
      data: (octets) => this.#data(link, octets),
      drain: () => {
        if (link.slot === establishedSlot(this.#state)) this.#output?.drained();
      },
      close: (reason) => this.#closed(link, reason),
    });
  }

  /** @param deliver what was written goes out first */
  #detach(slot: Slot, deliver: boolean): void {
    const link = this.#links.get(slot);
    if (!link) return;
    this.#links.delete(slot);
    link.slot = undefined;
    link.input.clear();
    if (!deliver) return link.connection.close();
    const ending = link.connection.end().finally(() => this.#endings.delete(ending));
    this.#endings.add(ending);
  }

  #up(slot: Slot, session: Session): void {
    const link = this.#links.get(slot);
    if (!link) return;
    this.#handler.trace("events", () => "BGP session established");
    this.silent = false;
    const routes = this.#handler.up(session, link.connection);
    this.#routes = routes;
    this.#output = new Output(this.#host, routes, link.connection, {
      write: (octets) => {
        this.#handler.trace("packets", () => `Sending ${octets.length === 23 ? "END-OF-RIB" : "UPDATE"}`);
        return this.#write(link, octets);
      },
      blocked: (full) => this.handle({ type: full ? "blocked" : "flowing" }),
    });
    this.#output.flush();
  }

  #send(to: Slot | "established", message: Message): void {
    const slot = to === "established" ? establishedSlot(this.#state) : to;
    const link = slot && this.#links.get(slot);
    if (!link) return;
    // What is queued already will restart the peer's hold timer when it gets there
    if (message.type === "keepalive" && link.connection.queued > 0) return;
    const octets = encodeMessage(message, this.established?.session.context ?? DEFAULT_CONTEXT);
    this.#handler.trace("packets", () => `Sending ${describe(message)}`);
    this.#write(link, octets);
  }

  #write(link: Link, octets: Uint8Array): boolean {
    const { message } = this.#handler;
    tally(this.counters.sent, octets, message && ((one) => message("out", one, link.connection)));
    return link.connection.write(octets);
  }

  // ---- input

  #event(link: Link, event: Event, more?: { text?: string; data?: Uint8Array }): void {
    if (link.slot !== undefined) this.handle({ type: "connection", slot: link.slot, event, ...more });
  }

  #data(link: Link, octets: Uint8Array): void {
    if (link.slot === undefined) return;
    link.input.add(octets);
    if (link.slot === establishedSlot(this.#state)) {
      if (link.input.full || this.#routes?.congested) link.connection.pause();
      this.#host.scheduler.run(this.#inputJob);
    } else this.#read(link, Number.POSITIVE_INFINITY);
  }

  #closed(link: Link, reason: CloseReason): void {
    if (link.slot === undefined) return;
    link.closing = reason;
    if (link.input.empty) return this.#finish(link, reason);
    this.#host.scheduler.run(this.#inputJob); // reads the rest first
  }

  #finish(link: Link, reason: CloseReason): void {
    this.#event(link, { type: "tcp-failed" }, { text: reason.text });
  }

  /** A slice of every link's input. @returns whether there is more */
  #inputSlice(): boolean {
    let more = false;
    for (const link of [...this.#links.values()]) {
      if (link.input.empty || (this.#routes?.congested && link.slot === establishedSlot(this.#state))) {
        more ||= !link.input.empty;
        continue;
      }
      this.#read(link, SLICE_OCTETS);
      if (link.slot === undefined) continue;
      if (!link.input.empty) more = true;
      else if (link.closing) this.#finish(link, link.closing);
      if (!link.input.full && !this.#routes?.congested) link.connection.resume();
    }
    return more;
  }

  /** Reads messages until `budget` octets are through, the input is empty or the link is gone. */
  #read(link: Link, budget: number): void {
    let heard = false;
    let left = budget;
    let message: Uint8Array | undefined;
    try {
      while (left > 0 && link.slot !== undefined && (message = link.input.next())) {
        left -= message.length;
        tally(this.counters.received, message);
        this.#handler.message?.("in", message, link.connection);
        if (message[18] === MessageType.Update && this.#routes && link.slot === establishedSlot(this.#state)) {
          this.#update(this.#routes, message);
          heard = true;
        } else this.#message(link, message);
      }
    } catch (error) {
      this.#failed(link, error, message);
    }
    if (heard) this.#event(link, { type: "update" });
  }

  #update(routes: Routes, message: Uint8Array): void {
    const family = endOfRibIn(message, this.established?.session.context);
    this.#handler.trace("packets", () => `Got ${family ? "END-OF-RIB" : "UPDATE"}`);
    routes.receiveUpdate(message);
    if (!family) return;
    this.handle({ type: "end-of-rib", family });
    this.#handler.endOfRib(family);
  }

  #message(link: Link, octets: Uint8Array): void {
    if (octets[18] === MessageType.Update) {
      this.#event(link, { type: "update" }); // not expected yet, or the sign that the peer is up
      if (this.#routes && link.slot !== undefined && link.slot === establishedSlot(this.#state))
        this.#update(this.#routes, octets);
      return;
    }
    const message = decodeMessage(octets, this.established?.session.context ?? DEFAULT_CONTEXT);
    this.#handler.trace("packets", () => `Got ${describe(message).replace("ver=4,", "")}`);
    switch (message.type) {
      case "open":
        this.#event(link, { type: "open", open: message });
        if (this.#config.open.extendedMessages) link.input.setLimit(MAX_EXTENDED_LENGTH);
        return;
      case "keepalive":
        return this.#event(link, { type: "keepalive" });
      case "notification":
        return this.#event(
          link,
          { type: "notification", code: message.code, subcode: message.subcode },
          { data: message.data },
        );
      case "route-refresh":
        this.#event(link, { type: "route-refresh" });
        return link.slot === establishedSlot(this.#state) ? this.#routes?.receiveRefresh(message) : undefined;
      case "update":
        return;
    }
  }

  /** What a decoder or the tables threw: an error of the peer's, or a bug of ours that costs this session alone. */
  #failed(link: Link, error: unknown, message: Uint8Array | undefined): void {
    if (error instanceof NotificationError) return this.#event(link, errorEvent(error));
    const hex = message ? hexText(message, 512) : "no message";
    this.#handler.bug(`${error instanceof Error ? error.stack : String(error)}\n  while handling ${hex}`);
    const out = new NotificationError(ErrorCode.Cease, CeaseSubcode.OutOfResources, "internal error");
    this.#event(link, { type: "automatic-stop", error: out });
  }

  // ---- time

  #due(): void {
    const now = this.#host.clock.now();
    if (SLOTS.some((slot) => holdExpired(this.#state[slot], now))) {
      // We may be the late one: what the sockets hold is read before anybody is declared dead
      for (const link of this.#links.values()) link.connection.resume();
      this.#host.scheduler.run(this.#expiryJob);
      return;
    }
    this.#tick(now);
  }

  /** In the turn after a due hold timer, behind the sockets' input. */
  #expire(): boolean {
    const now = this.#host.clock.now();
    for (const slot of SLOTS) {
      const link = this.#links.get(slot);
      if (!link || !holdExpired(this.#state[slot], now) || link.input.empty) continue;
      const { buffered } = link.input;
      this.#read(link, SLICE_OCTETS);
      if (link.slot !== undefined && link.input.buffered < buffered) return true;
    }
    this.#tick(now);
    return false;
  }

  #tick(now: Millis): void {
    const { sendHoldAt } = this.#state;
    if (sendHoldAt !== undefined && now >= sendHoldAt && this.#output?.progress()) this.handle({ type: "progress" });
    this.handle({ type: "tick" });
  }
}

/** Input read in one go, well under the time of a slice. */
const SLICE_OCTETS = 4096;
