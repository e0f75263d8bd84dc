/** Who is on the other end of the control socket, by SO_PEERCRED (unix(7)); nobody known without koffi. */
import { readFileSync } from "node:fs";
import { loadKoffi } from "../../fib/koffi.ts";
import type { Client } from "./daemon.ts";

export function clientOf(fd: number | undefined): Client {
  if (fd === undefined) return {};
  const getsockopt = native();
  if (!getsockopt) return {};
  const credentials = Buffer.alloc(CREDENTIALS);
  const length = Buffer.alloc(4);
  length.writeInt32LE(CREDENTIALS);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) return {};
  const pid = credentials.readInt32LE(0);
  const uid = credentials.readUInt32LE(4);
  const user = userName(uid);
  return { pid, uid, ...(user === undefined ? {} : { user }) };
}

type GetSockopt = (fd: number, level: number, option: number, value: Buffer, length: Buffer) => number;

let loaded: { readonly getsockopt: GetSockopt | undefined } | undefined;

/** Loaded by the first command that asks: a daemon that nobody switches does not pay for it. */
function native(): GetSockopt | undefined {
  loaded ??= { getsockopt: load() };
  return loaded.getsockopt;
}

function load(): GetSockopt | undefined {
  try {
    return loadKoffi()
      ?.load(null)
      .func("int getsockopt(int fd, int level, int option, void *value, void *length)") as GetSockopt;
  } catch {
    return undefined; // then `disabled by client` has no name to it
  }
}

function userName(uid: number): string | undefined {
  try {
    for (const line of readFileSync("/etc/passwd", "utf8").split("\n")) {
      const fields = line.split(":");
      if (fields[2] === String(uid)) return fields[0];
    }
  } catch {
    return undefined; // no such file in a container: the number will do
  }
  return undefined;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** struct ucred: pid, uid, gid. */
const CREDENTIALS = 12;
