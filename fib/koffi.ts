/** koffi calls the C library for us: for socket options, capabilities and datagrams that Node has no words for. */
import { createRequire } from "node:module";

/**
 * The native part itself where it lies where it should: koffi's own way to it reads ELF headers and takes ten times
 * as long, and the daemon's start waits for it. The rest of koffi is not needed.
 * @returns undefined where koffi is not installed or has no build for this machine
 */
export function loadKoffi(): typeof import("koffi") | undefined {
  const load = createRequire(import.meta.url);
  const { arch } = process;
  for (const path of [`@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`, "koffi"]) {
    try {
      return load(path);
    } catch {
      // another C library, another layout of node_modules: the next way
    }
  }
  return undefined;
}
