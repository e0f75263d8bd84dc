/**
 * linnet: the speaker as a library. Nothing is global, nothing happens on import; clock, chance, log,
 * transport and kernel come in.
 */
export { type LoadResult, loadConfig, loadConfigFile } from "./config/load.ts";
export type { Config, ProtocolConfig } from "./config/schema.ts";
export { type Clock, type Host, type Log, nodeClock, nodeScheduler, type Random, type Scheduler } from "./host.ts";
export type { Protocol, ProtocolState, StopReason } from "./protocols/protocol.ts";
export { Speaker, type SpeakerEvent, type SpeakerInit } from "./speaker.ts";
export { nodeTransport, type Transport } from "./transport/tcp.ts";
