// Source: pkg/kubelet/prober of Kubernetes 1.36.
import { type HandlerTarget, runHandler } from './handlers.ts';
import type { Probe } from './kinds.ts';

export type ProbeType = 'Startup' | 'Readiness' | 'Liveness';

/** Who wants to know. */
export interface ProbeReport {
  /** One try has failed. */
  unhealthy(type: ProbeType, output: string): void;
  started(): void;
  ready(isReady: boolean): void;
  /** It has failed so often that the container is to be replaced. */
  failed(type: ProbeType, probe: Probe): void;
  /** The pod is to end: whether its containers are alive or have started does not matter any more. */
  readonly terminating: boolean;
}

/** A program takes a moment until it listens; the first probe gives it that. Milliseconds. */
const settlingMs = 100;

/** Probes a container until it ends. Never rejects. */
export async function runProbes(target: HandlerTarget, report: ProbeReport): Promise<void> {
  const { startupProbe, readinessProbe, livenessProbe } = target.container;
  if (startupProbe !== undefined) {
    const started = await probeUntil(startupProbe, 'Startup', target, report);
    if (started === undefined) return;
    if (!started) return report.failed('Startup', startupProbe);
  }
  report.started();
  if (readinessProbe === undefined) report.ready(true);
  await Promise.all([
    readinessProbe && watchReadiness(readinessProbe, target, report),
    livenessProbe && watchLiveness(livenessProbe, target, report),
  ]);
}

async function probeUntil(
  probe: Probe,
  type: ProbeType,
  target: HandlerTarget,
  report: ProbeReport,
): Promise<boolean | undefined> {
  for await (const verdict of verdicts(probe, type, target, report)) return verdict;
  return undefined;
}

async function watchReadiness(probe: Probe, target: HandlerTarget, report: ProbeReport): Promise<void> {
  for await (const isReady of verdicts(probe, 'Readiness', target, report)) report.ready(isReady);
}

async function watchLiveness(probe: Probe, target: HandlerTarget, report: ProbeReport): Promise<void> {
  for await (const isAlive of verdicts(probe, 'Liveness', target, report)) {
    if (!isAlive) return report.failed('Liveness', probe);
  }
}

/** What the probe says, each time that a threshold is reached; ends with the container. */
async function* verdicts(
  probe: Probe,
  type: ProbeType,
  target: HandlerTarget,
  report: ProbeReport,
): AsyncGenerator<boolean> {
  const { successThreshold = 1, failureThreshold = 3, periodSeconds = 10, timeoutSeconds = 1 } = probe;
  const { clock, instance } = target;
  const { ended } = instance;
  const initialDelayMs = (probe.initialDelaySeconds ?? 0) * 1000;
  let last: boolean | undefined;
  let run = 0;
  let due = clock.monotonic() + Math.max(settlingMs, instance.startedAt + initialDelayMs - clock.now());
  for (;;) {
    try {
      await clock.sleep(due - clock.monotonic(), ended);
    } catch {
      return;
    }
    if (report.terminating && type !== 'Readiness') return;
    const { ok, output } = await runHandler(probe, target, timeoutSeconds * 1000, 'probe');
    if (ended.aborted) return;
    if (!ok) report.unhealthy(type, output);
    run = ok === last ? run + 1 : 1;
    last = ok;
    if (run >= (ok ? successThreshold : failureThreshold)) yield ok;
    due = Math.max(due + periodSeconds * 1000, clock.monotonic());
  }
}
