import { expect, test } from 'vitest';
import { linkSchemas, type Schema } from './schema.ts';

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

test('references become the schemas they name, recursive ones point back at themselves', () => {
  const { Node, Leaf } = linkSchemas({
    Node: {
      type: 'object',
      properties: { leaf: ref('Leaf'), children: { type: 'array', items: ref('Node') } },
    },
    Leaf: { type: 'string' },
  });
  expect(Node?.properties?.leaf).toBe(Leaf);
  expect(Node?.properties?.children?.items).toBe(Node);
});

test('what stands beside a reference is laid over it, and the schema itself stays as it is', () => {
  const { Spec, Selector } = linkSchemas({
    Spec: {
      properties: {
        selector: { allOf: [ref('Selector')], default: {}, 'x-kubernetes-patch-strategy': 'replace' },
      },
    },
    Selector: { type: 'object', properties: { labels: ref('Labels') } },
    Labels: { type: 'object', additionalProperties: { type: 'string' } },
  });
  const selector = Spec?.properties?.selector;
  expect(selector).toMatchObject({ type: 'object', default: {}, 'x-kubernetes-patch-strategy': 'replace' });
  expect(selector?.properties?.labels?.additionalProperties).toEqual({ type: 'string' });
  expect(Selector).not.toHaveProperty('default');
});

test('a schema that refers to itself with something beside is linked all the way down', () => {
  const { Props } = linkSchemas({
    Props: { type: 'object', properties: { not: { allOf: [ref('Props')], description: 'the opposite' } } },
  });
  const not = Props?.properties?.not;
  expect(not?.description).toBe('the opposite');
  expect(not?.properties?.not?.properties?.not?.type).toBe('object');
});

test.each(['#/components/schemas/None', '#/components/schemas/__proto__', 'http://elsewhere/'])(
  'an unknown reference is refused: %s',
  ($ref) => {
    expect(() => linkSchemas({ A: { properties: { b: { $ref } } } })).toThrow('unknown schema reference');
  },
);
