/**
 * BFD on the wire: sockets, sessions and their timers. It runs in a thread of its own, where a busy table
 * cannot delay it, and speaks with the protocol by plain messages; in tests it runs beside it.
 */
import { createHash } from "node:crypto";
import {
  adminDownBfd,
  type BfdConfig,
  type BfdSession,
  bfdDeadline,
  bfdInterval,
  detectionTime,
  newBfdSession,
  receiveBfd,
  reconfigureBfd,
  tickBfd,
} from "../../../protocol/bfd.ts";
import {
  type BfdAuth,
  type BfdAuthType,
  type BfdPacket,
  BfdState,
  decodeBfd,
  diagnosticText,
  encodeBfd,
  verifyBfd,
} from "../../../protocol/bfd-packet.ts";
import type { Timer } from "../../host.ts";
import { nodeClock } from "../../host.ts";
import { openSender, Receivers, type Sender } from "./sockets.ts";

export interface KeyConfig {
  readonly password: string;
  readonly id: number;
  readonly generateFrom: number;
  readonly generateTo: number;
  readonly acceptFrom: number;
  readonly acceptTo: number;
}

export interface SessionInit {
  readonly id: number;
  readonly remote: string;
  readonly local?: string;
  readonly iface?: string;
  readonly multihop: boolean;
  readonly strictBind: boolean;
  readonly device?: string;
  readonly config: BfdConfig;
  readonly authentication: BfdAuthType;
  readonly keys: readonly KeyConfig[];
}

export type EngineCommand =
  | { readonly type: "add"; readonly session: SessionInit }
  | {
      readonly type: "configure";
      readonly id: number;
      readonly config: BfdConfig;
      readonly authentication: BfdAuthType;
      readonly keys: readonly KeyConfig[];
    }
  | { readonly type: "remove"; readonly id: number }
  | { readonly type: "close" };

export type EngineEvent =
  | {
      readonly type: "state";
      readonly id: number;
      readonly state: BfdState;
      readonly diagnostic: string;
      readonly remoteDiagnostic: string;
      readonly localDiscriminator: number;
      readonly remoteDiscriminator: number;
      /** Milliseconds. */
      readonly interval: number;
      readonly timeout: number;
    }
  | { readonly type: "trouble"; readonly text: string }
  | { readonly type: "closed" };

interface Entry {
  init: SessionInit;
  session: BfdSession;
  sender: Sender | undefined;
  timer: Timer | undefined;
  told: string;
}

export class BfdEngine {
  readonly #clock = nodeClock();
  readonly #tell: (event: EngineEvent) => void;
  readonly #byId = new Map<number, Entry>();
  readonly #byDiscriminator = new Map<number, Entry>();
  readonly #receivers: Receivers;

