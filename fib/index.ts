/** `linnet/fib`: links, addresses and routes of the Linux kernel, by netlink. Useful without the rest of linnet. */

export { LinkFlag, OperState, RouteMetric, RouteProtocol, RouteScope, RouteTable } from "./constants.ts";
export type { WantedRoute } from "./entries.ts";
export { Errno, NetlinkError } from "./errno.ts";
export type { FakeAddress, FakeLink } from "./fake.ts";
export { FakeKernel } from "./fake.ts";
export type { FibOptions, FibRepair, FibStatus } from "./fib.ts";
export { Fib } from "./fib.ts";
export type { ForeignListener } from "./foreign.ts";
export { openKernel } from "./kernel.ts";
export type {
  Kernel,
  KernelEvent,
  KernelNextHop,
  KernelRoute,
  Link,
  LinkAddress,
  RouteChange,
  RouteFailure,
  RouteFilter,
  RouteKindName,
  Watch,
  WatchGroups,
} from "./types.ts";
