import type { RolloutCluster } from '../cluster.ts';
import type { Router } from '../effects.ts';
import { istioRouter, type IstioRouterOptions } from './istio-router.ts';
import { kubernetesRouter } from './kubernetes-router.ts';

/**
 * The router of a provider; undefined where it is not supported, also for `istio` in a cluster that does not serve
 * its kinds.
 */
export function routers(
  cluster: RolloutCluster,
  options: IstioRouterOptions,
): (provider: string) => Router | undefined {
  const kubernetes = kubernetesRouter();
  const { virtualServices, destinationRules } = cluster;
  const istio =
    virtualServices === undefined || destinationRules === undefined
      ? undefined
      : istioRouter({ virtualServices, destinationRules }, options);
  return (provider) => (provider === 'istio' ? istio : provider === 'kubernetes' ? kubernetes : undefined);
}
