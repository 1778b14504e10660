import { type HttpRequest, readBody } from '../../base/network.ts';
import type { ProgramContext } from '../../base/program.ts';
import type { PodinfoConfig } from './config.ts';
import type { PodinfoMetrics } from './metrics.ts';
import type { Answers } from './response.ts';
import type { ZapLog } from './zap-log.ts';

/** What the probes report. */
export interface Health {
  healthy: boolean;
  ready: boolean;
}

/** One running podinfo, as its handlers see it. */
export interface Podinfo {
  readonly config: PodinfoConfig;
  readonly context: ProgramContext;
  readonly log: ZapLog;
  readonly metrics: PodinfoMetrics;
  readonly health: Health;
  readonly answers: Answers;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
}

/** Beyond this a body is refused: what a pod may hold in memory is bounded. */
export const maxBodyBytes = 16 * 1024 * 1024;

/** The body of a request; undefined where it is too large or breaks off. */
export async function bodyOf(request: HttpRequest): Promise<Uint8Array | undefined> {
  try {
    return await readBody(request.body(), maxBodyBytes);
  } catch {
    return undefined;
  }
}
