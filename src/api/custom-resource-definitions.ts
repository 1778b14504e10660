import type { JsonObject } from '../machinery/json.ts';
import { alertProviderCrd } from './alert-provider.ts';
import { applicationCrd } from './application.ts';
import { attachedClusterCrd } from './attached-cluster.ts';
import { canaryCrd } from './canary.ts';
import { fleetCrd } from './fleet.ts';
import { metricTemplateCrd } from './metric-template.ts';

/** Definitions by the file in deploy/crds that has them. */
type Definitions = Readonly<Record<string, JsonObject>>;

/** The kinds of the rollout engine: every member has them. */
export const rolloutDefinitions: Definitions = {
  'flagger.app_alertproviders.yaml': alertProviderCrd,
  'flagger.app_canaries.yaml': canaryCrd,
  'flagger.app_metrictemplates.yaml': metricTemplateCrd,
};

/** The kinds of the manager: the host has them. */
export const fleetDefinitions: Definitions = {
  'apps.kurator.dev_applications.yaml': applicationCrd,
  'cluster.kurator.dev_attachedclusters.yaml': attachedClusterCrd,
  'fleet.kurator.dev_fleets.yaml': fleetCrd,
};

/** All kinds of the product. */
export const customResourceDefinitions: Definitions = { ...fleetDefinitions, ...rolloutDefinitions };
