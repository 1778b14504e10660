import { expect, test } from 'vitest';
import type { JsonObject } from '../machinery/json.ts';
import { nameHash } from './name-hash.ts';

const x200 = Buffer.from('x'.repeat(200))
  .toString('base64')
  .replaceAll(/.{1,70}/g, '$&\n');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

// Recorded from kubectl.
test.each<[expected: string, object: JsonObject]>([
  ['h29d89cmmt', { kind: 'ConfigMap', data: { a: '1' } }],
  ['59tt45427d', { kind: 'ConfigMap', data: { c: '<x>&y', b: 'q u', a: '1' } }],
  ['6ct58987ht', { kind: 'ConfigMap' }],
  [
    'tf82g88ktt',
    {
      kind: 'ConfigMap',
      data: { 'text.txt': 'line1\nline2 <b>&amp;</b> \u2028 end\n' },
      binaryData: { 'bin.dat': 'YmluAP/+' },
    },
  ],
  [
    '6ggk29bbf5',
    { kind: 'Secret', type: 'Opaque', data: { k: base64('v'), 'long.txt': x200, z: base64('<&>') } },
  ],
  [
    '8d224m6f8h',
    { kind: 'Secret', type: 'kubernetes.io/tls', data: { 'tls.crt': base64('b'), 'tls.key': base64('a') } },
  ],
  ['46f8b28mk5', { kind: 'Secret', type: 'Opaque', data: {} }],
])('%s', (expected, object) => {
  expect(nameHash({ ...object, metadata: { name: 'does not count' } })).toBe(expected);
});
