// Source: killContainer of pkg/kubelet/kuberuntime of Kubernetes 1.36.
import type { Clock } from '../../base/clock.ts';
import type { EventType } from '../../kube/event-correlator.ts';
import { type HandlerTarget, runHandler } from './handlers.ts';

const minGraceMs = 2000;

export interface StopOptions {
  readonly target: HandlerTarget;
  /** Why, for people. */
  readonly message: string;
  readonly graceSeconds: number;
  readonly clock: Clock;
  readonly report: (type: EventType, reason: string, message: string) => void;
}

/**
 * Ends a container: its preStop hook, then SIGTERM, and SIGKILL when the time for both is up. Resolves when it has
 * ended.
 */
export async function stopContainer({
  target,
  message,
  graceSeconds,
  clock,
  report,
}: StopOptions): Promise<void> {
  const { instance, container } = target;
  const startedAt = clock.monotonic();
  const { preStop } = container.lifecycle ?? {};
  report('Normal', 'Killing', message);
  if (preStop !== undefined && graceSeconds > 0) {
    const { ok } = await runHandler(preStop, target, graceSeconds * 1000, 'hook');
    if (!ok && instance.exit === undefined) report('Warning', 'FailedPreStopHook', 'PreStopHook failed');
  }
  const leftMs = graceSeconds * 1000 - (clock.monotonic() - startedAt);
  instance.stop(Math.max(minGraceMs, leftMs));
  await instance.exited;
}
