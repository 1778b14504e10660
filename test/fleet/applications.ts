import type { Application } from '../../src/api/application.ts';
import type { Unstructured } from '../../src/machinery/object.ts';

/** What one team has in git: a Deployment that says how many replicas it wants, behind a Service. */
export function manifestsOf(name: string, replicas: number): Readonly<Record<string, string>> {
  const labels = { app: name };
  const metadata = { name, namespace: name };
  const container = {
    name: 'app',
    image: 'ghcr.io/stefanprodan/podinfo:6.5.4',
    ports: [{ name: 'http', containerPort: 9898 }],
    readinessProbe: { httpGet: { path: '/readyz', port: 9898 }, periodSeconds: 2 },
  };
  const objects: readonly Unstructured[] = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [container] } },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: labels, ports: [{ name: 'http', port: 9898, targetPort: 'http' }] },
    },
  ];
  return Object.fromEntries(
    objects.map((object) => [`${name}/${object.kind.toLowerCase()}.yaml`, JSON.stringify(object)]),
  );
}

/** Delivers the above to the fleet of the walkthrough, each change tested. @param interval of its kustomization */
export function applicationOf(name: string, url: string, interval: string): Application {
  return {
    apiVersion: 'apps.kurator.dev/v1alpha1',
    kind: 'Application',
    metadata: { name, namespace: 'default' },
    spec: {
      source: { gitRepository: { url, interval: '5s', timeout: '60s', gitImplementation: 'go-git' } },
      syncPolicies: [
        {
          destination: { fleet: 'quickstart' },
          kustomization: { interval, path: `./${name}`, prune: true, force: false },
          rollout: {
            trafficRoutingProvider: 'istio',
            workload: { apiVersion: 'apps/v1', kind: 'Deployment', name, namespace: name },
            serviceName: name,
            port: 9898,
            rolloutPolicy: {
              trafficRouting: { analysisTimes: 3, timeoutSeconds: 60 },
              trafficAnalysis: { checkIntervalSeconds: 2, checkFailedTimes: 2 },
            },
          },
        },
      ],
    },
  };
}
