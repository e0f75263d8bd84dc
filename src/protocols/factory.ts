/** One row a kind of protocol: how an instance is made from its configuration. */
import type { ProtocolConfig } from "../config/schema.ts";
import { BfdProtocol } from "./bfd.ts";
import { BgpProtocol } from "./bgp.ts";
import { DeviceProtocol, type InterfaceTable } from "./device.ts";
import { DirectProtocol } from "./direct.ts";
import { ForeignProtocol } from "./foreign.ts";
import { KernelProtocol } from "./kernel.ts";
import { MrtProtocol } from "./mrt.ts";
import { PipeProtocol } from "./pipe.ts";
import type { Protocol, ProtocolContext } from "./protocol.ts";
import { RpkiProtocol } from "./rpki.ts";
import { StaticProtocol } from "./static.ts";

export function createProtocol(config: ProtocolConfig, context: ProtocolContext, interfaces: InterfaceTable): Protocol {
  switch (config.kind) {
    case "device":
      return new DeviceProtocol(config, context, interfaces);
    case "direct":
      return new DirectProtocol(config, context);
    case "kernel":
      return new KernelProtocol(config, context);
    case "static":
      return new StaticProtocol(config, context);
    case "pipe":
      return new PipeProtocol(config, context);
    case "bgp":
      return new BgpProtocol(config, context);
    case "bfd":
      return new BfdProtocol(config, context);
    case "rpki":
      return new RpkiProtocol(config, context);
    case "mrt":
      return new MrtProtocol(config, context);
    case "foreign":
      return new ForeignProtocol(config, context, config.proto);
  }
}
