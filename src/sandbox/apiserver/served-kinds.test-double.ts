import type { Schema } from '../../machinery/schema.ts';
import { configMap } from './builtin/config-map.ts';
import { defineBuiltIn } from './builtin/define.ts';
import { namespace } from './builtin/namespace.ts';
import { Registry } from './registry.ts';
import type { ResourceDefinition } from './resource-definition.ts';

export const deployment = defineBuiltIn({
  kind: { group: 'apps', version: 'v1', resource: 'deployments', kind: 'Deployment', namespaced: true },
  schema: 'io.k8s.api.apps.v1.Deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  status: true,
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
});

export const pod = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true },
  schema: 'io.k8s.api.core.v1.Pod',
  status: true,
});

const canarySchema: Schema = {
  type: 'object',
  description: 'Canary is the Schema for the canaries API',
  properties: {
    metadata: { type: 'object' },
    spec: {
      type: 'object',
      description: 'what to do',
      required: ['targetRef'],
      properties: {
        targetRef: {
          type: 'object',
          description: 'target selector',
          required: ['kind'],
          properties: { kind: { type: 'string', enum: ['DaemonSet', 'Deployment'] } },
        },
        port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
        anything: {
          type: 'object',
          'x-kubernetes-preserve-unknown-fields': true,
          properties: { a: { type: 'string' } },
        },
        pod: { type: 'object', 'x-kubernetes-embedded-resource': true },
        maybe: { type: 'array', nullable: true, items: { type: 'string' } },
        weights: { type: 'array', items: { type: 'number', minimum: 0.5, default: 1 } },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
      },
    },
    status: { type: 'object', properties: { phase: { type: 'string' }, since: { type: 'string' } } },
  },
};

/** A custom kind at some version. */
export function canary(version = 'v1beta1'): ResourceDefinition {
  return {
    ...deployment,
    kind: { group: 'flagger.app', version, resource: 'canaries', kind: 'Canary', namespaced: true },
    listKind: 'CanaryList',
    singular: 'canary',
    shortNames: [],
    categories: [],
    storageKey: 'canaries.flagger.app',
    storageVersion: version,
    schema: canarySchema,
    custom: true,
    scale: undefined,
  };
}

/** The registry of a small server. */
export function smallRegistry(): Registry {
  return new Registry([deployment, configMap, namespace, pod]);
}
