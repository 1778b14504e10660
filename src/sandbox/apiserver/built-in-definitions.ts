import { builtInKinds } from './builtin/all.ts';
import { customResourceDefinitions } from './crd/custom-resource-definition.ts';
import type { ResourceDefinition } from './resource-definition.ts';

export function builtInDefinitions(): readonly ResourceDefinition[] {
  return [...builtInKinds, customResourceDefinitions];
}
