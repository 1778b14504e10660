import type { Fetch } from '../../base/fetch.ts';

export interface HttpRequestLog {
  readonly fetch: Fetch;
  /** `METHOD path?query` of each request since the last {@link take}. */
  take(): string[];
}

/** A Fetch that keeps in mind what was asked. */
export function countingFetch(inner: Fetch): HttpRequestLog {
  let seen: string[] = [];
  return {
    fetch: (url, init) => {
      seen.push(`${init?.method ?? 'GET'} ${url.replace(/^https?:\/\/[^/]*/, '')}`);
      return inner(url, init);
    },
    take: () => {
      const taken = seen;
      seen = [];
      return taken;
    },
  };
}
