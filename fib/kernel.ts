/**
 * A `Kernel` over netlink datagrams: the same code speaks to the real kernel and to the fake one.
 *
 * Two sockets, so that a burst of events cannot push out an answer. Their orders are independent: an event
 * may tell of something older than a dump that was read before it. Played in order, events end at the truth
 * all the same, because the last event about a thing is its last state.
 */
import type { IpAddress } from "../protocol/wire/address.ts";
import { RtGroup, RtMessage } from "./constants.ts";
import { MessageCursor, NlFlag } from "./netlink.ts";
import { Requests } from "./requests.ts";
import { decodeRoute, encodeLookup, encodeRouteDump } from "./route-message.ts";
import { decodeAddress, decodeLink, encodeAddressDump, encodeLinkDump } from "./rtnetlink.ts";
import type { DatagramSocket, Transport } from "./transport.ts";
import { netlinkTransport } from "./transport.ts";
import type {
  Kernel,
  KernelEvent,
  KernelRoute,
  Link,
  LinkAddress,
  RouteChange,
  RouteFailure,
  RouteFilter,
  Watch,
  WatchGroups,
} from "./types.ts";

/**
 * The kernel of the network namespace that this thread is in.
 * @param options.rcvbuf octets of receive buffer a socket; 64 MiB if left out
 * @throws if the machine has no netlink, or no build of the package fits it
 */
export async function openKernel(options: { readonly rcvbuf?: number } = {}): Promise<Kernel> {
  return new RtnetlinkKernel(netlinkTransport(options.rcvbuf));
}

interface Listener {
  readonly routes: boolean;
  readonly hear: (event: KernelEvent) => void;
}

