import { isObject, type Json, own } from '../../machinery/json.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import { pluginLabel } from './plugin-objects.ts';

/** On a Fleet or an AttachedCluster: `true` stops engines of others, and ours take their place. */
export const replaceForeignAnnotation = 'fleet.kurator.dev/replace-foreign-engine';

/**
 * Deployments that serve Canaries and are not ours, or have a name that we want. One that is scaled to 0 serves
 * nothing.
 *
 * @param wanted `NAMESPACE/NAME` of our Deployments
 */
export function foreignEngines(
  deployments: readonly Unstructured[],
  wanted: ReadonlySet<string>,
): readonly Unstructured[] {
  return deployments.filter((deployment) => {
    const { namespace = '', name = '', labels = {} } = deployment.metadata;
    if (labels[pluginLabel] !== undefined) return false;
    return wanted.has(`${namespace}/${name}`) || (replicasOf(deployment) > 0 && runsEngine(deployment));
  });
}

function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let inner = value;
  for (const key of path) inner = isObject(inner) ? own(inner, key) : undefined;
  return inner;
}

function replicasOf(deployment: Unstructured): number {
  const replicas = at(asJson(deployment), 'spec', 'replicas');
  return typeof replicas === 'number' ? replicas : 1;
}

/** Flagger's own image, from any registry; not its load tester. And our agent, if somebody else runs it. */
function runsEngine(deployment: Unstructured): boolean {
  const containers = at(asJson(deployment), 'spec', 'template', 'spec', 'containers');
  if (!Array.isArray(containers)) return false;
  return containers.some((container) => {
    const image = at(container, 'image');
    const args = at(container, 'args');
    const name = typeof image === 'string' ? nameOf(image) : '';
    return name === 'flagger' || (name === 'viridian' && Array.isArray(args) && args[0] === 'agent');
  });
}

/** `flagger` of `registry:5000/group/flagger:1.35@sha256:…` */
function nameOf(image: string): string {
  const last = image.split('@')[0]?.split('/').at(-1) ?? '';
  return last.split(':')[0] ?? '';
}
