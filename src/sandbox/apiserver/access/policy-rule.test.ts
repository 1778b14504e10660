import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PolicyRule } from './policy-rule.ts';
import { describeRules, missingRules, ruleAllows } from './policy-rule.ts';

const rule: PolicyRule = { verbs: [], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: [] };
const wanted = {
  verb: 'get',
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'a',
  name: 'x',
};
const readPods: PolicyRule = { ...rule, verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };

describe('a rule allows', () => {
  test('what it names, and nothing beside it', () => {
    expect(ruleAllows(readPods, wanted)).toBe(true);
    expect(ruleAllows(readPods, { ...wanted, verb: 'delete' })).toBe(false);
    expect(ruleAllows(readPods, { ...wanted, group: 'apps' })).toBe(false);
    expect(ruleAllows(readPods, { ...wanted, subresource: 'log' })).toBe(false);
    expect(ruleAllows({ ...readPods, resourceNames: ['y'] }, wanted)).toBe(false);
    expect(ruleAllows({ ...readPods, resourceNames: ['y'] }, { ...wanted, name: undefined })).toBe(false);
  });

  test('a subresource of anything', () => {
    const anyStatus = { ...readPods, resources: ['*/status'] };
    expect(ruleAllows(anyStatus, { ...wanted, subresource: 'status' })).toBe(true);
    expect(ruleAllows(anyStatus, wanted)).toBe(false);
  });

  test('paths, up to a star', () => {
    const urls = { ...rule, verbs: ['get'], nonResourceURLs: ['/healthz/*', '/version'] };
    expect(ruleAllows(urls, { verb: 'get', path: '/healthz/ping' })).toBe(true);
    expect(ruleAllows(urls, { verb: 'get', path: '/version' })).toBe(true);
    expect(ruleAllows(urls, { verb: 'get', path: '/version/x' })).toBe(false);
    expect(ruleAllows(urls, { verb: 'post', path: '/version' })).toBe(false);
  });
});

const some = (...values: string[]): fc.Arbitrary<string[]> =>
  fc.array(fc.constantFrom(...values), { minLength: 1, maxLength: 2 });
const rules = fc.record({
  verbs: some('get', 'list', '*'),
  apiGroups: some('', 'apps', '*'),
  resources: some('pods', 'pods/log', '*/log', '*'),
  resourceNames: fc.oneof(fc.constant([]), some('x', 'y')),
  nonResourceURLs: fc.constant([]),
});
const requests = fc.record({
  verb: fc.constantFrom('get', 'list', 'delete'),
  group: fc.constantFrom('', 'apps', 'batch'),
  version: fc.constant('v1'),
  resource: fc.constantFrom('pods', 'jobs'),
  subresource: fc.constantFrom('', 'log', 'status'),
  namespace: fc.constant('a'),
  name: fc.constantFrom('x', 'y', undefined),
});

test('who misses nothing of a rule may do all that the rule allows', () => {
  fc.assert(
    fc.property(fc.array(rules, { maxLength: 3 }), rules, requests, (held, given, request) => {
      if (missingRules(held, [given]).length > 0 || !ruleAllows(given, request)) return;
      expect(held.some((rule) => ruleAllows(rule, request))).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test('nobody misses what he has', () => {
  fc.assert(
    fc.property(fc.array(rules, { maxLength: 3 }), (held) => {
      expect(missingRules(held, held)).toEqual([]);
    }),
  );
});

test('what is missing is shown by resource', () => {
  const given = { ...readPods, apiGroups: ['', 'apps'], verbs: ['get', 'watch'] };
  expect(describeRules(missingRules([readPods], [given]))).toEqual([
    '{APIGroups:[""], Resources:["pods"], Verbs:["watch"]}',
    '{APIGroups:["apps"], Resources:["pods"], Verbs:["get" "watch"]}',
  ]);
});
