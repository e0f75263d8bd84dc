/** Can the neighbor be reached, as far as interfaces tell, and from which address of ours? */
import { formatAddress, type IpAddress, isLinkLocal, isLoopback, sameAddress } from "../../../protocol/wire/address.ts";
import type { BgpConfig } from "../../config/schema.ts";
import type { Interfaces, InterfaceView } from "../device.ts";
import { findNeighbor, isUsable } from "../neighbor.ts";

export type Reach =
  | { readonly ready: true; readonly local?: IpAddress; readonly iface?: string }
  | {
      readonly ready: false;
      /** In words, for `show protocols all`. */
      readonly why: string;
      /** BIRD's words when this ends a session. */
      readonly error: string;
    };

export function reach(config: BgpConfig, interfaces: Interfaces): Reach {
  const { neighborAddress: neighbor, localAddress, iface } = config;
  if (!neighbor) return { ready: true, ...(localAddress && { local: localAddress }) }; // a range: whoever comes
  if (localAddress && !config.freeBind && !isOwn(interfaces, localAddress))
    return lost(`our address ${formatAddress(localAddress)} is on no interface`);
  const local = localAddress && { local: localAddress };
  if (config.multihop !== undefined) return { ready: true, ...local };
  const linkLocal = isLinkLocal(neighbor) && neighbor.family === 6;
  if (!config.onlinkCheck || (linkLocal && iface !== undefined)) return onInterface(config, interfaces, linkLocal);
  const found = findNeighbor(interfaces, neighbor, iface);
  if (!found) return lost(notOnLink(interfaces, neighbor, iface));
  if (config.checkLink && !isUsable(found.iface, true)) return down(found.iface);
  const source = localAddress ?? ownAddress(found.iface, neighbor);
  return { ready: true, iface: found.iface.name, ...(source && { local: source }) };
}

/** Our addresses for next hops: those of the interface that the session runs over. */
export function ownAddresses(
  interfaces: Interfaces,
  local: IpAddress,
  iface: string | undefined,
): { readonly iface?: string; readonly ipv4?: IpAddress; readonly ipv6?: IpAddress; readonly linkLocal?: IpAddress } {
  const view =
    (iface === undefined ? undefined : interfaces.byName(iface)) ??
    interfaces.list().find((each) => each.addresses.some((address) => sameAddress(address.ip, local)));
  const own = view?.addresses.map((address) => address.ip) ?? [];
  const globalV6 = own.find((ip) => ip.family === 6 && !isLinkLocal(ip));
  const v4 = local.family === 4 ? local : own.find((ip) => ip.family === 4);
  const v6 = local.family === 6 && !isLinkLocal(local) ? local : globalV6;
  const linkLocal =
    own.find((ip) => ip.family === 6 && isLinkLocal(ip)) ??
    (local.family === 6 && isLinkLocal(local) ? local : undefined);
  return {
    ...(view && { iface: view.name }),
    ...(v4 && { ipv4: v4 }),
    ...(v6 && { ipv6: v6 }),
    ...(linkLocal && { linkLocal }),
  };
}

/** No on-link test: the interface alone must be there, if one is named. */
function onInterface(config: BgpConfig, interfaces: Interfaces, linkLocal: boolean): Reach {
  const { iface, neighborAddress, localAddress } = config;
  if (iface === undefined) return { ready: true, ...(localAddress && { local: localAddress }) };
  const view = interfaces.byName(iface);
  if (!view) return lost(`interface ${iface} does not exist`);
  if (!isUsable(view, config.checkLink)) return down(view);
  const source = localAddress ?? (linkLocal && neighborAddress ? ownAddress(view, neighborAddress) : undefined);
  if (linkLocal && !source) return lost(`interface ${iface} has no link-local address yet`);
  return { ready: true, iface, ...(source && { local: source }) };
}

/** Ours in the subnet of the neighbor. */
function ownAddress(view: InterfaceView, neighbor: IpAddress): IpAddress | undefined {
  const only = {
    list: () => [],
    byName: () => undefined,
    byIndex: () => undefined,
    onChange: () => ({ close: () => undefined }),
  };
  for (const address of view.addresses) {
    const one: InterfaceView = { ...view, addresses: [address] };
    if (findNeighbor({ ...only, list: () => [one] }, neighbor)) return address.ip;
  }
  return undefined;
}

/** A loopback address needs no interface to say so: all of 127/8 is ours. */
export function isOwn(interfaces: Interfaces, address: IpAddress): boolean {
  if (isLoopback(address)) return true;
  return interfaces.list().some((view) => view.addresses.some((own) => sameAddress(own.ip, address)));
}

function notOnLink(interfaces: Interfaces, neighbor: IpAddress, iface: string | undefined): string {
  const text = formatAddress(neighbor);
  if (interfaces.list().length === 0)
    return `${text} is not on-link: no interface is known (is there a protocol device?)`;
  return iface === undefined
    ? `${text} is not on-link: no interface that is up has it in a subnet (multihop needs no such interface)`
    : `${text} is not on-link on ${iface}`;
}

function lost(why: string): Reach {
  return { ready: false, why, error: "Neighbor lost" };
}

function down(view: InterfaceView): Reach {
  return { ready: false, why: `interface ${view.name} is down`, error: "Link down" };
}
