/** Prefixes that no protocol may bring in (BIRD's "bogus route"): loopback, link-local, multicast, reserved. */

/** @param w0, w1, w2, w3 the prefix's words, signed or not */
export function isBogus4(w0: number, length: number): boolean {
  const top = w0 >>> 24;
  if (top === 0) return length > 0; // the default route is none
  return top === 127 || top >= 224 || w0 >>> 16 === 0xa9fe;
}

export function isBogus6(w0: number, w1: number, w2: number, w3: number, length: number): boolean {
  if (length === 0) return false;
  if (w0 >>> 24 === 0xff || w0 >>> 22 === 0xfe80 >>> 6) return true;
  // ::, ::1, v4-mapped and v4-compatible
  return (
    w0 === 0 && w1 === 0 && length > 64 && (w2 === 0 || w2 >>> 0 === 0xffff) && (length === 128 || w3 >= 0 || w3 < 0)
  );
}
