import { z } from 'zod';

const payload = z.object({
  name: z.string().default(''),
  namespace: z.string().default(''),
  metadata: z.record(z.string(), z.string()).nullish(),
});

/** What a webhook of a Canary sends. */
export interface Payload {
  readonly name: string;
  readonly namespace: string;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Undefined for a body that is none. */
export function parsePayload(body: Uint8Array): Payload | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
  const { success, data } = payload.safeParse(json);
  if (!success) return undefined;
  return { ...data, metadata: new Map(Object.entries(data.metadata ?? {})) };
}
