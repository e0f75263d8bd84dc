/**
 * Socket options that node:net has no words for, set by libc through koffi on descriptors: TTL, GTSM
 * (RFC 5082), TCP MD5 (RFC 2385), DSCP, binding to a device. koffi is loaded on first use; without it
 * plain sockets work, and whatever security asks for fails loudly instead.
 */
import { loadKoffi } from "../../fib/koffi.ts";
import { addressOctets, type IpAddress, parseAddress } from "../../protocol/wire/address.ts";
import type { SocketOptions } from "./transport.ts";

interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  close(fd: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint32Array): number;
  if_nametoindex(name: string): number;
  /** SO_ATTACH_FILTER with a program of `rows` instructions. */
  attachFilter(fd: number, program: Uint8Array, rows: number): boolean;
  errno(): number;
}

/** Undefined where koffi cannot be loaded. */
export function libc(): Libc | undefined {
  if (loaded !== undefined) return loaded ?? undefined;
  try {
    const koffi = loadKoffi();
    if (!koffi) throw new SocketOptionError("koffi is not installed");
    const library = koffi.load(null);
    loaded = {
      socket: library.func("int socket(int, int, int)"),
      bind: library.func("int bind(int, const void *, uint32_t)"),
      close: library.func("int close(int)"),
      setsockopt: library.func("int setsockopt(int, int, int, const void *, uint32_t)"),
      getsockopt: library.func("int getsockopt(int, int, int, _Out_ void *, _Inout_ uint32_t *)"),
      if_nametoindex: library.func("unsigned int if_nametoindex(const char *)"),
      attachFilter: filterAttacher(koffi, library),
      errno: () => koffi.errno(),
    };
  } catch {
    loaded = null; // no prebuilt binary for this system: `openSocket` says what does not work without
  }
  return loaded ?? undefined;
}

/** struct sock_fprog holds a pointer, so this call has a prototype of its own. */
function filterAttacher(koffi: typeof import("koffi"), library: import("koffi").LibraryHandle): Libc["attachFilter"] {
  const program = koffi.struct({ len: "uint16_t", filter: "uint8_t *" });
  const attach = library.func("setsockopt", "int", ["int", "int", "int", koffi.pointer(program), "uint32_t"]);
  return (fd, filter, rows) =>
    attach(fd, SOL_SOCKET, SO_ATTACH_FILTER, { len: rows, filter }, koffi.sizeof(program)) === 0;
}

/** An option that cannot be set although security depends on it. */
export class SocketOptionError extends Error {
  override readonly name = "SocketOptionError";
}

/**
 * A TCP socket with its options set, or undefined if node:net's own socket will do.
 * @throws SocketOptionError if an option that must hold cannot be set
 */
export function openSocket(family: 4 | 6, options: SocketOptions, plain: boolean): number | undefined {
  const needed = options.md5 !== undefined || options.minTtl !== undefined || options.device !== undefined;
  if (plain && !needed && !options.freeBind) return undefined;
  const c = libc();
  if (!c) {
    if (needed || options.freeBind) throw new SocketOptionError("koffi is missing: cannot set socket options");
    return undefined;
  }
  const fd = c.socket(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw new SocketOptionError(`socket: ${errorText(c.errno())}`);
  try {
    applyOptions(fd, family, options);
  } catch (error) {
    c.close(fd);
    throw error;
  }
  return fd;
}

/** DSCP, TTL, GTSM, device and free bind; the MD5 key needs a peer: `setKey`. */
export function applyOptions(fd: number, family: 4 | 6, options: SocketOptions): void {
  const v4 = family === 4;
  // Best effort: traffic works without
  setInt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS, DSCP_CS6);
  if (options.ttl !== undefined)
    setInt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TTL : IPV6_UNICAST_HOPS, options.ttl);
  if (options.minTtl !== undefined)
    must(setInt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MINTTL : IPV6_MINHOPCOUNT, options.minTtl), "TTL security");
  if (options.device !== undefined)
    must(setOctets(fd, SOL_SOCKET, SO_BINDTODEVICE, text(options.device)), `device ${options.device}`);
  if (options.freeBind)
    must(setInt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_FREEBIND : IPV6_FREEBIND, 1), "free bind");
}

