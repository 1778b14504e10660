import type { JsonObject } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { revisionOf } from '../revision.ts';

type Checksums = Readonly<Record<string, string>>;

/** Revisions of cached objects, computed once for each version of an object and of its configs. */
export class Revisions {
  readonly #known = new WeakMap<KubeObject, { readonly configs: string; readonly revision: string }>();

  /** @param object as the cache has it: another version is another object */
  of(object: KubeObject, template: JsonObject, checksums: Checksums): string {
    const configs = JSON.stringify(checksums);
    const known = this.#known.get(object);
    if (known !== undefined && known.configs === configs) return known.revision;
    const revision = revisionOf(template, checksums);
    this.#known.set(object, { configs, revision });
    return revision;
  }
}
