import type { Canary } from '../../api/canary.ts';
import type { Rollout } from '../../api/application.ts';
import { rolloutFieldManager } from '../../gitops/sync/co-ownership.ts';
import { isObject, type JsonObject, own } from '../../machinery/json.ts';
import { fieldPath } from '../../machinery/managed-fields/field-path.ts';
import type { FieldSet } from '../../machinery/managed-fields/field-set.ts';
import { ownedBy } from '../../machinery/managed-fields/managed-fields.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';

/**
 * The targetPort of a rollout: that of its Service, as long as the engine has not taken over the ports. From then on
 * the Service says what the Canary says, and the Canary's stays.
 */
export function targetPortOf(
  { port }: Rollout,
  service: Unstructured,
  canary: Canary | undefined,
): string | number | undefined {
  const known = canary?.spec.service;
  if (known?.port === port && isTaken(service)) return known.targetPort;
  const found = portsOf(service).find((one) => own(one, 'port') === port);
  const target = found && own(found, 'targetPort');
  return typeof target === 'string' || typeof target === 'number' ? target : undefined;
}

/** Whether a Service would lose all its ports to a rollout: none of them is the rollout's. */
export function lacksPort({ port }: Pick<Rollout, 'port'>, service: Unstructured): boolean {
  return !isTaken(service) && !portsOf(service).some((one) => own(one, 'port') === port);
}

/** Numbers of the ports of a Service. */
export function portNumbers(service: Unstructured): readonly string[] {
  return portsOf(service).map((one) => JSON.stringify(own(one, 'port')));
}

function portsOf(service: Unstructured): readonly JsonObject[] {
  const spec = own(asJson(service), 'spec');
  const ports = isObject(spec) ? own(spec, 'ports') : undefined;
  return Array.isArray(ports) ? ports.filter(isObject) : [];
}

/** Whether the engine has written the ports, in whatever way. */
function isTaken(service: Unstructured): boolean {
  let fields: FieldSet = ownedBy(asJson(service), rolloutFieldManager);
  for (const element of fieldPath('spec', 'ports')) fields = fields.below(element);
  return !fields.isEmpty;
}
