/**
 * Link and address messages (RTM_*LINK, RTM_*ADDR), encode beside decode; routes are in route-message.ts.
 *
 *   ifinfomsg: | family 1 | pad 1 | device type 2 | index 4 | flags 4 | change 4 |
 *   ifaddrmsg: | family 1 | prefix length 1 | flags 1 | scope 1 | link 4 |
 *
 * The kernel is never sent a link or an address: the encoders are for the fake one.
 */
import type { IpAddress } from "../protocol/wire/address.ts";
import { sameAddress, width } from "../protocol/wire/address.ts";
import { AddressAttribute, AddressFlag, LinkAttribute, LinkFlag, LinkInfo, RtMessage } from "./constants.ts";
import type { MessageCursor, NetlinkWriter } from "./netlink.ts";
import { AddressFamily, familyNumber, NlFlag } from "./netlink.ts";
import type { Link, LinkAddress } from "./types.ts";

export function encodeLinkDump(w: NetlinkWriter, sequence: number): void {
  w.begin(RtMessage.GetLink, NlFlag.Request | NlFlag.Dump, sequence);
  w.u32(0).u32(0).u32(0).u32(0);
  w.attrU32(LinkAttribute.ExtMask, EXT_FILTER_SKIP_STATS).end();
}

export function encodeLink(w: NetlinkWriter, link: Link): void {
  w.u8(0).u8(0).u16(ARPHRD_ETHER).u32(link.index).u32(link.flags).u32(0);
  w.attrText(LinkAttribute.Name, link.name).attrU32(LinkAttribute.Mtu, link.mtu);
  w.attrU8(LinkAttribute.OperState, link.operState);
  if (link.master !== undefined) w.attrU32(LinkAttribute.Master, link.master);
  if (link.mac !== undefined) w.attrBytes(LinkAttribute.Address, macOctets(link.mac));
  if (link.kind !== undefined) {
    const info = w.open(LinkAttribute.Info);
    w.attrText(LinkInfo.Kind, link.kind).close(info);
  }
}

/** @returns undefined if it is no link's own message: a bridge's view of its port, a wireless event. */
export function decodeLink(m: MessageCursor): Link | undefined {
  if (m.length < LINK_HEADER || m.u8(0) !== 0) return undefined;
  const flags = m.u32(8);
  const link: { -readonly [K in keyof Link]: Link[K] } = {
    index: m.i32(4),
    name: "",
    mtu: 0,
    flags,
    operState: 0,
    adminUp: (flags & LinkFlag.Up) !== 0,
    lowerUp: (flags & LinkFlag.LowerUp) !== 0,
    loopback: (flags & LinkFlag.Loopback) !== 0,
    pointToPoint: (flags & LinkFlag.PointToPoint) !== 0,
    broadcast: (flags & LinkFlag.Broadcast) !== 0,
    multicast: (flags & LinkFlag.Multicast) !== 0,
    noArp: (flags & LinkFlag.NoArp) !== 0,
  };
  const a = m.attributes(LINK_HEADER);
  while (a.next()) {
    if (a.type === LinkAttribute.Name) link.name = a.text();
    else if (a.type === LinkAttribute.Mtu) link.mtu = a.u32();
    else if (a.type === LinkAttribute.OperState) link.operState = a.u8();
    else if (a.type === LinkAttribute.Master) link.master = a.u32();
    else if (a.type === LinkAttribute.Address && a.length > 0) link.mac = macText(a.bytes());
    else if (a.type === LinkAttribute.Wireless)
      return undefined; // carries neither state nor MTU
    else if (a.type === LinkAttribute.Info) {
      const info = a.nested();
      while (info.next()) if (info.type === LinkInfo.Kind) link.kind = info.text();
    }
  }
  return link.index > 0 && link.name !== "" ? link : undefined;
}

export function encodeAddressDump(w: NetlinkWriter, sequence: number): void {
  w.begin(RtMessage.GetAddress, NlFlag.Request | NlFlag.Dump, sequence)
    .u32(0)
    .u32(0)
    .end();
}

export function encodeAddress(w: NetlinkWriter, address: LinkAddress): void {
  const flags =
    (address.secondary ? AddressFlag.Secondary : 0) | (address.tentative ? AddressFlag.Tentative : 0) | PERMANENT;
  w.u8(familyNumber(address.ip.family)).u8(address.length).u8(flags).u8(address.scope).u32(address.link);
  if (address.ip.family === 4 || address.peer) w.attrAddress(AddressAttribute.Local, address.ip);
  w.attrAddress(AddressAttribute.Address, address.peer ?? address.ip);
  if (address.broadcast) w.attrAddress(AddressAttribute.Broadcast, address.broadcast);
  if (address.label !== undefined) w.attrText(AddressAttribute.Label, address.label);
  w.attrU32(AddressAttribute.Flags, flags);
}

export function decodeAddress(m: MessageCursor): LinkAddress | undefined {
  if (m.length < ADDRESS_HEADER) return undefined;
  const family = m.u8(0) === AddressFamily.Inet ? 4 : m.u8(0) === AddressFamily.Inet6 ? 6 : undefined;
  if (!family) return undefined;
  let flags = m.u8(2); // the low octet; IFA_FLAGS has all 32 bits
  let near: IpAddress | undefined;
  let far: IpAddress | undefined;
  let broadcast: IpAddress | undefined;
  let label: string | undefined;
  const a = m.attributes(ADDRESS_HEADER);
  while (a.next()) {
    if (a.type === AddressAttribute.Local) near = a.address();
    else if (a.type === AddressAttribute.Address) far = a.address();
    else if (a.type === AddressAttribute.Broadcast) broadcast = a.address();
    else if (a.type === AddressAttribute.Label) label = a.text();
    else if (a.type === AddressAttribute.Flags) flags = a.u32();
  }
  const ip = near ?? far;
  if (ip?.family !== family || m.u8(1) > width(family)) return undefined;
  return {
    link: m.u32(4),
    ip,
    length: m.u8(1),
    ...(near && far && !sameAddress(near, far) ? { peer: far } : {}),
    scope: m.u8(3),
    secondary: (flags & AddressFlag.Secondary) !== 0,
    tentative: (flags & AddressFlag.Tentative) !== 0,
    ...(broadcast ? { broadcast } : {}),
    ...(label === undefined ? {} : { label }),
  };
}

function macText(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(":");
}

function macOctets(text: string): Uint8Array {
  return Uint8Array.from(text.split(":"), (part) => Number.parseInt(part, 16));
}

const LINK_HEADER = 16;
const ADDRESS_HEADER = 8;
const ARPHRD_ETHER = 1;
/** RTEXT_FILTER_SKIP_STATS: counters are most of a link's message and nobody here reads them. */
const EXT_FILTER_SKIP_STATS = 8;
/** IFA_F_PERMANENT: what an address set by hand has. */
const PERMANENT = 0x80;
