import { errorMessage } from '../../base/errors.ts';
import { isNamespaceTerminating, isNotFound } from '../../kube/api-error.ts';
import type { EventRecorder } from '../../kube/event-recorder.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { ownerReferenceOf } from '../../machinery/owner-references.ts';
import type { Cached } from './cached.ts';
import type { Pod, PodTemplate } from './kinds.ts';

/** A pod as the template of `owner` describes it. */
export function podOf(
  owner: KubeObject,
  template: PodTemplate,
  name: { readonly name: string } | { readonly generateName: string },
): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...name,
      namespace: owner.metadata.namespace ?? '',
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers: [...finalizers] }),
      ownerReferences: [{ ...ownerReferenceOf(owner), controller: true, blockOwnerDeletion: true }],
    },
    spec: template.spec,
  };
}

/** `generateName` of an owner's pods. Source: pkg/controller/controller_utils.go. */
export function podPrefix(owner: KubeObject): string {
  return `${owner.metadata.name ?? ''}-`;
}

/** Creates and deletes pods for their owners, and says so in events of the owner. */
export class PodControl {
  readonly #pods: Cached<Pod>;
  readonly #recorder: EventRecorder;

  constructor(pods: Cached<Pod>, recorder: EventRecorder) {
    this.#pods = pods;
    this.#recorder = recorder;
  }

  /** @returns undefined when the namespace is gone or going: no pod will ever be created there */
  async create(owner: KubeObject, pod: Pod, signal: AbortSignal): Promise<Pod | undefined> {
    try {
      const created = await this.#pods.create(pod, signal);
      this.#recorder.record(
        owner,
        'Normal',
        'SuccessfulCreate',
        `Created pod: ${created.metadata.name ?? ''}`,
      );
      return created;
    } catch (error) {
      if (isNamespaceTerminating(error) || isNotFound(error)) return undefined;
      if (!signal.aborted) {
        this.#recorder.record(owner, 'Warning', 'FailedCreate', `Error creating: ${errorMessage(error)}`);
      }
      throw error;
    }
  }

  async delete(owner: KubeObject, pod: Pod, signal: AbortSignal): Promise<void> {
    const name = pod.metadata.name ?? '';
    try {
      await this.#pods.delete(pod, signal);
      this.#recorder.record(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    } catch (error) {
      if (!signal.aborted) {
        this.#recorder.record(owner, 'Warning', 'FailedDelete', `Error deleting: ${errorMessage(error)}`);
      }
      throw error;
    }
  }
}
