import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import protobuf from 'protobufjs/minimal.js';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../machinery/json.ts';
import { decodeProtobuf, ProtobufError } from './decode.ts';

interface GoObject {
  readonly kind: string;
  /** Base64. */
  readonly protobuf: string;
  readonly json: JsonObject;
}

/** Objects full of random values, written by Kubernetes' own Go code (k8s.io/api 0.36.2) in both forms. */
const goObjects = JSON.parse(
  readFileSync(new URL('testdata/go-objects.generated.json', import.meta.url), 'utf8'),
) as GoObject[];

/** A body around the bytes of an object. */
function body(apiVersion: string, kind: string, raw: Uint8Array, contentType = ''): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(0x0a).fork();
  writer.uint32(0x0a).string(apiVersion).uint32(0x12).string(kind).ldelim();
  writer.uint32(0x12).bytes(raw).uint32(0x22).string(contentType);
  return Buffer.concat([Buffer.from('k8s\0'), writer.finish()]);
}

/** Go writes lists that are not there as null; in a request, null is absent. */
function withoutNull(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, inner: unknown) => inner ?? undefined));
}

test.each(goObjects)(
  'a $kind is what its client would have written in JSON',
  ({ protobuf: base64, json }) => {
    expect(withoutNull(decodeProtobuf(Buffer.from(base64, 'base64')))).toEqual(withoutNull(json));
  },
);

describe('a body', () => {
  test('may hold JSON', () => {
    expect(decodeProtobuf(body('v1', 'ConfigMap', Buffer.from('{"a":1}'), 'application/json'))).toEqual({
      a: 1,
    });
  });

  test('may hold options, whatever the group', () => {
    const raw = protobuf.Writer.create().uint32(0x08).int64(5).finish();
    expect(decodeProtobuf(body('example.com/v9', 'DeleteOptions', raw))).toEqual({
      apiVersion: 'example.com/v9',
      kind: 'DeleteOptions',
      gracePeriodSeconds: 5,
    });
  });

  test('may have fields that are not known yet', () => {
    const raw = protobuf.Writer.create()
      .uint32((900 << 3) | 2)
      .string('new')
      .finish();
    expect(decodeProtobuf(body('v1', 'ConfigMap', raw))).toEqual({ apiVersion: 'v1', kind: 'ConfigMap' });
  });

  test('may have any key', () => {
    const raw = protobuf.Writer.create().uint32(0x12).fork();
    raw.uint32(0x0a).string('__proto__').uint32(0x12).string('x').ldelim();
    const { data } = decodeProtobuf(body('v1', 'ConfigMap', raw.finish())) as { data: JsonObject };
    expect(Object.entries(data)).toEqual([['__proto__', 'x']]);
  });

  test.each([
    ['nothing', Buffer.alloc(0), 'does not appear to be a protobuf message'],
    ['JSON', Buffer.from('{}'), 'does not appear to be a protobuf message'],
    [
      'an unknown kind',
      body('v1', 'Nothing', Buffer.alloc(0)),
      'no kind "Nothing" is registered for version "v1"',
    ],
    ['an unknown version', body('__proto__', 'Pod', Buffer.alloc(0)), 'no kind "Pod" is registered'],
    [
      'another wire type',
      body('v1', 'ConfigMap', Buffer.from([0x08, 1])),
      'wrong wireType = 0 for field metadata',
    ],
    ['a length beyond the end', body('v1', 'ConfigMap', Buffer.from([0x0a, 0x7f])), 'unexpected EOF'],
    ['a group that never ends', body('v1', 'ConfigMap', Buffer.alloc(500, 0x7b)), 'not valid protobuf'],
    ['JSON that is none', body('v1', 'Pod', Buffer.from('{'), 'application/json'), 'not valid protobuf'],
    ['JSON that is no object', body('v1', 'Pod', Buffer.from('[]'), 'application/json'), 'not an object'],
  ])('of %s is refused', (_what, bytes, message) => {
    expect(() => decodeProtobuf(bytes)).toThrow(ProtobufError);
    expect(() => decodeProtobuf(bytes)).toThrow(message);
  });

  test('cannot nest without end', () => {
    // A schema (28: `not`) of a version (4: `schema`, 1: `openAPIV3Schema`) of a CRD (2: `spec`, 7: `versions`).
    let raw: Uint8Array = Buffer.alloc(0);
    const wrap = (field: number): void => {
      raw = protobuf.Writer.create()
        .uint32((field << 3) | 2)
        .bytes(raw)
        .finish();
    };
    for (let i = 0; i < 1000; i++) wrap(28);
    for (const field of [1, 4, 7, 2]) wrap(field);
    expect(() => decodeProtobuf(body('apiextensions.k8s.io/v1', 'CustomResourceDefinition', raw))).toThrow(
      'exceeded max depth',
    );
  });
});

test('damaged bodies are refused or read, never worse', () => {
  const bodies = goObjects.map(({ protobuf: base64 }) => Buffer.from(base64, 'base64'));
  fc.assert(
    fc.property(
      fc.constantFrom(...bodies),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 }),
      fc.nat(),
      (bytes, changes, cut) => {
        const damaged = Buffer.from(bytes.subarray(0, 4 + (cut % bytes.length)));
        for (const [at, value] of changes) damaged[4 + (at % damaged.length)] = value;
        thenReadOrRefused(damaged);
      },
    ),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => thenReadOrRefused(body('v1', 'Pod', raw))),
    { numRuns: 300 },
  );
});

function thenReadOrRefused(bytes: Uint8Array): void {
  try {
    expect(decodeProtobuf(bytes)).toBeTypeOf('object');
  } catch (error) {
    expect(error).toBeInstanceOf(ProtobufError);
  }
}
