import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../base/errors.ts';
import { type QueryModel, renderQuery } from './query-template.ts';

const model: QueryModel = {
  name: 'podinfo',
  namespace: 'test',
  target: 'podinfo-app',
  service: 'podinfo-svc',
  ingress: 'podinfo-ing',
  route: 'podinfo-route',
  interval: '1m',
  variables: { team: 'a', empty: '', größe: '1' },
};

describe('a query template', () => {
  test.each([
    ['up', 'up'],
    ['{{ name }}/{{namespace}}/{{ target }}', 'podinfo/test/podinfo-app'],
    [
      '{{ service }} {{ ingress }} {{ route }} [{{ interval }}]',
      'podinfo-svc podinfo-ing podinfo-route [1m]',
    ],
    ['{{ variables.team }}{{variables.empty}}{{ variables.größe }}', 'a1'],
    ['a \n {{- name -}} \t b', 'apodinfob'],
    ['a {{- /* eats */ -}} b', 'ab'],
    ['a{{/* a }} in a comment */}}b', 'ab'],
    ['a }} b', 'a }} b'],
    ['{{\n name\n}}', 'podinfo'],
    ['\u00A0{{- name }}', '\u00A0podinfo'],
  ])('%j is %j', (template, rendered) => {
    expect(renderQuery(template, model)).toBe(rendered);
  });

  test.each([
    ['{{ variables.none }}', 'template: line 1: map has no entry for key "none"'],
    ['{{ variables.constructor }}', 'template: line 1: map has no entry for key "constructor"'],
    ['a\n{{ name', 'template: line 2: unclosed action'],
    ['{{/* a', 'template: line 1: unclosed comment'],
    ['{{/* a */ name }}', 'template: line 1: comment ends before closing delimiter'],
    ['{{ }}', 'template: line 1: missing value for command'],
    ['{{-}}', /"-" is not supported/],
    ['{{ .Values }}', /"\.Values" is not supported; want one of name, namespace, .*, variables\.KEY/],
    ['{{ if name }}x{{ end }}', /"if name" is not supported/],
    ['{{ variables.team.x }}', /is not supported/],
    ['{{ name | upper }}', /is not supported/],
  ])('%j is refused', (template, message) => {
    expect(() => renderQuery(template, model)).toThrow(InvalidInputError);
    expect(() => renderQuery(template, model)).toThrow(message);
  });

  test('never throws anything but its own error, and never keeps an action', () => {
    const part = fc.constantFrom(
      '{{',
      '}}',
      '-',
      ' ',
      '\n',
      '/*',
      '*/',
      'name',
      'variables.',
      'team',
      '{',
      '}',
      'x',
    );
    const template = fc.oneof(
      fc.array(part).map((parts) => parts.join('')),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(template, (text) => {
        try {
          expect(renderQuery(text, model)).not.toContain('{{');
        } catch (error) {
          if (!(error instanceof InvalidInputError)) throw error;
          expect(error.code).toBe('InvalidQueryTemplate');
        }
      }),
      { numRuns: 200 },
    );
  });

  test('is bounded, whatever variables multiply', () => {
    const big = { ...model, variables: { big: 'x'.repeat(100_000) } };
    expect(() => renderQuery('{{ variables.big }}'.repeat(3), big)).toThrow('longer than');
  });
});
