/** How long to wait after failures: 10 s, doubled each time, up to 5 min. Source: client-go's flowcontrol.Backoff. */
export interface BackOff {
  /** How long what has failed is left alone, in milliseconds. */
  readonly delayMs: number;
  /** When it was last tried, milliseconds since the epoch. */
  readonly updatedAt: number;
}

const firstMs = 10_000;
const longestMs = 300_000;

/** The back-off that counts for a failure at `failedAt`; what ran well for ten minutes is forgiven. */
export function currentBackOff(backOff: BackOff | undefined, failedAt: number): BackOff | undefined {
  return backOff !== undefined && failedAt - backOff.updatedAt > 2 * longestMs ? undefined : backOff;
}

/** When what failed at `failedAt` may be tried again. */
export function retryAt(backOff: BackOff | undefined, failedAt: number): number {
  return failedAt + (currentBackOff(backOff, failedAt)?.delayMs ?? 0);
}

/** The back-off after another try, at `now`, of what failed at `failedAt`. */
export function nextBackOff(backOff: BackOff | undefined, failedAt: number, now: number): BackOff {
  const current = currentBackOff(backOff, failedAt);
  const delayMs = current === undefined ? firstMs : Math.min(2 * current.delayMs, longestMs);
  return { delayMs, updatedAt: now };
}
