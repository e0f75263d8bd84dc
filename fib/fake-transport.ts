/** The fake kernel's side of the datagrams: decodes requests, encodes answers and events as Linux does. */
import type { IpAddress } from "../protocol/wire/address.ts";
import { RtGroup, RtMessage } from "./constants.ts";
import { Errno } from "./errno.ts";
import { FakeModel } from "./fake-model.ts";
import { MessageCursor, NetlinkWriter, NlFlag, NlMessage } from "./netlink.ts";
import { decodeRoute, encodeRoute } from "./route-message.ts";
import { encodeAddress, encodeLink } from "./rtnetlink.ts";
import type { DatagramHandlers, DatagramSocket, Transport } from "./transport.ts";
import type { KernelRoute, Link, LinkAddress } from "./types.ts";

interface Endpoint {
  readonly port: number;
  readonly handlers: DatagramHandlers;
  readonly groups: Set<number>;
  ignored: number;
  drops: number;
}

/** How an event came about: our request's port and number, or nobody's. */
interface Cause {
  readonly port: number;
  readonly sequence: number;
}

export class FakeNetlink implements Transport {
  readonly model: FakeModel = new FakeModel();
  readonly #endpoints = new Set<Endpoint>();
  readonly #writer = new NetlinkWriter();
  #ports = 1000;
  refusal: ((change: { route: KernelRoute; deletes: boolean }) => number | undefined) | undefined;
  overflowing = false;
  interruptions = 0;
  requests = 0;

  open(handlers: DatagramHandlers): DatagramSocket {
    const endpoint: Endpoint = { port: this.#ports++, handlers, groups: new Set(), ignored: 0, drops: 0 };
    this.#endpoints.add(endpoint);
    return {
      port: endpoint.port,
      safe: true,
      send: (datagram) => this.#request(endpoint, datagram),
      sendBulk: (datagram) => this.#request(endpoint, datagram),
      join: (group) => endpoint.groups.add(group),
      leave: (group) => endpoint.groups.delete(group),
      drops: () => endpoint.drops,
      ignorePort: (port) => {
        endpoint.ignored = port;
      },
      close: () => this.#endpoints.delete(endpoint),
    };
  }

  setLink(link: Link): void {
    const lost = this.model.setLink(link);
    this.#event(RtGroup.Link, RtMessage.NewLink, (w) => encodeLink(w, link));
    this.#tellLost(lost);
    if (link.adminUp) for (const route of this.model.connect(link.index)) this.#routeEvent(RtMessage.NewRoute, route);
  }

  removeLink(index: number): void {
    const link = this.model.links.get(index);
    if (!link) throw new RangeError(`no link has index ${index}`);
    const down = { ...link, flags: link.flags & ~1, adminUp: false };
    this.#tellLost(this.model.setLink(down));
    for (const address of this.model.addressesOf(index)) this.removeAddress(index, address.ip);
    this.model.links.delete(index);
    this.#event(RtGroup.Link, RtMessage.DelLink, (w) => encodeLink(w, down));
  }

  addAddress(address: LinkAddress): void {
    const added = this.model.addAddress(address);
    this.#addressEvent(RtMessage.NewAddress, address);
    for (const route of added) this.#routeEvent(RtMessage.NewRoute, route);
  }

  removeAddress(link: number, ip: IpAddress): void {
    const { address, routes } = this.model.removeAddress(link, ip);
    this.#addressEvent(RtMessage.DelAddress, address);
    for (const route of routes) this.#routeEvent(RtMessage.DelRoute, route);
  }

  addRoute(route: KernelRoute): void {
    const errno = this.#change({ route, deletes: false }, NlFlag.Create | NlFlag.Replace, OTHERS);
    if (errno !== 0) throw new RangeError(`the fake kernel refuses that route: errno ${errno}`);
  }

  removeRoute(route: KernelRoute): void {
    const errno = this.#change({ route, deletes: true }, 0, OTHERS);
    if (errno !== 0) throw new RangeError(`the fake kernel has no such route: errno ${errno}`);
  }

  #request(from: Endpoint, datagram: Uint8Array): void {
    const m = new MessageCursor(datagram);
    while (m.next()) {
      const cause = { port: from.port, sequence: m.sequence };
      if ((m.flags & NlFlag.Dump) === NlFlag.Dump && (m.flags & NlFlag.Create) === 0) this.#dump(from, m);
      else if (m.type === RtMessage.GetRoute) this.#lookup(from, m);
      else this.#answerChange(from, m, cause);
    }
  }