/** Options of a listening socket that we bind ourselves. */
export function prepareListener(fd: number, family: 4 | 6, saveSyn: boolean): void {
  must(setInt(fd, SOL_SOCKET, SO_REUSEADDR, 1), "SO_REUSEADDR");
  if (family === 6) must(setInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1), "IPV6_V6ONLY");
  if (saveSyn) saveSynOf(fd);
}

/** Keeps the SYN of each connection, whose TTL is judged at accept. */
export function saveSynOf(fd: number): void {
  must(setInt(fd, IPPROTO_TCP, TCP_SAVE_SYN, 1), "TTL security");
}

/** TTL or hop limit of the SYN that opened an accepted connection; undefined if it was not saved. */
export function synTtl(fd: number): number | undefined {
  const header = new Uint8Array(128);
  const length = Uint32Array.of(header.length);
  if (libc()?.getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, header, length) !== 0 || length[0]! < 20) return undefined;
  return header[0]! >>> 4 === 4 ? header[8] : header[7];
}

/** @param key undefined deletes the key */
export function setKey(fd: number, peer: IpAddress, prefixLength: number | undefined, key: string | undefined): void {
  const octets = key === undefined ? new Uint8Array(0) : text(key);
  if (octets.length > MD5_KEY_MAX) throw new SocketOptionError(`MD5 password is longer than ${MD5_KEY_MAX} octets`);
  const md5 = new Uint8Array(MD5SIG_SIZE); // struct tcp_md5sig: sockaddr 128, flags, prefixlen, keylen 2, ifindex 4, key 80
  md5.set(sockaddr(peer, 0));
  if (prefixLength !== undefined) {
    md5[128] = TCP_MD5SIG_FLAG_PREFIX;
    md5[129] = prefixLength;
  }
  new DataView(md5.buffer).setUint16(130, octets.length, true);
  md5.set(octets, 136);
  const done = setOctets(fd, IPPROTO_TCP, prefixLength === undefined ? TCP_MD5SIG : TCP_MD5SIG_EXT, md5);
  if (key !== undefined) must(done, "TCP MD5 key"); // deleting one that is not there is no error
}

/** @param scope interface index of a link-local address */
export function sockaddr(ip: IpAddress, port: number, scope = 0): Uint8Array {
  const octets = new Uint8Array(ip.family === 4 ? 16 : 28);
  const view = new DataView(octets.buffer);
  view.setUint16(0, ip.family === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  octets.set(addressOctets(ip), ip.family === 4 ? 4 : 8);
  if (ip.family === 6) view.setUint32(24, scope, true);
  return octets;
}

/** @returns the error's number, or 0 */
export function bindSocket(fd: number, ip: IpAddress, port: number, scope = 0): number {
  const c = libc()!;
  const address = sockaddr(ip, port, scope);
  return c.bind(fd, address, address.length) === 0 ? 0 : c.errno();
}

/**
 * A UDP socket that takes only packets with this TTL, which classic BPF reads in the network header.
 * @returns the descriptor, or why there is none
 */
export function openDatagram(family: 4 | 6, ttl: number | undefined, device: string | undefined): number | string {
  const c = libc();
  if (!c) return "koffi is missing";
  const fd = c.socket(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) return errorText(c.errno());
  try {
    must(setInt(fd, SOL_SOCKET, SO_REUSEADDR, 1), "SO_REUSEADDR");
    if (family === 6) must(setInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1), "IPV6_V6ONLY");
    if (device !== undefined) must(setOctets(fd, SOL_SOCKET, SO_BINDTODEVICE, text(device)), `device ${device}`);
    if (ttl !== undefined) attachTtlFilter(fd, family, ttl);
  } catch (error) {
    c.close(fd);
    return (error as Error).message;
  }
  return fd;
}

/** @param iface scope of a link-local address, or "" @returns the error's number, or 0 */
export function bindDatagram(fd: number, family: 4 | 6, address: string, port: number, iface: string): number {
  const any: IpAddress = { family, w0: 0, w1: 0, w2: 0, w3: 0 };
  return bindSocket(fd, parseAddress(address) ?? any, port, iface === "" ? 0 : scopeOf(iface));
}

/** CS6 on a UDP socket, and its device; best effort. */
export function markPriority(fd: number, family: 4 | 6, device: string | undefined): void {
  const v4 = family === 4;
  setInt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS, DSCP_CS6);
  if (device !== undefined) setOctets(fd, SOL_SOCKET, SO_BINDTODEVICE, text(device));
}

