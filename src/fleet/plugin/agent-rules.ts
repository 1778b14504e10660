import type { JsonObject } from '../../machinery/json.ts';

const read = ['get', 'list', 'watch'];
/** What is applied is patched, whether or not it is there. */
const readAndWrite = [...read, 'create', 'patch'];

function rule(group: string, resources: string[], verbs: string[]): JsonObject {
  return { apiGroups: [group], resources, verbs };
}

/** All that the agent does on a member, and nothing else; as in deploy/agent. */
export const agentRules: readonly JsonObject[] = [
  rule('apiextensions.k8s.io', ['customresourcedefinitions'], [...read, 'create', 'update']),
  rule('flagger.app', ['canaries'], [...read, 'patch']),
  rule('flagger.app', ['canaries/status'], ['patch']),
  // Asked for where owner references that block a deletion are guarded.
  rule('flagger.app', ['canaries/finalizers'], ['update']),
  rule('flagger.app', ['metrictemplates', 'alertproviders'], read),
  rule('apps', ['deployments', 'daemonsets'], readAndWrite),
  rule('autoscaling', ['horizontalpodautoscalers'], readAndWrite),
  rule('', ['services', 'configmaps', 'secrets'], readAndWrite),
  rule('discovery.k8s.io', ['endpointslices'], read),
  rule('networking.istio.io', ['virtualservices', 'destinationrules'], readAndWrite),
  rule('', ['events'], ['create', 'patch']),
  rule('coordination.k8s.io', ['leases'], ['get', 'create', 'update']),
];