  #answerChange(from: Endpoint, m: MessageCursor, cause: Cause): void {
    this.requests++;
    const route = decodeRoute(m);
    const deletes = m.type === RtMessage.DelRoute;
    const change = route && { route, deletes };
    const errno = change ? (this.refusal?.(change) ?? this.#change(change, m.flags, cause)) : Errno.EINVAL;
    if (errno === 0 && (m.flags & NlFlag.Ack) === 0) return;
    this.#error(from, m, errno);
  }

  #change(change: { route: KernelRoute; deletes: boolean }, flags: number, cause: Cause): number {
    const { route } = change;
    if (change.deletes) {
      const gone = this.model.remove(route);
      if (!gone) return Errno.ESRCH;
      this.#routeEvent(RtMessage.DelRoute, gone, cause);
      return 0;
    }
    const exclusive = (flags & NlFlag.Exclusive) !== 0;
    const result = this.model.put(route, exclusive);
    if (typeof result === "number") return result;
    this.#routeEvent(RtMessage.NewRoute, result.route, cause, result.replaced ? NlFlag.Replace : 0);
    return 0;
  }

  #dump(to: Endpoint, m: MessageCursor): void {
    const interrupted = this.interruptions > 0 ? NlFlag.DumpInterrupted : 0;
    if (this.interruptions > 0) this.interruptions--;
    const flags = NlFlag.Multi | interrupted;
    const family = m.u8(0);
    const add = (type: number, encode: (w: NetlinkWriter) => void): void => {
      encode(this.#writer.begin(type, flags, m.sequence, to.port));
      this.#writer.end();
    };
    if (m.type === RtMessage.GetLink) {
      for (const link of this.model.links.values()) add(RtMessage.NewLink, (w) => encodeLink(w, link));
    } else if (m.type === RtMessage.GetAddress) {
      for (const address of this.model.addresses) add(RtMessage.NewAddress, (w) => encodeAddress(w, address));
    } else {
      for (const route of this.model.routes) {
        if ((family === 2) === (route.prefix.family === 4)) add(RtMessage.NewRoute, (w) => encodeRoute(w, route));
      }
    }
    this.#writer.begin(NlMessage.Done, flags, m.sequence, to.port).u32(0).end();
    this.#deliver(to, this.#writer.take().slice());
  }

  #lookup(to: Endpoint, m: MessageCursor): void {
    const asked = decodeRoute(m);
    const route = asked && this.model.lookup(asked.prefix);
    if (!route) {
      this.#error(to, m, Errno.ENETUNREACH);
      return;
    }
    encodeRoute(this.#writer.begin(RtMessage.NewRoute, 0, m.sequence, to.port), route);
    this.#deliver(to, this.#writer.end().take().slice());
  }

  /** As with NETLINK_CAP_ACK: the header of the request and no more. */
  #error(to: Endpoint, m: MessageCursor, errno: number): void {
    this.#writer.begin(NlMessage.Error, NlFlag.Capped, m.sequence, to.port).u32(-errno >>> 0);
    this.#writer
      .u32(16 + m.length)
      .u16(m.type)
      .u16(m.flags)
      .u32(m.sequence)
      .u32(m.port)
      .end();
    this.#deliver(to, this.#writer.take().slice());
  }

  /** IPv4 routes go in silence when their link does; of IPv6 ones each is told. */
  #tellLost(routes: readonly KernelRoute[]): void {
    for (const route of routes) if (route.prefix.family === 6) this.#routeEvent(RtMessage.DelRoute, route);
  }

  #addressEvent(type: number, address: LinkAddress): void {
    const group = address.ip.family === 4 ? RtGroup.Ipv4Address : RtGroup.Ipv6Address;
    this.#event(group, type, (w) => encodeAddress(w, address));
  }

  #routeEvent(type: number, route: KernelRoute, cause: Cause = OTHERS, flags = 0): void {
    const group = route.prefix.family === 4 ? RtGroup.Ipv4Route : RtGroup.Ipv6Route;
    this.#event(group, type, (w) => encodeRoute(w, route), cause, flags);
  }

  #event(group: number, type: number, encode: (w: NetlinkWriter) => void, cause: Cause = OTHERS, flags = 0): void {
    encode(this.#writer.begin(type, flags, cause.sequence, cause.port));
    const datagram = this.#writer.end().take().slice();
    for (const endpoint of this.#endpoints) {
      if (!endpoint.groups.has(group) || (cause.port !== 0 && endpoint.ignored === cause.port)) continue;
      if (this.overflowing) endpoint.drops++;
      else this.#deliver(endpoint, datagram.slice());
    }
  }

  #deliver(to: Endpoint, datagram: Uint8Array): void {
    queueMicrotask(() => {
      if (this.#endpoints.has(to)) to.handlers.receive(datagram);
    });
  }
}

const OTHERS: Cause = { port: 0, sequence: 0 };
