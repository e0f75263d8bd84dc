/**
 * A kernel for tests: `Kernel` as the real one, down to the octets of its datagrams, over a small model of
 * Linux's tables. What the model keeps of the real behaviour, because speakers depend on it:
 *
 * - IPv4 routes whose link goes down or away vanish without a word; IPv6 routes are told.
 * - A route needs a gateway on a connected prefix of a link that is up, or ENETUNREACH; a link, or ENODEV.
 * - The same prefix, TOS and metric is one place in a table: EEXIST, or replaced whoever owns it.
 * - Receive buffers overflow in silence and count their drops.
 *
 * Answers and events come on later microtasks: no timer, so that a test is in order.
 */
import type { IpAddress, Prefix } from "../protocol/wire/address.ts";
import { LinkFlag, OperState } from "./constants.ts";
import { FakeNetlink } from "./fake-transport.ts";
import { RtnetlinkKernel } from "./kernel.ts";
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

/** A link to add: flags follow from `adminUp` (true if left out) and `lowerUp` (as `adminUp`). */
export interface FakeLink {
  readonly name: string;
  readonly index?: number;
  readonly kind?: string;
  readonly mtu?: number;
  readonly adminUp?: boolean;
  readonly lowerUp?: boolean;
  readonly loopback?: boolean;
  readonly pointToPoint?: boolean;
  readonly operState?: number;
  readonly master?: number;
  readonly mac?: string;
}

export interface FakeAddress {
  readonly ip: IpAddress;
  readonly length: number;
  readonly peer?: IpAddress;
  readonly scope?: number;
  readonly secondary?: boolean;
}

export class FakeKernel implements Kernel {
  readonly #netlink = new FakeNetlink();
  readonly #kernel = new RtnetlinkKernel(this.#netlink);

  // The Kernel side.

  get limits(): readonly string[] {
    return this.#kernel.limits;
  }

  links(): Promise<Link[]> {
    return this.#kernel.links();
  }

  addresses(): Promise<LinkAddress[]> {
    return this.#kernel.addresses();
  }

  routes(filter?: RouteFilter): Promise<KernelRoute[]> {
    return this.#kernel.routes(filter);
  }

  apply(changes: readonly RouteChange[]): Promise<readonly RouteFailure[]> {
    return this.#kernel.apply(changes);
  }

  lookup(destination: IpAddress): Promise<KernelRoute | undefined> {
    return this.#kernel.lookup(destination);
  }

  watch(groups: WatchGroups, listener: (event: KernelEvent) => void): Promise<Watch> {
    return this.#kernel.watch(groups, listener);
  }

  close(): Promise<void> {
    return this.#kernel.close();
  }

  // What somebody else on this machine does.

  /** @returns the link as the kernel tells it */
  addLink(link: FakeLink): Link {
    const index = link.index ?? this.#netlink.model.freeIndex();
    return this.#put(index, { ...link, index });
  }

  /** Changes state, name or anything else but the index. */
  setLink(index: number, change: Partial<FakeLink>): Link {
    const old = this.#netlink.model.links.get(index);
    if (!old) throw new RangeError(`no link has index ${index}`);
    const up = change.adminUp ?? old.adminUp;
    const { operState: _, ...rest } = old;
    const follows = change.adminUp === undefined ? {} : { lowerUp: up };
    return this.#put(index, { ...rest, ...follows, ...change, index });
  }

  removeLink(index: number): void {
    this.#netlink.removeLink(index);
  }

  addAddress(link: number, address: FakeAddress): LinkAddress {
    const added: LinkAddress = { scope: 0, secondary: false, tentative: false, ...address, link };
    this.#netlink.addAddress(added);
    return added;
  }

  removeAddress(link: number, ip: IpAddress): void {
    this.#netlink.removeAddress(link, ip);
  }

  /** As `ip route add` or `replace` by another program. */
  addRoute(route: KernelRoute): void {
    this.#netlink.addRoute(route);
  }

  removeRoute(route: KernelRoute): void {
    this.#netlink.removeRoute(route);
  }

  // Trouble, and what can be seen of it.

  /** Requests for routes that `matches` takes are refused with this errno; undefined ends it. */
  refuse(matches: ((change: { route: KernelRoute; deletes: boolean }) => number | undefined) | undefined): void {
    this.#netlink.refusal = matches;
  }

  /** From now on every event finds the receive buffer full, until `false`. The next event shows the loss. */
  overflow(full: boolean): void {
    this.#netlink.overflowing = full;
  }

  /** So many dumps from now on come interrupted (NLM_F_DUMP_INTR). */
  interruptDumps(count: number): void {
    this.#netlink.interruptions = count;
  }

  /** The table now, without asking by netlink. */
  get table(): readonly KernelRoute[] {
    return [...this.#netlink.model.routes];
  }

  /** How many route requests have come so far. */
  get requests(): number {
    return this.#netlink.requests;
  }

  /** What stands for this prefix, in any table. */
  at(prefix: Prefix): readonly KernelRoute[] {
    return this.#netlink.model.at(prefix);
  }

  #put(index: number, link: FakeLink): Link {
    const adminUp = link.adminUp ?? true;
    const lowerUp = link.lowerUp ?? adminUp;
    const { loopback = false, pointToPoint = false } = link;
    const whole: Link = {
      name: link.name,
      index,
      mtu: link.mtu ?? 1500,
      operState: link.operState ?? operStateOf(link, adminUp, lowerUp),
      ...(link.kind === undefined ? {} : { kind: link.kind }),
      ...(link.master === undefined ? {} : { master: link.master }),
      ...(link.mac === undefined ? {} : { mac: link.mac }),
      adminUp,
      lowerUp,
      loopback,
      pointToPoint,
      broadcast: !loopback && !pointToPoint,
      multicast: !loopback,
      noArp: pointToPoint,
      flags: 0,
    };
    const flags = flagsOf(whole);
    this.#netlink.setLink({ ...whole, flags });
    return { ...whole, flags };
  }
}

/** A TUN and the loopback say UNKNOWN while they are up. */
function operStateOf(link: FakeLink, adminUp: boolean, lowerUp: boolean): number {
  if (!adminUp) return OperState.Down;
  if (link.loopback || link.pointToPoint) return OperState.Unknown;
  return lowerUp ? OperState.Up : OperState.LowerLayerDown;
}

function flagsOf(link: Link): number {
  return (
    (link.adminUp ? LinkFlag.Up : 0) |
    (link.lowerUp && link.adminUp ? LinkFlag.LowerUp | LinkFlag.Running : 0) |
    (link.loopback ? LinkFlag.Loopback : 0) |
    (link.pointToPoint ? LinkFlag.PointToPoint : 0) |
    (link.broadcast ? LinkFlag.Broadcast : 0) |
    (link.multicast ? LinkFlag.Multicast : 0) |
    (link.noArp ? LinkFlag.NoArp : 0)
  );
}
