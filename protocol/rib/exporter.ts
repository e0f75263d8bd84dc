/** What a channel's way out has to offer, whoever takes the routes: a kernel, a pipe, a BGP session. */
import type { ExportUpdates, ExportWithdraws } from "./counters.ts";
import type { Net, RouteAttributes, RouteSource, Slot } from "./route.ts";
import type { RouteView } from "./route-view.ts";

export interface ExportedView {
  readonly verdict: "exported" | "rejected" | "not eligible";
  /** After the export filter, without what the protocol adds on the wire. */
  readonly attributes?: RouteAttributes;
  /** Why it is not eligible, in words. */
  readonly reason?: string;
}

/** A change to pass on; without attributes a withdrawal. */
export interface ExportChange {
  readonly net: Net;
  readonly slot: Slot;
  readonly attributes: RouteAttributes | undefined;
  /** Whose route it is; of a withdrawal, whose it was. */
  readonly source: RouteSource;
}

export interface Exporter {
  readonly exported: number;
  readonly updates: Readonly<ExportUpdates>;
  readonly withdraws: Readonly<ExportWithdraws>;
  /** The channel is up: everything in the table is news. */
  start(): void;
  stop(): void;
  /** Filter, limit or other options changed: judge all again, pass on the differences. */
  refilter(): void;
  /** Pass everything on once more. */
  resend(): void;
  /** @param route one of the slot's, where others than the best go out */
  view(slot: Slot, route?: RouteView): ExportedView;
}
