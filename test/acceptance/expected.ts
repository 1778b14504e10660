import { at, listAt, numberAt, textAt } from './values.ts';

/* What the reference says of the walkthrough's objects. */

export const webappInventory: readonly string[] = [
  '_webapp__Namespace v1',
  'webapp_reconciler__ServiceAccount v1',
  'webapp_webapp__ServiceAccount v1',
  'webapp_reconciler_rbac.authorization.k8s.io_Role v1',
  'webapp_reconciler_rbac.authorization.k8s.io_RoleBinding v1',
  'webapp_backend__Service v1',
  'webapp_frontend__Service v1',
  'webapp_backend_apps_Deployment v1',
  'webapp_frontend_apps_Deployment v1',
  'webapp_backend_autoscaling_HorizontalPodAutoscaler v2',
  'webapp_frontend_autoscaling_HorizontalPodAutoscaler v2',
].sort();

export const podinfoInventory: readonly string[] = [
  'default_podinfo__Service v1',
  'default_podinfo_apps_Deployment v1',
  'default_podinfo_autoscaling_HorizontalPodAutoscaler v2',
].sort();

export const revisionPattern = /^master@sha1:[0-9a-f]{40}$/;
/** Our reading of revisions: the start of a SHA-256, where Flagger has ten digits of FNV. */
export const hashPattern = /^[0-9a-f]{16}$/;
export const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** The spec of the Canary that an Application's rollout is rendered to. */
export function canarySpec(application: unknown): unknown {
  const rollout = at(application, 'spec', 'syncPolicies', 0, 'rollout');
  const routing = at(rollout, 'rolloutPolicy', 'trafficRouting');
  const analysis = at(rollout, 'rolloutPolicy', 'trafficAnalysis');
  const seconds = (value: unknown, key: string): string => `${numberAt(value, key)}s`;
  return {
    provider: 'istio',
    targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'backend' },
    progressDeadlineSeconds: 600,
    service: {
      name: 'backend',
      port: 9898,
      targetPort: 'http',
      portDiscovery: false,
      timeout: '60s',
      gateways: ['istio-system/public-gateway'],
      hosts: ['backend.webapp'],
    },
    analysis: {
      interval: seconds(analysis, 'checkIntervalSeconds'),
      iterations: at(routing, 'analysisTimes'),
      threshold: at(analysis, 'checkFailedTimes'),
      metrics: listAt(analysis, 'metrics').map((metric) => ({
        name: textAt(metric, 'name'),
        interval: seconds(metric, 'intervalSeconds'),
        thresholdRange: at(metric, 'thresholdRange'),
      })),
      webhooks: [
        {
          name: 'generated-testload-0',
          type: '',
          url: 'http://backend-testloader.webapp/',
          timeout: '60s',
          muteAlert: false,
          metadata: { type: 'cmd', cmd: 'hey -z 1m -q 10 -c 2 http://backend-canary.webapp:9898/' },
        },
      ],
    },
  };
}
