import { isAlreadyExists, isNotFound } from '../../kube/api-error.ts';
import type { Client, ResourceKind } from '../../kube/resource-client.ts';
import type { JsonObject } from '../../machinery/json.ts';
import type { Unstructured } from '../../machinery/object.ts';
import { rolloutDefinitions } from '../../api/custom-resource-definitions.ts';

const definitionKind: ResourceKind = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

/**
 * Makes the kinds of the engine where they are absent. Those that are there stay: another version of ours, or
 * Flagger, may have brought them.
 *
 * @throws ApiError
 */
export async function ensureDefinitions(client: Client, signal: AbortSignal): Promise<void> {
  const definitions = client.resource(definitionKind);
  for (const definition of Object.values(rolloutDefinitions)) {
    const { name } = definition['metadata'] as JsonObject & { name: string };
    try {
      await definitions.get({ name }, { signal, metadataOnly: true });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await definitions.create(definition as Unstructured, { signal }).catch((refused: unknown) => {
        if (!isAlreadyExists(refused)) throw refused;
      });
    }
  }
}
