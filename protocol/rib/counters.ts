/** The cells of BIRD's `Route change stats`, and the numbers of the `Routes:` line. */
export interface ImportUpdates {
  received: number;
  rejected: number;
  filtered: number;
  ignored: number;
  accepted: number;
}
export interface ImportWithdraws {
  received: number;
  rejected: number;
  ignored: number;
  accepted: number;
}
export interface ExportUpdates {
  received: number;
  rejected: number;
  filtered: number;
  accepted: number;
}
export interface ExportWithdraws {
  received: number;
  accepted: number;
}

export interface ChannelCounters {
  /** Routes now: in the table, rejected but kept, sent, best of their prefix. */
  readonly imported: number;
  readonly filtered: number;
  readonly exported: number;
  readonly preferred: number;
  readonly importUpdates: Readonly<ImportUpdates>;
  readonly importWithdraws: Readonly<ImportWithdraws>;
  readonly exportUpdates: Readonly<ExportUpdates>;
  readonly exportWithdraws: Readonly<ExportWithdraws>;
}

export function importUpdates(): ImportUpdates {
  return { received: 0, rejected: 0, filtered: 0, ignored: 0, accepted: 0 };
}

export function importWithdraws(): ImportWithdraws {
  return { received: 0, rejected: 0, ignored: 0, accepted: 0 };
}

export function exportUpdates(): ExportUpdates {
  return { received: 0, rejected: 0, filtered: 0, accepted: 0 };
}

export function exportWithdraws(): ExportWithdraws {
  return { received: 0, accepted: 0 };
}