  constructor(tell: (event: EngineEvent) => void) {
    this.#tell = tell;
    this.#receivers = new Receivers(
      (octets, from) => this.#receive(octets, from),
      (text) => tell({ type: "trouble", text }),
    );
  }

  command(command: EngineCommand): void {
    switch (command.type) {
      case "add":
        return this.#add(command.session);
      case "configure": {
        const entry = this.#byId.get(command.id);
        if (!entry) return;
        const { config, authentication, keys } = command;
        entry.init = { ...entry.init, config, authentication, keys };
        entry.session = reconfigureBfd(entry.session, config, this.#clock.now());
        return this.#arm(entry);
      }
      case "remove":
        return this.#remove(command.id);
      case "close":
        for (const id of [...this.#byId.keys()]) this.#remove(id);
        this.#receivers.close();
        return this.#tell({ type: "closed" });
    }
  }

  #add(init: SessionInit): void {
    let discriminator = 0;
    while (discriminator === 0 || this.#byDiscriminator.has(discriminator)) discriminator = randomWord();
    const session = newBfdSession(discriminator, init.config, this.#clock.now(), randomWord());
    const entry: Entry = { init, session, sender: undefined, timer: undefined, told: "" };
    this.#byId.set(init.id, entry);
    this.#byDiscriminator.set(discriminator, entry);
    this.#receivers.need(init);
    entry.sender = openSender(init, (text) =>
      this.#tell({ type: "trouble", text: `BFD session to ${init.remote}: ${text}` }),
    );
    this.#report(entry);
    this.#tick(entry);
  }

  #remove(id: number): void {
    const entry = this.#byId.get(id);
    if (!entry) return;
    const { session, packet } = adminDownBfd(entry.session, entry.init.config);
    entry.session = session;
    if (packet && session.remoteDiscriminator !== 0) this.#send(entry, packet);
    entry.timer?.cancel();
    entry.sender?.close();
    this.#byId.delete(id);
    this.#byDiscriminator.delete(session.localDiscriminator);
    this.#receivers.release(entry.init);
  }

  #receive(octets: Uint8Array, from: { address: string; iface: string | undefined; multihop: boolean }): void {
    const packet = decodeBfd(octets);
    const entry = packet && this.#find(packet, from);
    if (!entry || entry.init.multihop !== from.multihop || entry.init.remote !== from.address) return;
    const sequence = verifyBfd(octets, this.#auth(entry), entry.session);
    if (sequence === undefined) return;
    const before = { ...entry.session, receiveSequence: sequence };
    const now = this.#clock.now();
    const { session, packet: reply } = receiveBfd(before, packet, now, entry.init.config, jitter());
    entry.session = session;
    if (reply) this.#send(entry, reply);
    this.#report(entry);
    if (now >= session.transmitAt) this.#tick(entry);
    else this.#arm(entry);
  }

  #find(packet: BfdPacket, from: { address: string; iface: string | undefined; multihop: boolean }): Entry | undefined {
    if (packet.yourDiscriminator !== 0) return this.#byDiscriminator.get(packet.yourDiscriminator);
    for (const entry of this.#byId.values()) {
      const { remote, multihop, iface } = entry.init;
      if (remote !== from.address || multihop !== from.multihop) continue;
      if (from.iface === undefined || iface === undefined || from.iface === iface) return entry;
    }
    return undefined;
  }

  #tick(entry: Entry): void {
    const { session, packet } = tickBfd(entry.session, this.#clock.now(), entry.init.config, jitter());
    entry.session = session;
    if (packet) this.#send(entry, packet);
    this.#report(entry);
    this.#arm(entry);
  }

  #arm(entry: Entry): void {
    entry.timer?.cancel();
    entry.timer = undefined;
    const at = bfdDeadline(entry.session);
    if (at === Number.POSITIVE_INFINITY) return;
    entry.timer = this.#clock.at(at, () => this.#due(entry));
  }

  /** A late timer may be our own lateness: what has arrived is read before silence is concluded. */
  #due(entry: Entry): void {
    entry.timer = undefined;
    if (this.#clock.now() < entry.session.detectAt) return this.#tick(entry);
    setImmediate(() => {
      if (this.#byId.get(entry.init.id) === entry && !entry.timer) this.#tick(entry);
    });
  }

  #send(entry: Entry, packet: BfdPacket): void {
    const auth = this.#auth(entry);
    const octets = encodeBfd(packet, auth, entry.session.sendSequence);
    entry.session = { ...entry.session, sendSequence: (entry.session.sendSequence + 1) >>> 0 };
    entry.sender?.send(octets);
  }

  #auth(entry: Entry): BfdAuth | undefined {
    const { authentication, keys } = entry.init;
    if (authentication === "none") return undefined;
    const now = Date.now() / 1000; // validity is in calendar time
    const key = ({ id, password }: KeyConfig) => ({ id, octets: new TextEncoder().encode(password) });
    const send = keys.find((each) => each.generateFrom <= now && now <= each.generateTo);
    return {
      type: authentication,
      send: send && key(send),
      accept: keys.filter((each) => each.acceptFrom <= now && now <= each.acceptTo).map(key),
      digest: (algorithm, octets) => createHash(algorithm).update(octets).digest(),
    };
  }

  #report(entry: Entry): void {
    const { session, init } = entry;
    const event: EngineEvent = {
      type: "state",
      id: init.id,
      state: session.state,
      diagnostic: diagnosticText(session.diagnostic),
      remoteDiagnostic: diagnosticText(session.remoteDiagnostic),
      localDiscriminator: session.localDiscriminator,
      remoteDiscriminator: session.remoteDiscriminator,
      interval: bfdInterval(session),
      timeout: session.state === BfdState.Down ? 0 : detectionTime(session),
    };
    const told = JSON.stringify(event);
    if (told === entry.told) return;
    entry.told = told;
    this.#tell(event);
  }
}

/** 0.75 to 1 (RFC 5880 §6.8.7). */
function jitter(): number {
  return 0.75 + Math.random() / 4;
}

function randomWord(): number {
  return Math.floor(Math.random() * 0xffff_ffff) + 1;
}
