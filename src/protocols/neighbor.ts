/** Is an address on-link, and on which interface? BIRD's neighbour test, used by static routes, BGP and next hops. */
import { type IpAddress, prefixOf, sameAddress, width } from "../../protocol/wire/address.ts";
import type { Interfaces, InterfaceView } from "./device.ts";

export interface Neighbor {
  readonly iface: InterfaceView;
  /** The address is our own there. */
  readonly own: boolean;
}

/**
 * @param iface only this interface, if given
 * @returns undefined if no interface that is up has the address in one of its subnets
 */
export function findNeighbor(interfaces: Interfaces, address: IpAddress, iface?: string): Neighbor | undefined {
  const views = iface === undefined ? interfaces.list() : [interfaces.byName(iface)];
  for (const view of views) {
    if (!view?.link.adminUp) continue;
    for (const entry of view.addresses) {
      if (sameAddress(entry.ip, address)) return { iface: view, own: true };
      if (
        entry.peer
          ? sameAddress(entry.peer, address) || inSubnet(entry.peer, entry.length, address)
          : inSubnet(entry.ip, entry.length, address)
      )
        return { iface: view, own: false };
    }
  }
  return undefined;
}

/** Administratively up; with `checkLink` the link too, where an UNKNOWN operational state is good (tun, loopback). */
export function isUsable(view: InterfaceView | undefined, checkLink: boolean): boolean {
  if (!view?.link.adminUp) return false;
  return !checkLink || view.link.lowerUp || view.link.operState === OPER_UNKNOWN;
}

/** A subnet's own and broadcast address are nobody's (except in a /31, RFC 3021). */
function inSubnet(own: IpAddress, length: number, address: IpAddress): boolean {
  if (own.family !== address.family) return false;
  const net = prefixOf(own, length);
  if (!sameAddress(prefixOf(address, length), net)) return false;
  if (length === width(own.family)) return false; // a /32 has no neighbours in it
  if (own.family === 6 || length >= 31) return true;
  const broadcast = (net.w0 | (0xffff_ffff >>> length)) >>> 0;
  return address.w0 !== net.w0 && address.w0 !== broadcast;
}

const OPER_UNKNOWN = 0; // IF_OPER_UNKNOWN, linux/if.h
