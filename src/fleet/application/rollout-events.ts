import type { StoreEvent } from '../../kube/store.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { asJson, type KubeObject } from '../../machinery/object.ts';
import type { InstalledRollout } from './member-engine.ts';
import { testLoaderSuffix } from './render-rollout.ts';

/** Whether a change could make a difference to a rollout; what a status tells does not. */
export function concerns(event: StoreEvent<KubeObject>, rollout: InstalledRollout): boolean {
  if (event.type === 'added' && event.initial) return false;
  const { kind, metadata } = event.object;
  const { name = '', namespace = '' } = metadata;
  if (kind === 'Namespace') return name === rollout.namespace && isEdited(event);
  if (namespace !== rollout.namespace) return false;
  // The engine scales it, and people give it new versions.
  if (kind === rollout.kind && name === rollout.name) return event.type !== 'modified';
  if (kind === 'Service' && name === rollout.serviceName) return isEdited(event);
  const isLoader =
    name === `${rollout.name}${testLoaderSuffix}` && (kind === 'Deployment' || kind === 'Service');
  const isMetric = kind === 'MetricTemplate' && rollout.metrics?.includes(name) === true;
  return (isLoader || isMetric) && isEdited(event);
}

function isEdited(event: StoreEvent<KubeObject>): boolean {
  return event.type !== 'modified' || !jsonEqual(edited(event.old), edited(event.object));
}

function edited(object: KubeObject): object {
  const { labels, annotations, deletionTimestamp } = object.metadata;
  const { spec } = asJson(object);
  return { labels, annotations, deletionTimestamp, spec };
}
