import { isNotFound } from '../../../kube/api-error.ts';
import type { Controller } from '../../../kube/controller.ts';
import { formatKey, parseKey } from '../../../kube/object-key.ts';
import { forObject, mapped } from '../../../kube/sources.ts';
import { byNode, type ControllerContext } from '../context.ts';
import { isTerminating } from '../pods.ts';

/** How long a node must be gone, in milliseconds. Source: quarantineTime of pkg/controller/podgc. */
const quarantineMs = 40_000;

/** Removes pods that nobody will ever bring to an end: on nodes that are gone, or on none and on their way out. */
export function createPodGarbageCollector(context: ControllerContext): Controller {
  const { pods, nodes } = context;
  /** By pod key: since when its node is missing. */
  const missingSince = new Map<string, number>();
  const podsOfNodes = mapped(nodes.store, ({ metadata }, event) =>
    event.type !== 'deleted'
      ? []
      : pods.store.byIndex(byNode, metadata.name ?? '').map((pod) => {
          const { namespace, name = '' } = pod.metadata;
          return formatKey({ namespace, name });
        }),
  );
  return context.controller(
    'pod-garbage-collector',
    [forObject(pods.store), podsOfNodes],
    async (key, { signal }) => {
      const { namespace, name } = parseKey(key);
      const pod = pods.get(namespace, name);
      const node = pod?.spec.nodeName ?? '';
      const isOrphan = node !== '' && nodes.get(undefined, node) === undefined;
      if (pod === undefined || (!isOrphan && (node !== '' || !isTerminating(pod)))) {
        missingSince.delete(key);
        return undefined;
      }
      const now = context.now();
      const since = missingSince.get(key) ?? now;
      missingSince.set(key, since);
      if (isOrphan && now - since < quarantineMs) return { requeueAfterMs: since + quarantineMs - now };
      if (isOrphan && (await exists(context, node, signal))) return undefined;
      missingSince.delete(key);
      await pods.delete(pod, signal, { gracePeriodSeconds: 0 });
      return undefined;
    },
  );
}

async function exists({ nodes }: ControllerContext, name: string, signal: AbortSignal): Promise<boolean> {
  try {
    await nodes.client.get({ name }, { signal });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
