/** The command table: every command of the control socket. */
import type { Command } from "./command.ts";
import { CONFIGURE_COMMANDS } from "./commands/configure.ts";
import { DEBUG_COMMANDS } from "./commands/debug.ts";
import { INSTANCE_COMMANDS } from "./commands/instances.ts";
import { INTERFACE_COMMANDS } from "./commands/interfaces.ts";
import { MRT_COMMANDS } from "./commands/mrt.ts";
import { OBSERVE_COMMANDS } from "./commands/observe.ts";
import { PROTOCOL_COMMANDS } from "./commands/protocols.ts";
import { ROUTE_COMMANDS } from "./commands/route.ts";
import { STATUS_COMMANDS } from "./commands/status.ts";
import { EVAL_COMMANDS } from "./expressions.ts";

export const COMMANDS: readonly Command[] = [
  ...STATUS_COMMANDS,
  ...PROTOCOL_COMMANDS,
  ...INTERFACE_COMMANDS,
  ...ROUTE_COMMANDS,
  ...INSTANCE_COMMANDS,
  ...CONFIGURE_COMMANDS,
  ...DEBUG_COMMANDS,
  ...EVAL_COMMANDS,
  ...MRT_COMMANDS,
  ...OBSERVE_COMMANDS,
];
