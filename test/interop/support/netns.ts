/**
 * Network namespaces for tests with real daemons. Root needed; names carry our process id, and all is
 * taken down at the end, whatever happened.
 *
 *   const lab = new Lab();
 *   const a = lab.namespace("a"), b = lab.namespace("b");
 *   lab.connect(a, b, { addresses: ["10.0.0.1/24", "10.0.0.2/24"] });   // veth, eth0 in both
 *   await lab.close();
 */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Why no namespace can be had here; undefined if one can. For `describe.skipIf`. */
export function noNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return "interop needs root";
  const name = `lntprobe${process.pid}`;
  if (spawnSync("ip", ["netns", "add", name]).status !== 0) return "interop needs network namespaces";
  spawnSync("ip", ["netns", "del", name]);
  return undefined;
}

/** Whether a program is installed. */
export function installed(...programs: string[]): boolean {
  return programs.every((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0);
}

export interface LinkOptions {
  /** CIDR texts, one list for each end. */
  readonly addresses?: readonly [string | readonly string[], string | readonly string[]];
  /** Interface names; the next free `ethN` if left out. */
  readonly names?: readonly [string, string];
}

export class Lab {
  /** A directory of its own, gone at the end. */
  readonly directory: string = mkdtempSync(join(tmpdir(), "linnet-lab-"));
  readonly #prefix = `ln${process.pid.toString(36)}${(count++).toString(36)}`;
  readonly #namespaces: Namespace[] = [];
  readonly #atExit = (): void => this.#clean();

  constructor() {
    process.on("exit", this.#atExit);
  }

  namespace(name: string): Namespace {
    const namespace = new Namespace(`${this.#prefix}${name}`, this);
    this.#namespaces.push(namespace);
    return namespace;
  }

  /** A veth pair between two namespaces. @returns the interface names */
  connect(a: Namespace, b: Namespace, options: LinkOptions = {}): [string, string] {
    const names = options.names ?? [a.nextName(), b.nextName()];
    ip("link", "add", "name", names[0], "netns", a.id, "type", "veth", "peer", "name", names[1], "netns", b.id);
    for (const [i, namespace] of [a, b].entries()) {
      for (const address of [options.addresses?.[i] ?? []].flat()) namespace.addAddress(names[i]!, address);
      namespace.ip("link", "set", names[i]!, "up");
    }
    return [names[0], names[1]];
  }

  /** Several namespaces on one Ethernet: a bridge in a namespace of its own. @returns the namespace of the bridge */
  lan(members: readonly { readonly namespace: Namespace; readonly address: string | readonly string[] }[]): Namespace {
    const hub = this.namespace(`hub${this.#namespaces.length}`);
    hub.ip("link", "add", "br0", "type", "bridge");
    hub.ip("link", "set", "br0", "up");
    for (const { namespace, address } of members) {
      const [, port] = this.connect(namespace, hub, { addresses: [address, []] });
      hub.ip("link", "set", port, "master", "br0");
    }
    return hub;
  }

  async close(): Promise<void> {
    await Promise.all(this.#namespaces.map((namespace) => namespace.stopAll()));
    this.#clean();
    process.off("exit", this.#atExit);
  }

  #clean(): void {
    for (const namespace of this.#namespaces.splice(0)) namespace.destroy();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export class Namespace {
  /** As `ip netns` knows it. */
  readonly id: string;
  readonly lab: Lab;
  readonly #children = new Set<ChildProcess>();
  #interfaces = 0;

  constructor(id: string, lab: Lab) {
    this.id = id;
    this.lab = lab;
    ip("netns", "add", id);
    this.ip("link", "set", "lo", "up");
    // Addresses must be usable at once, not after duplicate address detection
    this.run("sh", "-c", "for f in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 > $f; done");
    this.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
  }

  nextName(): string {
    return `eth${this.#interfaces++}`;
  }

  /** Runs a command to its end. @returns its output @throws Error with its complaint */
  run(program: string, ...args: string[]): string {
    return execFileSync("ip", ["netns", "exec", this.id, program, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** `ip` within the namespace. */
  ip(...args: string[]): string {
    return ip("-n", this.id, ...args);
  }

  addAddress(iface: string, address: string): void {
    this.ip("address", "add", address, "dev", iface, ...(address.includes(":") ? ["nodad"] : []));
  }

  /** Starts a process that lives on; it is killed when the lab closes. */
  spawn(program: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const child = spawn("ip", ["netns", "exec", this.id, program, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      ...options,
    });
    this.#children.add(child);
    child.on("exit", () => this.#children.delete(child));
    return child;
  }

  async stopAll(): Promise<void> {
    const children = [...this.#children];
    for (const child of children) child.kill("SIGTERM");
    await Promise.all(children.map((child) => ended(child, 1500)));
    for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
  }

  destroy(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    // Daemons that detached themselves live in the namespace too
    const left = spawnSync("ip", ["netns", "pids", this.id], { encoding: "utf8" });
    for (const pid of left.stdout?.split("\n") ?? []) if (pid.trim()) spawnSync("kill", ["-9", pid.trim()]);
    spawnSync("ip", ["netns", "del", this.id]);
  }
}

/** Waits until `probe` gives something that is not undefined or false. @throws Error naming `what` when time is over */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  ms = 15_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  let last: unknown;
  for (;;) {
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error; // a daemon that is not up yet: asked again
    }
    if (performance.now() > deadline)
      throw new Error(`${what}: not within ${ms} ms${last ? ` (${String(last)})` : ""}`);
    await sleep(20);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

function ended(child: ChildProcess, ms: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function ip(...args: string[]): string {
  return execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

let count = 0;
