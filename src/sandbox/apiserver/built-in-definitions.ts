import { configMap } from './builtin/config-map.ts';
import { controllerRevision } from './builtin/controller-revision.ts';
import { daemonSet } from './builtin/daemon-set.ts';
import { deployment } from './builtin/deployment.ts';
import { endpointSlice } from './builtin/endpoint-slice.ts';
import { endpoints } from './builtin/endpoints.ts';
import { event, eventsEvent } from './builtin/event.ts';
import { horizontalPodAutoscaler, horizontalPodAutoscalerV1 } from './builtin/horizontal-pod-autoscaler.ts';
import { lease } from './builtin/lease.ts';
import { namespace } from './builtin/namespace.ts';
import { pod } from './builtin/pod.ts';
import { clusterRole, clusterRoleBinding, role, roleBinding } from './builtin/rbac.ts';
import { replicaSet } from './builtin/replica-set.ts';
import { secret } from './builtin/secret.ts';
import { serviceAccount } from './builtin/service-account.ts';
import { service } from './builtin/service.ts';
// import { statefulSet } from './builtin/stateful-set.ts';
import { customResourceDefinitions } from './crd/custom-resource-definition.ts';
import type { ResourceDefinition } from './resource-definition.ts';

export function builtInDefinitions(): readonly ResourceDefinition[] {
  return [
    configMap,
    controllerRevision,
    daemonSet,
    deployment,
    endpointSlice,
    endpoints,
    event,
    eventsEvent,
    horizontalPodAutoscaler,
    horizontalPodAutoscalerV1,
    lease,
    namespace,
    customResourceDefinitions,
    pod,
    clusterRole,
    clusterRoleBinding,
    role,
    roleBinding,
    replicaSet,
    secret,
    serviceAccount,
    service,
    // statefulSet,
  ];
}
