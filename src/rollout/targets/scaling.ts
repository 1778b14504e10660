import type { CachedResource } from '../../kube/cached-resource.ts';
import type { Json, JsonObject } from '../../machinery/json.ts';
import { asJson, type KubeObject, type Unstructured } from '../../machinery/object.ts';
import { pick } from './fields.ts';
import { nodeSelectorOf, scaleToZero, type Workload } from './workload.ts';
import { hasOwnFields, keyOf, withoutOwnFields } from './writes.ts';

/**
 * Scales the target by server-side apply, so that whoever applies it from git can tell whose field that is.
 *
 * @param replicas of a DaemonSet: 0, or any other number
 */
export async function scaled(
  resource: CachedResource,
  workload: Workload,
  live: Unstructured,
  replicas: number,
  signal: AbortSignal,
): Promise<void> {
  if (!workload.hasReplicas && replicas > 0) {
    await released(resource, live, signal);
    return;
  }
  // A node selector has one owner as a whole.
  const nodeSelector = { ...nodeSelectorOf(asJson(live)), [scaleToZero]: 'true' };
  const spec = workload.hasReplicas ? { replicas } : { template: { spec: { nodeSelector } } };
  const { namespace, name, uid, resourceVersion } = live.metadata;
  const metadata = {
    namespace,
    name,
    // With its uid a target that was just deleted is not made anew.
    ...(uid === undefined ? {} : { uid }),
    // A request that is carried out late, after it was given up and users were sent there again, must do nothing.
    ...(replicas > 0 || resourceVersion === undefined ? {} : { resourceVersion }),
  };
  await resource.apply({ apiVersion: live.apiVersion, kind: live.kind, metadata, spec } as Unstructured, {
    signal,
  });
}

/** Gives up what {@link scaled} owned; a DaemonSet gets its pods back, a Deployment keeps its replicas. */
export async function released(
  resource: CachedResource,
  live: Unstructured,
  signal: AbortSignal,
): Promise<void> {
  const nodeSelector = nodeSelectorOf(asJson(live));
  const isHeld = Object.hasOwn(nodeSelector, scaleToZero);
  if (!isHeld && !hasOwnFields(live)) return;
  const rest = pick(nodeSelector, (key) => key !== scaleToZero);
  const selector: Json = Object.keys(rest).length === 0 ? null : { [scaleToZero]: null };
  const patch: JsonObject = {
    metadata: releasing(live),
    ...(isHeld ? { spec: { template: { spec: { nodeSelector: selector } } } } : {}),
  };
  await resource.patch(keyOf(live), 'merge', patch, { signal });
}

/** The part of a patch that gives up the engine's fields, and holds for this version of the object alone. */
export function releasing(live: KubeObject): JsonObject {
  const { resourceVersion = '' } = live.metadata;
  if (!hasOwnFields(live)) return { resourceVersion };
  return { resourceVersion, managedFields: withoutOwnFields(live) as unknown as Json };
}
