/** Unix datagrams, for syslog and for the service manager: Node has none, koffi calls libc. */
import { loadKoffi } from "../../fib/koffi.ts";

export interface DatagramSender {
  /** Never blocks. @returns undefined if it was taken (or there was no room for it), else why not */
  send(octets: Uint8Array): string | undefined;
  close(): void;
}

/**
 * @param path of the receiver's socket; `@name` is one in the abstract namespace
 * @returns undefined where koffi cannot be loaded
 */
export function unixDatagrams(path: string): DatagramSender | undefined {
  const c = libc();
  if (!c) return undefined;
  const address = encodeAddress(path);
  const fd = c.socket(AF_UNIX, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  return {
    send: (octets) => {
      if (c.sendto(fd, octets, octets.length, MSG_NOSIGNAL, address, address.length) >= 0) return undefined;
      const errno = c.errno();
      return errno === EAGAIN ? undefined : `${path}: ${ERRORS.get(errno) ?? `error ${errno}`}`;
    },
    close: () => {
      c.close(fd);
    },
  };
}

interface LibC {
  socket(domain: number, type: number, protocol: number): number;
  sendto(fd: number, octets: Uint8Array, length: number, flags: number, to: Uint8Array, toLength: number): number;
  close(fd: number): number;
  errno(): number;
}

function libc(): LibC | undefined {
  const koffi = loadKoffi();
  if (!koffi) return undefined; // the caller knows what to say
  const library = koffi.load(null);
  return {
    socket: library.func("int socket(int, int, int)"),
    sendto: library.func("long sendto(int, const uint8_t *, size_t, int, const uint8_t *, uint32_t)"),
    close: library.func("int close(int)"),
    errno: () => koffi.errno(),
  };
}

/** struct sockaddr_un: family, then the path up to its NUL; an abstract name begins with one and has no end. */
function encodeAddress(path: string): Uint8Array {
  const name = new TextEncoder().encode(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`);
  const address = new Uint8Array(2 + name.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  return address;
}

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const EAGAIN = 11;
const ERRORS: ReadonlyMap<number, string> = new Map([
  [2, "No such file or directory"],
  [13, "Permission denied"],
  [90, "Message too long"],
  [111, "Connection refused"],
]);
