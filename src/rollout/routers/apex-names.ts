import type { Canary } from '../../api/canary.ts';

/** The names of the Services that routes send requests to. */
export interface ApexNames {
  readonly namespace: string;
  readonly apex: string;
  readonly primary: string;
  readonly canary: string;
}

export function apexNames({ metadata, spec }: Canary): ApexNames {
  const { namespace = '' } = metadata;
  const apex = spec.service?.name || spec.targetRef.name;
  return { namespace, apex, primary: `${apex}-primary`, canary: `${apex}-canary` };
}

/** Whether the host of a destination is the Service `name`: by its short name, or by one that names the namespace. */
export function isServiceHost(host: unknown, name: string, namespace: string): boolean {
  if (typeof host !== 'string') return false;
  const full = `${name}.${namespace}`;
  return host === name || host === full || host === `${full}.svc` || host.startsWith(`${full}.svc.`);
}
