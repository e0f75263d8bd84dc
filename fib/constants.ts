/** Numbers of rtnetlink (linux/rtnetlink.h, if_link.h, if_addr.h, if.h), by the kernel's names. */

export const RtMessage = {
  NewLink: 16,
  DelLink: 17,
  GetLink: 18,
  NewAddress: 20,
  DelAddress: 21,
  GetAddress: 22,
  NewRoute: 24,
  DelRoute: 25,
  GetRoute: 26,
} as const;

/** Multicast groups. */
export const RtGroup = { Link: 1, Ipv4Address: 5, Ipv4Route: 7, Ipv6Address: 9, Ipv6Route: 11 } as const;

/** IFF_*. */
export const LinkFlag = {
  Up: 0x1,
  Broadcast: 0x2,
  Loopback: 0x8,
  PointToPoint: 0x10,
  Running: 0x40,
  NoArp: 0x80,
  Multicast: 0x1000,
  LowerUp: 0x1_0000,
} as const;

/** IF_OPER_* (RFC 2863). */
export const OperState = {
  Unknown: 0,
  NotPresent: 1,
  Down: 2,
  LowerLayerDown: 3,
  Testing: 4,
  Dormant: 5,
  Up: 6,
} as const;

/** IFLA_*. */
export const LinkAttribute = {
  Address: 1,
  Name: 3,
  Mtu: 4,
  Master: 10,
  Wireless: 11,
  OperState: 16,
  Info: 18,
  ExtMask: 29,
} as const;

/** IFLA_INFO_*. */
export const LinkInfo = { Kind: 1 } as const;

/** IFA_*. */
export const AddressAttribute = { Address: 1, Local: 2, Label: 3, Broadcast: 4, Flags: 8 } as const;

/** IFA_F_*. */
export const AddressFlag = { Secondary: 0x01, Tentative: 0x40 } as const;

/** RTA_*. */
export const RouteAttribute = {
  Destination: 1,
  OutLink: 4,
  Gateway: 5,
  Priority: 6,
  PrefSource: 7,
  Metrics: 8,
  Multipath: 9,
  Flow: 11,
  Table: 15,
  Via: 18,
} as const;

/** RTN_*. */
export const RouteType = {
  Unicast: 1,
  Local: 2,
  Broadcast: 3,
  Anycast: 4,
  Multicast: 5,
  Blackhole: 6,
  Unreachable: 7,
  Prohibit: 8,
  Throw: 9,
} as const;

/** RT_SCOPE_*. */
export const RouteScope = { Universe: 0, Site: 200, Link: 253, Host: 254, Nowhere: 255 } as const;

/** RTPROT_*. */
export const RouteProtocol = { Redirect: 1, Kernel: 2, Boot: 3, Static: 4, Ra: 9, Bird: 12, Dhcp: 16 } as const;

/** RT_TABLE_*. */
export const RouteTable = { Default: 253, Main: 254, Local: 255 } as const;

/** RTNH_F_*, in rtm_flags and rtnh_flags. */
export const NextHopFlag = { Dead: 1, OnLink: 4, LinkDown: 16 } as const;

/** RTM_F_*. Cloned: a cache entry. FibMatch: answer with the entry of the table, not with the resolved route. */
export const RouteFlag = { Cloned: 0x200, LookupTable: 0x1000, FibMatch: 0x2000 } as const;

/** RTAX_* other than mtu and advmss, by the names used in KernelRoute.metrics. */
export const RouteMetric = {
  lock: 1,
  window: 3,
  rtt: 4,
  rttvar: 5,
  ssthresh: 6,
  cwnd: 7,
  reordering: 9,
  hoplimit: 10,
  initcwnd: 11,
  features: 12,
  rtoMin: 13,
  initrwnd: 14,
  quickack: 15,
  fastopenNoCookie: 17,
} as const;

/** The RTAX_* that have a field of their own. */
export const RouteMetricField = { Mtu: 2, Advmss: 8, CongestionControl: 16 } as const;

/** The netlink protocol that all of this is spoken on. */
export const NETLINK_ROUTE = 0;
