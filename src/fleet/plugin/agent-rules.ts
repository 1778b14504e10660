import type { JsonObject } from '../../machinery/json.ts';

const read = ['get', 'list', 'watch'];
const readAndWrite = [...read, 'create', 'update', 'patch'];

function rule(group: string, resources: string[], verbs: string[]): JsonObject {
  return { apiGroups: [group], resources, verbs };
}

/** All that the agent does on a member, and nothing else; as in deploy/agent. */
export const agentRules: readonly JsonObject[] = [
  rule('apiextensions.k8s.io', ['customresourcedefinitions'], readAndWrite),
  rule('flagger.app', ['canaries', 'metrictemplates', 'alertproviders'], [...read, 'update', 'patch']),
  rule('flagger.app', ['canaries/status', 'canaries/finalizers'], ['get', 'update', 'patch']),
  rule('apps', ['deployments', 'daemonsets'], readAndWrite),
  rule('autoscaling', ['horizontalpodautoscalers'], readAndWrite),
  rule('', ['services', 'configmaps', 'secrets'], readAndWrite),
  rule('discovery.k8s.io', ['endpointslices'], read),
  rule('networking.istio.io', ['virtualservices', 'destinationrules'], readAndWrite),
  rule('', ['events'], ['create', 'patch']),
  rule('coordination.k8s.io', ['leases'], ['get', 'create', 'update', 'patch']),
];