/** Index of an interface, as sockaddr_in6 wants it; 0 if it is unknown. */
export function scopeOf(iface: string): number {
  return libc()?.if_nametoindex(iface) ?? 0;
}

export function closeSocket(fd: number): void {
  libc()?.close(fd);
}

/** Loads the TTL octet from the network header and drops the packet if it is another. */
function attachTtlFilter(fd: number, family: 4 | 6, ttl: number): void {
  const c = libc()!;
  const program = new Uint8Array(4 * 8); // struct sock_filter: code 2, jt, jf, k 4
  const view = new DataView(program.buffer);
  const row = (i: number, code: number, jt: number, jf: number, k: number): void => {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, jt);
    view.setUint8(i * 8 + 3, jf);
    view.setUint32(i * 8 + 4, k, true);
  };
  row(0, BPF_LD_B_ABS, 0, 0, SKF_NET_OFF + (family === 4 ? 8 : 7));
  row(1, BPF_JEQ_K, 0, 1, ttl);
  row(2, BPF_RET_K, 0, 0, 0xffff);
  row(3, BPF_RET_K, 0, 0, 0);
  must(c.attachFilter(fd, program, 4), "TTL check");
}

/** strerror's words for what sockets meet. */
export function errorText(errno: number | string): string {
  return ERRORS.get(errno) ?? `error ${errno}`;
}

function setInt(fd: number, level: number, name: number, value: number): boolean {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setInt32(0, value, true);
  return setOctets(fd, level, name, octets);
}

function setOctets(fd: number, level: number, name: number, octets: Uint8Array): boolean {
  return libc()?.setsockopt(fd, level, name, octets, octets.length) === 0;
}

function must(done: boolean, what: string): void {
  if (!done) throw new SocketOptionError(`Cannot set ${what}: ${errorText(libc()?.errno() ?? 0)}`);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

let loaded: Libc | null | undefined;

const ERRORS: ReadonlyMap<number | string, string> = new Map<number | string, string>(
  (
    [
      [1, "EPERM", "Operation not permitted"],
      [13, "EACCES", "Permission denied"],
      [19, "ENODEV", "No such device"],
      [22, "EINVAL", "Invalid argument"],
      [24, "EMFILE", "Too many open files"],
      [32, "EPIPE", "Broken pipe"],
      [92, "ENOPROTOOPT", "Protocol not available"],
      [97, "EAFNOSUPPORT", "Address family not supported by protocol"],
      [98, "EADDRINUSE", "Address already in use"],
      [99, "EADDRNOTAVAIL", "Cannot assign requested address"],
      [100, "ENETDOWN", "Network is down"],
      [101, "ENETUNREACH", "Network is unreachable"],
      [103, "ECONNABORTED", "Software caused connection abort"],
      [104, "ECONNRESET", "Connection reset by peer"],
      [105, "ENOBUFS", "No buffer space available"],
      [110, "ETIMEDOUT", "Connection timed out"],
      [111, "ECONNREFUSED", "Connection refused"],
      [112, "EHOSTDOWN", "Host is down"],
      [113, "EHOSTUNREACH", "No route to host"],
    ] as const
  ).flatMap(([number, name, words]) => [
    [number, words],
    [name, words],
  ]),
);

// Numbers of the Linux interface (asm-generic, linux/in.h, linux/in6.h, linux/tcp.h)
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BINDTODEVICE = 25;
const SO_ATTACH_FILTER = 26;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const BPF_LD_B_ABS = 0x30;
const BPF_JEQ_K = 0x15;
const BPF_RET_K = 0x06;
const SKF_NET_OFF = 0xfff00000;
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IP_TTL = 2;
const IP_FREEBIND = 15;
const IP_MINTTL = 21;
const IPPROTO_TCP = 6;
const TCP_MD5SIG = 14;
const TCP_SAVE_SYN = 27;
const TCP_SAVED_SYN = 28;
const TCP_MD5SIG_EXT = 32;
const TCP_MD5SIG_FLAG_PREFIX = 1;
const MD5SIG_SIZE = 216;
const MD5_KEY_MAX = 80;
const IPPROTO_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPV6_V6ONLY = 26;
const IPV6_TCLASS = 67;
const IPV6_MINHOPCOUNT = 73;
const IPV6_FREEBIND = 78;
const DSCP_CS6 = 0xc0;
