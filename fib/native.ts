/**
 * What the `netlink` package does not offer, done by koffi on its socket's descriptor.
 *
 * The package's native part lets an exception escape into libuv when a receive buffer overflows, which ends
 * the process. So an overflow must not become a socket error (NETLINK_NO_ENOBUFS), the buffer must be large,
 * and what was lost in spite of it is read from the socket's drop counter. Without koffi there are no route
 * groups: links and addresses alone do not come by the ten thousand.
 */
import { readdirSync } from "node:fs";
import { loadKoffi } from "./koffi.ts";

/** A netlink socket made safe. */
export interface Tamed {
  /** Datagrams that found no room, since the socket was made. */
  drops(): number;
  /** Leaves out messages that echo requests of this port: the kernel tells every listener of every change. */
  ignorePort(port: number): boolean;
  /**
   * Sends on a thread of its own: the kernel works through a batch inside the system call, and meanwhile there is
   * other work to do here. The octets must stay as they are until it is done.
   */
  sendAside(datagram: Uint8Array, done: (sent: boolean) => void): void;
}

interface LibC {
  sendAside(fd: number, datagram: Uint8Array, length: number, flags: number, done: SendDone): void;
  getsockname(fd: number, address: Uint8Array, length: number[]): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number[]): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  attachFilter(fd: number, level: number, name: number, program: BpfProgram, length: number): number;
}

type SendDone = (error: unknown, result: number) => void;

interface BpfProgram {
  readonly len: number;
  readonly filter: readonly { readonly code: number; readonly jt: number; readonly jf: number; readonly k: number }[];
}

/** @returns undefined without koffi, or if the descriptor cannot be found or refuses the options. */
export function tame(port: number, receiveBuffer: number): Tamed | undefined {
  const c = libc();
  const fd = c ? findDescriptor(c, port) : undefined;
  if (!c || fd === undefined) return undefined;
  if (!setNumber(c, fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)) return undefined;
  if (!setNumber(c, fd, SOL_SOCKET, SO_RCVBUFFORCE, receiveBuffer)) {
    setNumber(c, fd, SOL_SOCKET, SO_RCVBUF, receiveBuffer); // as much as rmem_max allows, drops() tells the rest
  }
  // Comforts: an error with the kernel's words and without our request in it, dumps filtered by the kernel.
  for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
    setNumber(c, fd, SOL_NETLINK, option, 1);
  }
  const info = new Uint8Array(4 * MEMINFO_WORDS);
  const view = new DataView(info.buffer);
  const length = [info.length];
  return {
    drops: () => {
      length[0] = info.length;
      const failed = c.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, length) !== 0;
      return failed ? 0 : view.getUint32(4 * MEMINFO_DROPS, true);
    },
    ignorePort: (other) => c.attachFilter(fd, SOL_SOCKET, SO_ATTACH_FILTER, portFilter(other), SOCK_FPROG_LENGTH) === 0,
    sendAside: (datagram, done) =>
      c.sendAside(fd, datagram, datagram.length, 0, (error, result) => done(!error && result === datagram.length)),
  };
}

/** Drops a datagram whose first message has this nlmsg_pid; notifications come one a datagram. */
function portFilter(port: number): BpfProgram {
  const swapped = new DataView(new ArrayBuffer(4)); // BPF loads in network order what was stored in ours
  swapped.setUint32(0, port, true);
  const filter = [
    { code: BPF_LD_W_ABS, jt: 0, jf: 0, k: NLMSG_PID_OFFSET },
    { code: BPF_JEQ, jt: 0, jf: 1, k: swapped.getUint32(0) },
    { code: BPF_RET, jt: 0, jf: 0, k: 0 },
    { code: BPF_RET, jt: 0, jf: 0, k: 0xffff_ffff },
  ];
  return { len: filter.length, filter };
}

/** The package keeps its descriptor to itself: ours is the one that is bound to our port. */
function findDescriptor(c: LibC, port: number): number | undefined {
  const address = new Uint8Array(12);
  const view = new DataView(address.buffer);
  const newestFirst = readdirSync("/proc/self/fd")
    .map(Number)
    .sort((a, b) => b - a);
  return newestFirst.find((fd) => {
    address.fill(0);
    const length = [address.length];
    return (
      c.getsockname(fd, address, length) === 0 &&
      view.getUint16(0, true) === AF_NETLINK &&
      view.getUint32(4, true) === port >>> 0
    );
  });
}

function setNumber(c: LibC, fd: number, level: number, name: number, value: number): boolean {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, value, true);
  return c.setsockopt(fd, level, name, octets, 4) === 0;
}

let loaded: LibC | null | undefined;

/** Loaded at the first use: start-up does not pay for it. */
function libc(): LibC | undefined {
  if (loaded === undefined) loaded = loadLibc();
  return loaded ?? undefined;
}

/** null: koffi is not installed, or has no build for this machine. The kernel says so among its limits. */
function loadLibc(): LibC | null {
  const koffi = loadKoffi();
  if (!koffi) return null;
  const lib = koffi.load(null);
  const instruction = koffi.struct({ code: "uint16", jt: "uint8", jf: "uint8", k: "uint32" });
  const program = koffi.struct({ len: "uint16", filter: koffi.pointer(instruction) });
  const setsockopt = "setsockopt";
  const send = lib.func("int64_t send(int, const uint8_t *, size_t, int)");
  return {
    sendAside: (fd, datagram, length, flags, done) => send.async(fd, datagram, length, flags, done),
    getsockname: lib.func("int getsockname(int, _Out_ uint8_t *, _Inout_ uint32_t *)"),
    getsockopt: lib.func("int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)"),
    setsockopt: lib.func("int setsockopt(int, int, int, uint8_t *, uint32_t)"),
    attachFilter: lib.func(setsockopt, "int", ["int", "int", "int", koffi.pointer(program), "uint32"]),
  };
}

const AF_NETLINK = 16;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_ATTACH_FILTER = 26;
const SO_RCVBUFFORCE = 33;
const SO_MEMINFO = 55;
const MEMINFO_WORDS = 9;
const MEMINFO_DROPS = 8;
const SOL_NETLINK = 270;
const NETLINK_NO_ENOBUFS = 5;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const BPF_LD_W_ABS = 0x20;
const BPF_JEQ = 0x15;
const BPF_RET = 0x06;
const NLMSG_PID_OFFSET = 12;
const SOCK_FPROG_LENGTH = 16;
