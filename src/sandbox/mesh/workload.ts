import { asJson, type KubeObject } from '../../machinery/object.ts';
import { isObject, own } from '../../machinery/json.ts';
import { remembered } from '../network/object-source.ts';
import type { PodRecord } from '../network/service-table.ts';

/** Who a pod is in the mesh's metrics. */
export interface Workload {
  readonly name: string;
  readonly namespace: string;
  readonly app: string;
  readonly version: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  /** `spiffe://…` */
  readonly principal: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Equal for pods that the metrics do not tell apart. */
  readonly id: string;
}

const cronJobRun = /^(.+)-\d{8,10}$/;

/** The workload of a pod, as Istio's injector and agent derive it. */
export const workloadOf = remembered((pod: KubeObject): Workload => {
  const { namespace = '', labels = {} } = pod.metadata;
  const name = workloadName(pod);
  const spec = asJson(pod)['spec'];
  const account = isObject(spec) ? own(spec, 'serviceAccountName') : undefined;
  const facts = {
    name,
    namespace,
    app: labels['app'] ?? 'unknown',
    version: labels['version'] ?? 'unknown',
    canonicalService:
      labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? name,
    canonicalRevision:
      labels['service.istio.io/canonical-revision'] ??
      labels['app.kubernetes.io/version'] ??
      labels['version'] ??
      'latest',
    principal: `spiffe://cluster.local/ns/${namespace}/sa/${typeof account === 'string' ? account : 'default'}`,
  };
  return { ...facts, labels, id: Object.values(facts).join('\n') };
});

export function workloadOfRecord(pod: PodRecord): Workload {
  return workloadOf(pod.object);
}

function workloadName(pod: KubeObject): string {
  const { name = '', generateName, labels = {}, ownerReferences = [] } = pod.metadata;
  const owner = ownerReferences.find(({ controller }) => controller === true);
  // Only of pods that somebody makes in numbers; a name of its own is the name of the workload.
  if (generateName === undefined || generateName === '' || owner === undefined) return name;
  const hash = labels['pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)) {
    return owner.name.slice(0, -hash.length - 1);
  }
  if (owner.kind === 'Job') return cronJobRun.exec(owner.name)?.[1] ?? owner.name;
  return owner.name;
}
