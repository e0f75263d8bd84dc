/** The texts that clients gave with `disable`, `enable`, `restart`: shown until the next switch of the protocol. */
import type { Protocol } from "../protocols/protocol.ts";

const messages = new WeakMap<Protocol, string>();

export function rememberMessage(protocol: Protocol, message: string | undefined): void {
  if (message === undefined) messages.delete(protocol);
  else messages.set(protocol, message);
}

export function shownMessage(protocol: Protocol): string | undefined {
  return messages.get(protocol);
}