export class RtnetlinkKernel implements Kernel {
  readonly #transport: Transport;
  readonly #requests: Requests;
  readonly #listeners = new Set<Listener>();
  #events: DatagramSocket | undefined;
  #drops = 0;
  #checkDue = false;
  /** While everything is read again, events wait here. */
  #held: KernelEvent[] | undefined;
  #closed = false;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#requests = new Requests(transport, () => this.#events?.ignorePort(this.#requests.port));
  }

  get limits(): readonly string[] {
    return this.#requests.safe ? [] : [NO_KOFFI];
  }

  links(): Promise<Link[]> {
    return this.#dump(encodeLinkDump, RtMessage.NewLink, decodeLink);
  }

  addresses(): Promise<LinkAddress[]> {
    return this.#dump(encodeAddressDump, RtMessage.NewAddress, decodeAddress);
  }

  async routes(filter: RouteFilter = {}): Promise<KernelRoute[]> {
    const result: KernelRoute[] = [];
    for (const family of filter.family ? [filter.family] : ([4, 6] as const)) {
      const found = await this.#dump(
        (w, sequence) => encodeRouteDump(w, family, filter, sequence),
        RtMessage.NewRoute,
        (m) => matching(decodeRoute(m), filter),
      );
      for (const route of found) result.push(route);
    }
    return result;
  }

  apply(changes: readonly RouteChange[]): Promise<readonly RouteFailure[]> {
    return this.#requests.apply(changes);
  }

  lookup(destination: IpAddress): Promise<KernelRoute | undefined> {
    return this.#requests.ask((w, sequence) => encodeLookup(w, destination, sequence), decodeRoute);
  }

  async watch(groups: WatchGroups, hear: (event: KernelEvent) => void): Promise<Watch> {
    const events = (this.#events ??= this.#openEvents());
    const routes = groups.routes && events.safe;
    const listener: Listener = { routes, hear };
    if (routes && !this.#wantsRoutes()) for (const group of ROUTE_GROUPS) events.join(group);
    this.#listeners.add(listener);
    return {
      routes,
      close: () => {
        if (!this.#listeners.delete(listener)) return;
        if (routes && !this.#wantsRoutes()) for (const group of ROUTE_GROUPS) events.leave(group);
      },
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    this.#events?.close();
    this.#requests.close();
  }

  #wantsRoutes(): boolean {
    return [...this.#listeners].some((listener) => listener.routes);
  }

  #openEvents(): DatagramSocket {
    const events = this.#transport.open({
      receive: (datagram) => this.#receive(datagram),
      fail: (error) => this.#failed(error),
    });
    events.ignorePort(this.#requests.port);
    for (const group of LINK_GROUPS) events.join(group);
    this.#drops = events.drops();
    return events;
  }

  async #dump<T>(
    encode: Parameters<Requests["dump"]>[0],
    type: number,
    decode: (m: MessageCursor) => T | undefined,
  ): Promise<T[]> {
    let found: T[] = [];
    const each = (m: MessageCursor): void => {
      const entry = m.type === type ? decode(m) : undefined;
      if (entry !== undefined) found.push(entry);
    };
    await this.#requests.dump(encode, each, () => {
      found = [];
    });
    return found;
  }

  #receive(datagram: Uint8Array): void {
    const m = new MessageCursor(datagram);
    while (m.next()) {
      const event = m.port === this.#requests.port ? undefined : decodeEvent(m);
      if (!event) continue;
      if (this.#held) this.#held.push(event);
      else this.#tell(event);
    }
    if (this.#checkDue) return;
    this.#checkDue = true;
    setImmediate(() => this.#checkDrops()); // once a round of the loop: it costs a system call
  }

  #tell(event: KernelEvent): void {
    const ofRoutes = event.type === "route" || event.type === "route-gone";
    for (const listener of [...this.#listeners]) if (!ofRoutes || listener.routes) listener.hear(event);
  }

  /** An overflow is silent: it shows in the counter, and only after datagrams that did fit. */
  #checkDrops(): void {
    this.#checkDue = false;
    const drops = this.#events?.drops() ?? 0;
    if (drops === this.#drops || this.#closed) return;
    this.#drops = drops;
    if (this.#held)
      this.#held = []; // what is being read now may be older than the loss: read once more
    else void this.#resync();
  }

  async #resync(): Promise<void> {
    while (!this.#closed) {
      this.#held = [];
      const before = this.#drops;
      const [links, addresses] = await this.#snapshot();
      if (this.#drops !== before || !links || !addresses) continue;
      const held: readonly KernelEvent[] = this.#held;
      this.#held = undefined;
      this.#tell({ type: "resync", links, addresses });
      for (const event of held) this.#tell(event);
      return;
    }
  }

  /** Empty if it could not be read; then a little later. */
  async #snapshot(): Promise<[Link[], LinkAddress[]] | []> {
    try {
      return [await this.links(), await this.addresses()];
    } catch {
      // No memory, no socket, or tables in uproar: nothing that a little time may not cure.
      await new Promise((resolve) => setTimeout(resolve, this.#closed ? 0 : AGAIN_MS));
      return [];
    }
  }

  /** The kernel took the socket away, or there was no memory: begin anew on another one. */
  #failed(error: Error): void {
    if (this.#closed) return;
    this.#events?.close();
    this.#events = undefined;
    if (this.#listeners.size === 0) return;
    this.#events = this.#openEvents();
    if (!this.#events.safe && this.#wantsRoutes()) throw error;
    if (this.#wantsRoutes()) for (const group of ROUTE_GROUPS) this.#events.join(group);
    void this.#resync();
  }
}

function decodeEvent(m: MessageCursor): KernelEvent | undefined {
  switch (m.type) {
    case RtMessage.NewRoute: {
      const route = decodeRoute(m);
      return route && { type: "route", route, replaced: (m.flags & NlFlag.Replace) !== 0 };
    }
    case RtMessage.DelRoute: {
      const route = decodeRoute(m);
      return route && { type: "route-gone", route };
    }
    case RtMessage.NewLink: {
      const link = decodeLink(m);
      return link && { type: "link", link };
    }
    case RtMessage.DelLink: {
      const link = decodeLink(m);
      return link && { type: "link-gone", index: link.index, name: link.name };
    }
    case RtMessage.NewAddress: {
      const address = decodeAddress(m);
      return address && { type: "address", address };
    }
    case RtMessage.DelAddress: {
      const address = decodeAddress(m);
      return address && { type: "address-gone", address };
    }
    default:
      return undefined;
  }
}

/** Old kernels and sockets without strict checking send everything, whatever the filter says. */
function matching(route: KernelRoute | undefined, filter: RouteFilter): KernelRoute | undefined {
  if (!route) return undefined;
  if (filter.table !== undefined && route.table !== filter.table) return undefined;
  return filter.protocol !== undefined && route.protocol !== filter.protocol ? undefined : route;
}

const LINK_GROUPS = [RtGroup.Link, RtGroup.Ipv4Address, RtGroup.Ipv6Address] as const;
const ROUTE_GROUPS = [RtGroup.Ipv4Route, RtGroup.Ipv6Route] as const;
const AGAIN_MS = 500;
const NO_KOFFI =
  "koffi cannot be used here: changes of kernel routes by others are seen at scan time only, not at once";
