/** What the C library says for an error of the system, as bird's messages end with it. */
import { getSystemErrorMap } from "node:util";

/** @param error as thrown by node:fs or node:net */
export function systemError(error: unknown): string {
  const { code, errno, message } = error as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : GLIBC[code];
  if (known) return known;
  const words = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  return words ? words.charAt(0).toUpperCase() + words.slice(1) : message;
}

/** Where libuv's words differ from strerror's by more than the capital. */
const GLIBC: Readonly<Record<string, string>> = {
  EISDIR: "Is a directory",
  ELOOP: "Too many levels of symbolic links",
  ENAMETOOLONG: "File name too long",
  EMFILE: "Too many open files",
  ENFILE: "Too many open files in system",
  ENXIO: "No such device or address",
  EPERM: "Operation not permitted",
  EIO: "Input/output error",
  EINVAL: "Invalid argument",
  ENOTSOCK: "Socket operation on non-socket",
  EHOSTUNREACH: "No route to host",
};
