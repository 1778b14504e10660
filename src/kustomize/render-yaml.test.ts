import fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderYaml } from './render-yaml.ts';
import { parseYamlDocuments } from './yaml-documents.ts';

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: fc.constantFrom(...Array.from(' \n\t\'":#-?&*!|>%@`[]{},~=.0159exabyon_')) }),
  fc.constantFrom('yes', 'null', '010', '1_000', '2001-01-01', '.nan', '---', '1:30', '<<'),
);

test('what is printed reads back as it was', () => {
  const value = fc.letrec((tie) => ({
    json: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.integer(),
      fc.boolean(),
      fc.array(tie('json'), { maxLength: 3 }),
      fc.dictionary(text, tie('json'), { maxKeys: 3 }),
    ),
  })).json;
  fc.assert(
    fc.property(value, (data) => {
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data };
      const [read] = parseYamlDocuments(renderYaml([object]), 'printed');
      expect(JSON.parse(JSON.stringify(read))).toEqual(JSON.parse(JSON.stringify(object)));
    }),
    { numRuns: 300 },
  );
});

test('objects come as kustomize prints them', () => {
  const object = {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name: 'a', labels: {} },
    data: {
      number: '1',
      version: '1.2.3',
      word: 'yes',
      empty: '',
      quote: "'",
      lines: 'a\nb\n',
      list: [{ b: 1, a: [] }],
    },
  };
  expect(renderYaml([object, object])).toBe(`${printed}---\n${printed}`);
});

const printed = `apiVersion: v1
data:
  empty: ""
  lines: |
    a
    b
  list:
  - a: []
    b: 1
  number: "1"
  quote: ''''
  version: 1.2.3
  word: "yes"
kind: ConfigMap
metadata:
  labels: {}
  name: a
`;
