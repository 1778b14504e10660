import type { JsonObject } from '../machinery/json.ts';
import { alertProviderCrd } from './alert-provider.ts';
import { canaryCrd } from './canary.ts';
import { metricTemplateCrd } from './metric-template.ts';

/** All kinds of the product, by the file in deploy/crds that defines them. */
export const customResourceDefinitions: Readonly<Record<string, JsonObject>> = {
  'flagger.app_alertproviders.yaml': alertProviderCrd,
  'flagger.app_canaries.yaml': canaryCrd,
  'flagger.app_metrictemplates.yaml': metricTemplateCrd,
};
