/** Error numbers of the kernel in words: the C library's, which BIRD and `ip` print too. */
import { getSystemErrorMap } from "node:util";

export class NetlinkError extends Error {
  override readonly name = "NetlinkError";
  /** Positive, as in errno.h. */
  readonly errno: number;
  /** `EPERM`, ... */
  readonly code: string;

  constructor(errno: number, words?: string) {
    super(words ?? errnoText(errno));
    this.errno = errno;
    this.code = errnoName(errno);
  }
}

export function errnoName(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[0] ?? `E${errno}`;
}

export function errnoText(errno: number): string {
  return TEXTS[errno] ?? getSystemErrorMap().get(-errno)?.[1] ?? `error ${errno}`;
}

export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EACCES: 13,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EPIPE: 32,
  EOPNOTSUPP: 95,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  ETIMEDOUT: 110,
  EHOSTUNREACH: 113,
} as const;

/** libuv words some of them otherwise. */
const TEXTS: Readonly<Record<number, string>> = {
  1: "Operation not permitted",
  2: "No such file or directory",
  3: "No such process",
  12: "Cannot allocate memory",
  13: "Permission denied",
  16: "Device or resource busy",
  17: "File exists",
  19: "No such device",
  22: "Invalid argument",
  28: "No space left on device",
  34: "Numerical result out of range",
  95: "Operation not supported",
  97: "Address family not supported by protocol",
  99: "Cannot assign requested address",
  100: "Network is down",
  101: "Network is unreachable",
  105: "No buffer space available",
  110: "Connection timed out",
  113: "No route to host",
};
