import type { RE2JS } from 're2js';
import { isObject, own, setOwn, type Json, type JsonObject } from '../machinery/json.ts';
import type { Image } from './kustomization.ts';
import { gvkOfResource, type Resource } from './resource.ts';
import { compilePattern } from './selector.ts';

/** Sets names, tags and digests of the images of containers, wherever in an object containers stand. */
export function setImages(resources: readonly Resource[], images: readonly Image[], where: string): void {
  for (const image of images) {
    const pattern = compilePattern(
      `^${image.name}(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?$`,
      `${where}: images: name ${image.name}`,
    );
    for (const resource of resources) {
      if (gvkOfResource(resource).kind !== 'CustomResourceDefinition') setIn(resource.object, image, pattern);
    }
  }
}

function setIn(value: Json, image: Image, pattern: RE2JS): void {
  if (Array.isArray(value)) for (const item of value) setIn(item, image, pattern);
  if (!isObject(value)) return;
  for (const [key, child] of Object.entries(value)) {
    if (key === 'containers' || key === 'initContainers') {
      for (const container of Array.isArray(child) ? child : []) setText(container, 'image', image, pattern);
    } else if (key === 'volumes') {
      for (const volume of Array.isArray(child) ? child : []) {
        if (isObject(volume)) setText(own(volume, 'image'), 'reference', image, pattern);
      }
    }
    setIn(child, image, pattern);
  }
}

function setText(holder: Json | undefined, field: string, image: Image, pattern: RE2JS): void {
  if (!isObject(holder)) return;
  const text = own(holder, field);
  if (typeof text === 'string' && pattern.matcher(text).find()) setField(holder, field, renamed(text, image));
}

function setField(holder: JsonObject, field: string, value: string): void {
  setOwn(holder, field, value);
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
