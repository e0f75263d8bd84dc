/** `-u` and `-g`: who the daemon becomes, and the capabilities it keeps. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { loadKoffi } from "../../fib/koffi.ts";

/** The message is what bird prints behind `bird: `. */
export class IdentityError extends Error {
  override readonly name = "IdentityError";
}

/** @throws IdentityError */
export function findUser(name: string): number {
  return lookUp("passwd", name) ?? refuse(`Cannot find user '${name}'`);
}

/** @throws IdentityError */
export function findGroup(name: string): number {
  return lookUp("group", name) ?? refuse(`Cannot find group '${name}'`);
}

/**
 * Becomes them, for good. Root that becomes somebody else keeps CAP_NET_ADMIN and CAP_NET_BIND_SERVICE, and
 * CAP_NET_RAW where sockets are bound to devices; nothing that a child process would inherit.
 * @returns what will not work from now on, for one line in the log
 * @throws IdentityError
 */
export function dropPrivileges(
  uid: number | undefined,
  gid: number | undefined,
  bindsToDevices: boolean,
): string | undefined {
  try {
    if (gid !== undefined) process.setgid?.(gid);
    if ((uid !== undefined || gid !== undefined) && process.geteuid?.() === 0) process.setgroups?.([]);
    if (uid === undefined || uid === process.geteuid?.()) return undefined;
    const c = process.geteuid?.() === 0 ? libc() : undefined;
    c?.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    process.setuid?.(uid);
    if (c && !keepCapabilities(c, bindsToDevices))
      return "cannot keep CAP_NET_ADMIN: the kernel's routes stay untouched";
    return c
      ? undefined
      : "koffi is not installed: no capability is kept, ports below 1024 and kernel routes are out of reach";
  } catch (error) {
    throw new IdentityError(`Cannot drop privileges: ${(error as Error).message}`);
  }
}

function lookUp(database: "passwd" | "group", name: string): number | undefined {
  if (/^-?\d+$/.test(name)) return Number(name) >>> 0; // (uid_t) -1 and the like, as strtol gives them
  const entries = readFileSync(`/etc/${database}`, "utf8").split("\n");
  const local = entries.map((line) => line.split(":")).find((fields) => fields[0] === name && name !== "");
  if (local) return Number(local[2]);
  return fromNameService(database, name);
}

/** Accounts of LDAP and the like are known to the C library alone. */
function fromNameService(database: string, name: string): number | undefined {
  try {
    const line = execFileSync("getent", [database, "--", name], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const id = line.split(":")[2];
    return id === undefined ? undefined : Number(id);
  } catch {
    return undefined; // no such entry, or no getent
  }
}

function refuse(text: string): never {
  throw new IdentityError(text);
}

interface LibC {
  prctl(option: number, a: number, b: number, c: number, d: number): number;
  capset(header: Uint8Array, data: Uint8Array): number;
}

/** Capabilities belong to a thread: workers started later have ours, Node's own threads have none. */
function keepCapabilities(c: LibC, bindsToDevices: boolean): boolean {
  const wanted = (1 << CAP_NET_BIND_SERVICE) | (1 << CAP_NET_ADMIN) | (bindsToDevices ? 1 << CAP_NET_RAW : 0);
  const header = new Uint8Array(8); // version, pid 0: this thread
  new DataView(header.buffer).setUint32(0, CAPABILITY_VERSION_3, true);
  const data = new Uint8Array(24); // two of { effective, permitted, inheritable }
  const view = new DataView(data.buffer);
  view.setUint32(0, wanted, true);
  view.setUint32(4, wanted, true);
  return c.capset(header, data) === 0;
}

function libc(): LibC | undefined {
  const koffi = loadKoffi();
  if (!koffi) return undefined; // the caller says what follows from that
  const library = koffi.load(null);
  return {
    prctl: library.func("int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)"),
    capset: library.func("int capset(const uint8_t *, const uint8_t *)"),
  };
}

const PR_SET_KEEPCAPS = 8;
const CAPABILITY_VERSION_3 = 0x2008_0522;
const CAP_NET_BIND_SERVICE = 10;
const CAP_NET_ADMIN = 12;
const CAP_NET_RAW = 13;
