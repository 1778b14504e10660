import type { JsonObject } from '../../src/machinery/json.ts';
import { at, listAt, numberAt, textAt } from './state.ts';

/** Pods of a DaemonSet: the model has two nodes. */
const nodes = 2;
const scaleToZero = 'flagger.app/scale-to-zero';

/** How many pods a Deployment or DaemonSet asks for. */
export function wantedPods(workload: JsonObject | undefined): number {
  if (workload === undefined) return 0;
  const spec = at(workload, 'spec');
  if (workload['kind'] === 'Deployment') return numberAt(spec, 'replicas', 1);
  return Object.hasOwn(at(spec, 'template', 'spec', 'nodeSelector'), scaleToZero) ? 0 : nodes;
}

/** The tag of its image. */
export function versionOf(workload: JsonObject | undefined): string {
  const [container = {}] = listAt(at(workload, 'spec', 'template', 'spec'), 'containers');
  return textAt(container, 'image').split(':')[1] ?? '';
}

/** What a version is like: `good-3`, `bad-4`, `crashing-5`. */
export type Quality = 'good' | 'bad' | 'crashing';

export function qualityOf(version: string): Quality {
  const [quality = ''] = version.split('-');
  return quality === 'bad' || quality === 'crashing' ? quality : 'good';
}
