import { jsonClone, own, type JsonObject } from '../../machinery/json.ts';
import { objectAt, objectsAt, textAt } from './fields.ts';

/** A ConfigMap or Secret that a pod uses. */
export interface ConfigReference {
  readonly kind: 'configmap' | 'secret';
  readonly name: string;
  readonly optional: boolean;
}

/** Where a pod spec names a config. */
interface Place {
  readonly kind: ConfigReference['kind'];
  readonly holder: JsonObject;
  readonly key: 'name' | 'secretName';
}

function* places(podSpec: JsonObject): Generator<Place> {
  for (const volume of objectsAt(podSpec, 'volumes')) {
    yield { kind: 'configmap', holder: objectAt(volume, 'configMap'), key: 'name' };
    yield { kind: 'secret', holder: objectAt(volume, 'secret'), key: 'secretName' };
    for (const source of objectsAt(objectAt(volume, 'projected'), 'sources')) {
      yield { kind: 'configmap', holder: objectAt(source, 'configMap'), key: 'name' };
      yield { kind: 'secret', holder: objectAt(source, 'secret'), key: 'name' };
    }
  }
  for (const container of [...objectsAt(podSpec, 'containers'), ...objectsAt(podSpec, 'initContainers')]) {
    for (const variable of objectsAt(container, 'env')) {
      const from = objectAt(variable, 'valueFrom');
      yield { kind: 'configmap', holder: objectAt(from, 'configMapKeyRef'), key: 'name' };
      yield { kind: 'secret', holder: objectAt(from, 'secretKeyRef'), key: 'name' };
    }
    for (const from of objectsAt(container, 'envFrom')) {
      yield { kind: 'configmap', holder: objectAt(from, 'configMapRef'), key: 'name' };
      yield { kind: 'secret', holder: objectAt(from, 'secretRef'), key: 'name' };
    }
  }
}

/** By `configmap/NAME` or `secret/NAME`. Of two references to one config, one that demands it wins. */
export function configReferences(podSpec: JsonObject): ReadonlyMap<string, ConfigReference> {
  const found = new Map<string, ConfigReference>();
  for (const { kind, holder, key } of places(podSpec)) {
    const name = textAt(holder, key);
    if (name === undefined) continue;
    const id = `${kind}/${name}`;
    const optional = own(holder, 'optional') === true && found.get(id)?.optional !== false;
    found.set(id, { kind, name, optional });
  }
  return found;
}

/** A copy of the pod spec that uses `NAME-primary` in place of each config of `ids`. */
export function withPrimaryConfigs(podSpec: JsonObject, ids: ReadonlySet<string>): JsonObject {
  const copy = jsonClone(podSpec);
  for (const { kind, holder, key } of places(copy)) {
    const name = textAt(holder, key);
    if (name !== undefined && ids.has(`${kind}/${name}`)) holder[key] = `${name}-primary`;
  }
  return copy;
}
