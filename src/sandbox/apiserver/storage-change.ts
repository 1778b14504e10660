import type { JsonObject } from '../../machinery/json.ts';

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One committed write. Shared by everybody who sees it; never changed. */
export interface Change {
  readonly revision: number;
  readonly type: ChangeType;
  readonly storageKey: string;
  /** The object after the write; for DELETED its last state, with the revision of the deletion. */
  readonly object: JsonObject;
  /** The object before the write; undefined for ADDED. */
  readonly previous: JsonObject | undefined;
}

/** The revision asked for is no longer in the log. */
export class CompactedError extends Error {
  /** The oldest revision that can still be asked for. */
  readonly oldest: number;

  constructor(oldest: number) {
    super(`compacted up to revision ${oldest}`);
    this.oldest = oldest;
  }
}
