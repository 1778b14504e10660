import { objectAt } from './apiserver/access/fields.ts';
import { textOf } from './apiserver/object-metadata.ts';
import type { ContainerTarget, PodRuntime } from './apiserver/pod-runtime.ts';
import { failure } from './apiserver/request-error.ts';
import type { Node } from './node/node.ts';

/** Leads the API server to the node that runs a pod. */
export function nodeRuntimes(nodes: ReadonlyMap<string, Node>): PodRuntime {
  const of = ({ pod }: ContainerTarget): PodRuntime => {
    const name = textOf(objectAt(pod, 'spec'), 'nodeName');
    const node = nodes.get(name);
    if (node !== undefined) return node.podRuntime;
    throw failure(500, 'InternalError', `error dialing backend: node ${name} does not answer`);
  };
  return {
    logs: (target, options) => of(target).logs(target, options),
    exec: (target, command, streams) => of(target).exec(target, command, streams),
    attach: (target, streams) => of(target).attach(target, streams),
  };
}
