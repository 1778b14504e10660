import type { Autoscaler, ScalingRules } from './autoscaler.ts';

// What becomes of a recommendation: not sooner, faster or further than the autoscaler allows. Pure but for its memory.
// Source: pkg/controller/podautoscaler/horizontal.go of Kubernetes 1.36.

interface Dated {
  readonly at: number;
  readonly count: number;
}

/** What an autoscaler recommended and did lately. */
export interface ScalingMemory {
  readonly recommendations: Dated[];
  readonly added: Dated[];
  readonly removed: Dated[];
}

export interface Verdict {
  readonly replicas: number;
  readonly able: { readonly reason: string; readonly message: string };
  readonly limited: { readonly status: 'True' | 'False'; readonly reason: string; readonly message: string };
}

/** In seconds: how long a high recommendation is remembered. */
const downWindow = 300;
/** Longest window and period that the API allows, in milliseconds. */
const longestMs = 3_600_000;

export function newMemory(): ScalingMemory {
  return { recommendations: [], added: [], removed: [] };
}

/** Forgets what no rule can ask for any more. */
export function forget(memory: ScalingMemory, now: number): void {
  for (const list of [memory.recommendations, memory.added, memory.removed]) {
    const first = list.findIndex(({ at }) => at >= now - longestMs);
    list.splice(0, first === -1 ? list.length : first);
  }
}

/**
 * The size that the target gets.
 *
 * @param recommended by the metrics; kept in `memory`
 * @param now milliseconds since the Unix epoch
 */
export function limit(
  { minReplicas = 1, maxReplicas, behavior }: Autoscaler['spec'],
  memory: ScalingMemory,
  current: number,
  recommended: number,
  now: number,
): Verdict {
  const { scaleUp, scaleDown } = behavior ?? {};
  const since = (seconds: number): number[] =>
    memory.recommendations.filter(({ at }) => at > now - seconds * 1000).map(({ count }) => count);
  const lowest = Math.min(recommended, ...since(scaleUp?.stabilizationWindowSeconds ?? 0));
  const highest = Math.max(recommended, ...since(scaleDown?.stabilizationWindowSeconds ?? downWindow));
  const stable = Math.min(Math.max(current, lowest), highest);
  memory.recommendations.push({ at: now, count: recommended });
  const able = {
    reason:
      stable === recommended
        ? 'ReadyForNewScale'
        : recommended >= current
          ? 'ScaleUpStabilized'
          : 'ScaleDownStabilized',
    message:
      stable === recommended
        ? 'recommended size matches current size'
        : recommended >= current
          ? 'recent recommendations were lower than current one, applying the lowest recent recommendation'
          : 'recent recommendations were higher than current one, applying the highest recent recommendation',
  };
  const up = Math.max(
    current,
    behavior === undefined ? Math.max(2 * current, 4) : reach(scaleUp, memory, current, now, 1),
  );
  const down = behavior === undefined ? 0 : Math.min(current, reach(scaleDown, memory, current, now, -1));
  const most = Math.min(maxReplicas, up);
  const least = Math.max(minReplicas, down);
  if (stable > most) {
    return { replicas: most, able, limited: maxReplicas > up ? tooFast('Up') : tooMany };
  }
  if (stable < least) {
    return { replicas: least, able, limited: minReplicas < down ? tooFast('Down') : tooFew };
  }
  return { replicas: stable, able, limited: withinRange };
}

/** How far the policies let the size go from what it was at the beginning of their periods. */
function reach(
  { policies = [], selectPolicy = 'Max' }: ScalingRules = {},
  memory: ScalingMemory,
  current: number,
  now: number,
  direction: 1 | -1,
): number {
  if (selectPolicy === 'Disabled') return current;
  const reaches = policies.map(({ type, value, periodSeconds }) => {
    const within = (list: readonly Dated[]): number =>
      list.filter(({ at }) => at > now - periodSeconds * 1000).reduce((sum, { count }) => sum + count, 0);
    const start = current - within(memory.added) + within(memory.removed);
    if (type === 'Pods') return start + direction * value;
    const scaled = start * (1 + (direction * value) / 100);
    return direction === 1 ? Math.ceil(scaled) : Math.trunc(scaled);
  });
  if (reaches.length === 0) return direction === 1 ? Number.MAX_SAFE_INTEGER : 0;
  const farthest = (selectPolicy === 'Min') === (direction === 1) ? Math.min : Math.max;
  return farthest(...reaches);
}

const withinRange = {
  status: 'False',
  reason: 'DesiredWithinRange',
  message: 'the desired count is within the acceptable range',
} as const;
const tooMany = {
  status: 'True',
  reason: 'TooManyReplicas',
  message: 'the desired replica count is more than the maximum replica count',
} as const;
const tooFew = {
  status: 'True',
  reason: 'TooFewReplicas',
  message: 'the desired replica count is less than the minimum replica count',
} as const;

function tooFast(direction: 'Up' | 'Down'): Verdict['limited'] {
  const change = direction === 'Up' ? 'increasing' : 'decreasing';
  return {
    status: 'True',
    reason: `Scale${direction}Limit`,
    message: `the desired replica count is ${change} faster than the maximum scale rate`,
  };
}
