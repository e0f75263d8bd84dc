/**
 * linnet/protocol: BGP without a machine around it. Codec, state machine, tables, policy and archives as
 * functions and values: no I/O, no clock, no randomness; runs wherever JavaScript does.
 */
export * from "./archive/capture.ts";
export * from "./archive/mrt.ts";
export * from "./archive/mrt-write.ts";
export {
  adminDownBfd,
  type BfdConfig,
  type BfdSession,
  type BfdStep,
  bfdDeadline,
  newBfdSession,
  receiveBfd,
  tickBfd,
} from "./bfd.ts";
export { type BfdPacket, BfdState, Diagnostic, decodeBfd, encodeBfd } from "./bfd-packet.ts";
export * from "./codec/as-path.ts";
export * from "./codec/attribute.ts";
export * from "./codec/capability.ts";
export * from "./codec/community.ts";
export * from "./codec/error.ts";
export * from "./codec/iana.ts";
export * from "./codec/inspect.ts";
export * from "./codec/message.ts";
export * from "./codec/nlri.ts";
export * from "./codec/nlri-text.ts";
export * from "./codec/notification.ts";
export * from "./codec/open.ts";
export * from "./codec/pack.ts";
export * from "./codec/update.ts";
export * from "./fsm/negotiate.ts";
export { stepPeer } from "./fsm/peer.ts";
export {
  NEW_PEER,
  type PeerAction,
  type PeerConfig,
  type PeerEvent,
  type PeerState,
  type PeerStep,
  peerDeadline,
} from "./fsm/peer-state.ts";
export * from "./fsm/step.ts";
export * from "./policy/compile.ts";
export * from "./rib/channel.ts";
export * from "./rib/rib.ts";
export * from "./rib/route.ts";
export * from "./rib/route-view.ts";
export * from "./rib/table.ts";
export * from "./wire/address.ts";
export * from "./wire/bytes.ts";
