/**
 * A test's own thread in a network namespace: netlink sockets belong to the namespace of the thread that
 * opens them, and so do the programs it starts.
 */
import { execFile, execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import koffi from "koffi";
import type { KernelRoute } from "../../fib/index.ts";
import { formatAddress, formatPrefix } from "../../protocol/wire/address.ts";
import type { Namespace } from "./support/netns.ts";

const c = koffi.load(null);
const setns = c.func("int setns(int, int)");
const capget = c.func("int capget(uint32_t *, _Out_ uint32_t *)");
const capset = c.func("int capset(uint32_t *, uint32_t *)");

/** @returns the way back */
export function enter(namespace: Namespace): () => void {
  const home = openSync("/proc/thread-self/ns/net", "r");
  join(`/run/netns/${namespace.id}`);
  return () => {
    if (setns(home, CLONE_NEWNET) !== 0) throw new Error("the way back is lost");
    closeSync(home);
  };
}

function join(path: string): void {
  const fd = openSync(path, "r");
  const failed = setns(fd, CLONE_NEWNET) !== 0;
  closeSync(fd);
  if (failed) throw new Error(`${path} cannot be entered`);
}

/** Takes CAP_NET_ADMIN from this thread's effective set. @returns what gives it back */
export function withoutNetAdmin(): () => void {
  const header = Uint32Array.of(LINUX_CAPABILITY_VERSION_3, 0);
  const before = new Uint32Array(6); // effective, permitted, inheritable, low and high
  if (capget(header, before) !== 0) throw new Error("capget failed");
  const less = before.slice();
  less[0] = less[0]! & ~(1 << CAP_NET_ADMIN);
  if (capset(header, less) !== 0) throw new Error("capset failed");
  return () => {
    if (capset(header, before) !== 0) throw new Error("the capability is lost");
  };
}

/** Runs a line of shell where this thread is. */
export function sh(line: string): string {
  return execFileSync("sh", ["-ec", line], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** The same while this thread goes on. */
export function shAside(line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile("sh", ["-ec", line], (error) => (error ? reject(error) : resolve()));
  });
}

interface IpRoute {
  readonly type?: string;
  readonly dst: string;
  readonly gateway?: string;
  readonly via?: { readonly host: string };
  readonly dev?: string;
  readonly protocol?: string;
  readonly metric?: number;
  readonly nexthops?: readonly (Pick<IpRoute, "gateway" | "via" | "dev"> & { readonly weight: number })[];
}

/** What `ip -j -d route` shows, a line a route. */
export function ipRoutes(family: 4 | 6, table = "main"): string[] {
  // -N: protocols by number, whatever the distribution calls them
  const routes: IpRoute[] = JSON.parse(sh(`ip -N -j -d -${family} route show table ${table} 2>/dev/null || echo []`));
  return routes.map((route) => line(family, route)).sort();
}

function line(family: 4 | 6, route: IpRoute): string {
  const any = family === 4 ? "0.0.0.0/0" : "::/0";
  const dst =
    route.dst === "default" ? any : route.dst.includes("/") ? route.dst : `${route.dst}/${family === 4 ? 32 : 128}`;
  const sink = SINKS[route.type ?? ""];
  const hops = route.nexthops
    ?.map((hop) => `${hopText(hop)} weight ${hop.weight}`)
    .sort()
    .join(", ");
  return `${dst} ${sink ?? hops ?? hopText(route)} proto ${route.protocol} metric ${route.metric ?? 0}`;
}

function hopText(hop: Pick<IpRoute, "gateway" | "via" | "dev">): string {
  return [hop.gateway ?? hop.via?.host, hop.dev].filter(Boolean).join("%");
}

/** The same of our own. */
export function lines(routes: Iterable<KernelRoute>, names: ReadonlyMap<number, string>): string[] {
  return [...routes].map((route) => ourLine(route, names)).sort();
}

function ourLine(route: KernelRoute, names: ReadonlyMap<number, string>): string {
  const hops = route.nextHops.map((hop) => {
    const text = [hop.gateway && formatAddress(hop.gateway), hop.link && names.get(hop.link)].filter(Boolean).join("%");
    return route.nextHops.length > 1 ? `${text} weight ${hop.weight ?? 1}` : text;
  });
  const target = route.kind in SINK_NAMES ? route.kind : hops.sort().join(", ");
  return `${formatPrefix(route.prefix)} ${target} proto ${route.protocol} metric ${route.metric}`;
}

const SINK_NAMES: Readonly<Record<string, true>> = { blackhole: true, unreachable: true, prohibit: true };
/** `ip -N` gives types by number. */
const SINKS: Readonly<Record<string, string>> = {
  "6": "blackhole",
  "7": "unreachable",
  "8": "prohibit",
  blackhole: "blackhole",
  unreachable: "unreachable",
  prohibit: "prohibit",
};
const CLONE_NEWNET = 0x4000_0000;
const CAP_NET_ADMIN = 12;
const LINUX_CAPABILITY_VERSION_3 = 0x2008_0522;
