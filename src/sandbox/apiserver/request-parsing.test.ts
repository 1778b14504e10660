import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { duplicateKeys } from './duplicate-keys.ts';
import { negotiate } from './negotiation.ts';
import { parseRequestInfo } from './request-info.ts';
import { parseYamlDocument } from './yaml-document.ts';

describe('the path of a request', () => {
  const parse = (method: string, url: string) => {
    const [path = '', query = ''] = url.split('?');
    const info = parseRequestInfo(method, path, new URLSearchParams(query));
    if (info === undefined) return undefined;
    const { verb, group, version, namespace, resource, name, subresource } = info;
    return [verb, group, version, namespace, resource, name, subresource];
  };

  test.each([
    ['GET', '/api/v1/pods', ['list', '', 'v1', undefined, 'pods', undefined, '']],
    ['GET', '/api/v1/pods?watch=1', ['watch', '', 'v1', undefined, 'pods', undefined, '']],
    ['GET', '/api/v1/pods?watch=false', ['list', '', 'v1', undefined, 'pods', undefined, '']],
    ['GET', '/api/v1/namespaces/a/pods/b/log', ['get', '', 'v1', 'a', 'pods', 'b', 'log']],
    ['PUT', '/api/v1/namespaces/a/status', ['update', '', 'v1', undefined, 'namespaces', 'a', 'status']],
    ['DELETE', '/api/v1/namespaces/a', ['delete', '', 'v1', undefined, 'namespaces', 'a', '']],
    ['DELETE', '/apis/apps/v1/namespaces/a/x', ['deletecollection', 'apps', 'v1', 'a', 'x', undefined, '']],
    ['PATCH', '/apis/g/v1/x/a%2Fb', ['patch', 'g', 'v1', undefined, 'x', 'a/b', '']],
  ])('%s %s', (method, url, expected) => {
    expect(parse(method, url)).toEqual(expected);
  });

  test.each([
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/api/v1',
    '/healthz',
    '/api/v1//pods',
    '/api/v1/%zz',
    '',
  ])('%s is none of a resource', (path) => {
    expect(parse('GET', path)).toBeUndefined();
  });
});

describe('duplicate keys', () => {
  test.each([
    ['{"a":1,"a":2}', ['a']],
    ['{"a":{"b":1,"c":[{"d":1},{"d":1,"d":2}],"b":2}}', ['a.c[1].d', 'a.b']],
    [String.raw`{"a":1,"\u0061":2,"b":"\"a\":1,\"a\":2"}`, ['a']],
    ['{"a":{"x":1},"b":{"x":1},"c":["x","x"]}', []],
    ['[[1,[{"k":1,"k":[]}]]]', ['[0][1][0].k']],
    ['"text"', []],
  ])('of %s', (text, expected) => {
    expect(duplicateKeys(text)).toEqual(expected);
  });

  test('what JSON.stringify writes has none', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(duplicateKeys(text)).toEqual([]);
      }),
    );
  });
});

describe('YAML', () => {
  test('as YAML 1.1, without what JSON cannot hold', () => {
    const text = 'a: yes\nb: "yes"\nc: 2024-05-01\nd: 1:30\ne: {f: 0x10}\ng: &x [1]\nh: *x\n';
    expect(parseYamlDocument(text).value).toEqual({
      a: true,
      b: 'yes',
      c: '2024-05-01',
      d: '1:30',
      e: { f: 16 },
      g: [1],
      h: [1],
    });
  });

  test('the first duplicate key is named with its line; the last one counts', () => {
    const { value, duplicate } = parseYamlDocument('data:\n  k: "1"\n  k: "2"\n');
    expect(value).toEqual({ data: { k: '2' } });
    expect(duplicate).toContain('line 3: key "k" already set in map');
  });

  test.each(['[', `${'['.repeat(2000)}${']'.repeat(2000)}`, '&a [*a]', 'a: b: c', '"', '- a\nb: c'])(
    'refuses %.20s',
    (text) => {
      let value: unknown;
      try {
        ({ value } = parseYamlDocument(text));
      } catch (error) {
        expect(String(error)).toContain('error converting YAML to JSON: yaml: ');
        return;
      }
      // A list that holds itself is refused later, by its depth.
      expect(value).toEqual([value]);
    },
  );
});

describe('the wanted representation', () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';

  test.each([
    [undefined, 'application/json', undefined],
    ['*/*', 'application/json', undefined],
    ['application/vnd.kubernetes.protobuf,application/json', 'application/json', undefined],
    ['application/yaml, application/json;q=0.5', 'application/yaml', undefined],
    [`${table},application/json`, 'application/json', 'Table'],
    [`application/json;as=Table;v=v9;g=meta.k8s.io,application/json`, 'application/json', undefined],
    ['application/json;as=Picture;v=v1;g=meta.k8s.io, */*', 'application/json', undefined],
  ])('of Accept: %s', (accept, mediaType, as) => {
    expect(negotiate(accept)).toMatchObject({ mediaType, as });
  });

  test('or none', () => {
    expect(() => negotiate('text/html')).toThrow('only the following media types are accepted');
  });
});
