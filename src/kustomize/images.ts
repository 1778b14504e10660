import { isObject, own, setOwn, type Json } from '../machinery/json.ts';
import { sizeOf } from './budget.ts';
import type { Image } from './kustomization.ts';
import { gvkOfResource, type ResourceList } from './resource.ts';
import { compilePattern } from './selector.ts';

/** Sets names, tags and digests of the images of containers, wherever in an object containers stand. */
export function setImages({ all, budget }: ResourceList, images: readonly Image[], where: string): void {
  for (const image of images) {
    const isMeant = compilePattern(
      `^${image.name}(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?$`,
      `${where}: images: name ${image.name}`,
      budget,
    );
    for (const resource of all) {
      budget.spendWalks(sizeOf(resource.object), 1, where);
      if (gvkOfResource(resource).kind !== 'CustomResourceDefinition') setIn(resource.object, image, isMeant);
    }
  }
}

type TextTest = (text: string) => boolean;

function setIn(value: Json, image: Image, isMeant: TextTest): void {
  if (Array.isArray(value)) for (const item of value) setIn(item, image, isMeant);
  if (!isObject(value)) return;
  for (const [key, child] of Object.entries(value)) {
    if (key === 'containers' || key === 'initContainers') {
      for (const container of Array.isArray(child) ? child : []) setText(container, 'image', image, isMeant);
    } else if (key === 'volumes') {
      for (const volume of Array.isArray(child) ? child : []) {
        if (isObject(volume)) setText(own(volume, 'image'), 'reference', image, isMeant);
      }
    }
    setIn(child, image, isMeant);
  }
}

function setText(holder: Json | undefined, field: string, image: Image, isMeant: TextTest): void {
  if (!isObject(holder)) return;
  const text = own(holder, field);
  if (typeof text === 'string' && isMeant(text)) setOwn(holder, field, renamed(text, image));
}

function renamed(text: string, { newName = '', newTag = '', digest = '', tagSuffix = '' }: Image): string {
  const parts = splitImage(text);
  const name = newName === '' ? parts.name : newName;
  if (newTag !== '' && digest !== '') return `${name}:${newTag}@${digest}`;
  if (newTag !== '') return `${name}:${newTag}`;
  if (digest !== '') return `${name}@${digest}`;
  if (tagSuffix !== '') return `${name}:${parts.tag}${tagSuffix}`;
  return `${name}${parts.tag === '' ? '' : `:${parts.tag}`}${parts.digest === '' ? '' : `@${parts.digest}`}`;
}

/** A colon before the last slash belongs to a port. */
function splitImage(text: string): { readonly name: string; readonly tag: string; readonly digest: string } {
  const at = text.indexOf('@');
  const [rest, digest] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  const colon = rest.indexOf(':', rest.lastIndexOf('/') + 1);
  if (colon < 0) return { name: rest, tag: '', digest };
  return { name: rest.slice(0, colon), tag: rest.slice(colon + 1), digest };
}
