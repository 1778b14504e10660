import type { Canary } from '../../api/canary.ts';
import { revisionAnnotation } from '../../api/viridian-annotations.ts';
import { own, setOwn, type Json, type JsonObject } from '../../machinery/json.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import { withPrimaryAffinity } from './affinity.ts';
import { withPrimaryConfigs } from './config-references.ts';
import { objectAt, pick, textAt, withMembers } from './fields.ts';
import {
  controllerReference,
  defaultSelectorLabels,
  includedLabels,
  isToolkit,
  selectorLabelOf,
  type TargetOptions,
} from './options.ts';
import { templateOf, type Workload } from './workload.ts';

export interface PrimaryParts {
  readonly workload: Workload;
  readonly canary: Canary;
  readonly target: Unstructured;
  readonly revision: string;
  /** Configs of which the primary has copies, as `configmap/NAME` or `secret/NAME`. */
  readonly configs: ReadonlySet<string>;
  readonly replicas: number | undefined;
  readonly options: TargetOptions;
}

const flaggerId = 'flagger-id';

/** Annotations that controllers keep on each object for themselves. */
function isControllers(key: string): boolean {
  return key.startsWith('deployment.kubernetes.io/') || key.startsWith('deprecated.daemonset.');
}

function isForPrimary(key: string): boolean {
  const isOurs = key.startsWith('viridian.dev/');
  const isLastApplied = key === 'kubectl.kubernetes.io/last-applied-configuration';
  return !isToolkit(key) && !isOurs && !isLastApplied && !isControllers(key);
}

/** The primary as it is made from the target. @throws InvalidInputError when the target has no selector label */
export function newPrimary(parts: PrimaryParts): Unstructured {
  const { workload, canary, target } = parts;
  const { label, value } = selectorLabelOf(asJson(target), parts.options.selectorLabels);
  const object = {
    apiVersion: 'apps/v1',
    kind: workload.kind,
    metadata: {
      name: `${target.metadata.name ?? ''}-primary`,
      namespace: target.metadata.namespace ?? '',
      ownerReferences: [controllerReference(canary)],
    },
    spec: { selector: { matchLabels: { [label]: `${value}-primary` } } },
  };
  return promoted(object, parts);
}

/**
 * The primary with all that a promotion copies. Pods are replaced, but where it runs the revision already: a promotion
 * may be repeated.
 */
export function promoted<T extends Unstructured>(primary: T, parts: PrimaryParts): T {
  const { workload, target, revision, replicas, options } = parts;
  const from = asJson(target);
  const live = asJson(primary);
  const { label, value } = selectorLabelOf(from, options.selectorLabels);
  const metadata = objectAt(from, 'metadata');
  const kept = pick(objectAt(live, 'metadata', 'annotations'), isControllers);
  const annotations = {
    ...pick(objectAt(metadata, 'annotations'), isForPrimary),
    ...kept,
    [revisionAnnotation]: revision,
  };
  const isSame = own(objectAt(live, 'metadata', 'annotations'), revisionAnnotation) === revision;
  const before = textAt(objectAt(live, 'spec', 'template', 'metadata', 'annotations'), flaggerId);
  const id = (isSame ? before : undefined) ?? options.random.uuid();
  const spec = withMembers(objectAt(live, 'spec'), objectAt(from, 'spec'), workload.copied);
  return {
    ...primary,
    metadata: {
      ...primary.metadata,
      labels: withKey(
        includedLabels(objectAt(metadata, 'labels'), options.includeLabelPrefix),
        label,
        `${value}-primary`,
      ),
      annotations,
    },
    spec: {
      ...spec,
      ...(replicas === undefined ? {} : { replicas }),
      template: primaryTemplate(parts, id, label, `${value}-primary`),
    },
  };
}

function primaryTemplate(
  { workload, target, configs, options }: PrimaryParts,
  id: string,
  label: string,
  value: string,
): JsonObject {
  const template = templateOf(workload, asJson(target));
  const spec = withPrimaryConfigs(objectAt(template, 'spec'), configs);
  const { selectorLabels = defaultSelectorLabels } = options;
  const labels = pick(objectAt(template, 'metadata', 'labels'), (key) => !isToolkit(key));
  const annotations = pick(objectAt(template, 'metadata', 'annotations'), (key) => !isToolkit(key));
  return {
    metadata: {
      labels: withKey(labels, label, value),
      annotations: withKey(annotations, flaggerId, id),
    },
    spec: workload.hasReplicas ? withPrimaryAffinity(spec, target.metadata.name ?? '', selectorLabels) : spec,
  };
}

function withKey(object: JsonObject, key: string, value: Json): JsonObject {
  const copy = pick(object, () => true);
  setOwn(copy, key, value);
  return copy;
}
