import type { Canary } from '../../api/canary.ts';
import { formatKey } from '../../kube/object-key.ts';
import { ObjectIndex } from '../../kube/object-index.ts';
import type { Store } from '../../kube/store.ts';
import type { KubeObject } from '../../machinery/object.ts';

/** Canaries by the objects that they have to do with, so that an event wakes those alone. */
export class CanaryIndex {
  readonly #index = new ObjectIndex<Canary>(referencesOf);

  /** Follows `store`. Must be called before anybody else asks for its events. @returns how to stop */
  follow(store: Pick<Store<Canary>, 'subscribe'>): () => void {
    return store.subscribe((event) => {
      const key = keyOf(event.object);
      if (event.type === 'added') this.#index.replace(key, undefined, event.object);
      if (event.type === 'modified') this.#index.replace(key, event.old, event.object);
      if (event.type === 'deleted') this.#index.replace(key, event.object, undefined);
    });
  }

  /** Keys of the Canaries that use an object as target, primary, Service, route, … */
  usersOf(kind: string, namespace: string | undefined, name: string): readonly string[] {
    return [...this.#index.keys(reference(kind, namespace, name))];
  }

  /** Keys of the Canaries with the same target, its own too. */
  sharing({ metadata, spec }: Canary): readonly string[] {
    return [...this.#index.keys(targetReference(metadata.namespace, spec.targetRef))];
  }

  /** Keys of all Canaries of a namespace. */
  in(namespace: string | undefined): readonly string[] {
    return this.usersOf('Namespace', undefined, namespace ?? '');
  }
}

export function keyOf({ metadata }: KubeObject): string {
  return formatKey({ namespace: metadata.namespace, name: metadata.name ?? '' });
}

function reference(kind: string, namespace: string | undefined, name: string): string {
  return `${kind} ${formatKey({ namespace, name })}`;
}

function targetReference(
  namespace: string | undefined,
  { kind, name }: { readonly kind: string; readonly name: string },
): string {
  return reference(`target ${kind}`, namespace, name);
}

function referencesOf({ metadata: { namespace }, spec }: Canary): string[] {
  const { targetRef, autoscalerRef, service } = spec;
  const apex = service?.name || targetRef.name;
  const named = (kind: string, ...names: readonly string[]): string[] =>
    names.map((name) => reference(kind, namespace, name));
  return [
    targetReference(namespace, targetRef),
    reference('Namespace', undefined, namespace ?? ''),
    ...named(targetRef.kind, targetRef.name, `${targetRef.name}-primary`),
    ...named('Service', apex, `${apex}-primary`, `${apex}-canary`),
    ...named('VirtualService', apex),
    ...named('DestinationRule', `${apex}-primary`, `${apex}-canary`),
    ...(autoscalerRef === undefined
      ? []
      : named(autoscalerRef.kind, autoscalerRef.name, `${autoscalerRef.name}-primary`)),
  ].filter((one, i, all) => all.indexOf(one) === i);
}
