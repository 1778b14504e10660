import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TestServer, configMapOf } from './test-server.test-double.ts';

const url = '/api/v1/namespaces/ns/configmaps';

describe('the handler', () => {
  test('serves what is in the registry, at the moment of the request', async () => {
    const server = new TestServer();
    const definition = server.registry.get('example.com', 'v1', 'widgets');
    const widgets = '/apis/example.com/v1/namespaces/ns/widgets';
    expect((await server.send('GET', widgets)).status).toBe(200);
    if (definition !== undefined) server.registry.remove(definition);
    expect(await server.send('GET', widgets)).toMatchObject({ status: 404, body: '404 page not found\n' });
  });

  test.each([
    ['POST', `${url}/x`],
    ['PUT', url],
    ['PATCH', url],
    ['POST', '/api/v1/configmaps'],
    ['DELETE', '/api/v1/configmaps'],
    ['DELETE', '/api/v1/namespaces'],
    ['DELETE', '/apis/apps/v1/namespaces/ns/deployments/x/status'],
    ['BREW', url],
  ])('%s %s is not allowed', async (method, at) => {
    const { status, body } = await new TestServer().send(method, at);
    expect(status).toBe(405);
    expect(body).toMatchObject({ kind: 'Status', reason: 'MethodNotAllowed', code: 405 });
  });

  test.each([
    '/api/v1/configmaps/x',
    '/apis/apps/v1/namespaces/ns/gadgets/x',
    '/apis/apps/v2/namespaces/ns/deployments',
    `${url}/x/status`,
    `${url}/x/y/z`,
    '/api/v1/namespaces/ns//configmaps',
    '/api/v1/namespaces/ns/configmaps/%zz',
    '/nowhere',
    '/',
    '',
  ])('nobody serves %s', async (at) => {
    expect((await new TestServer().send('GET', at)).status).toBe(404);
  });

  test('speaks YAML to those who ask for it, errors included', async () => {
    const server = new TestServer();
    await server.send('POST', url, configMapOf('a', { k: '1' }));
    const yaml = { accept: 'application/yaml' };
    const found = await server.send('GET', `${url}/a`, undefined, yaml);
    expect(found.headers.get('content-type')).toBe('application/yaml');
    expect(found.body).toContain('k: "1"');
    expect((await server.send('GET', `${url}/b`, undefined, yaml)).body).toContain('reason: NotFound');
  });

  test('takes the first acceptable type, or says which there are', async () => {
    const server = new TestServer();
    const accept = (value: string) => server.send('GET', url, undefined, { accept: value });
    expect((await accept('application/vnd.example, application/json;q=0.9')).status).toBe(200);
    expect(await accept('text/html')).toMatchObject({ status: 406, body: { reason: 'NotAcceptable' } });
    const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    expect((await accept(table)).status).toBe(406);
    expect((await accept(`${table},application/json`)).status).toBe(406);
  });

  test('a defect is a 500 for one request and an error in the log', async () => {
    const server = new TestServer({
      transform: () => {
        throw new Error('broken');
      },
    });
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
    const { status, body } = await server.send('GET', url, undefined, headers);
    expect(status).toBe(500);
    expect(body).toMatchObject({ reason: 'InternalError', message: 'Internal error occurred: broken' });
    expect(server.errors).toHaveLength(1);
    expect((await server.send('GET', url)).status).toBe(200);
  });

  test('objects in this process are handed out as they are stored', async () => {
    const server = new TestServer();
    const created = await server.send('POST', url, configMapOf('a'));
    const read = await server.send('GET', `${url}/a`);
    expect(read.body).toBe(created.body);
  });
});

describe('nothing that a client sends makes the server fail', () => {
  const word = fc.oneof(
    fc.constantFrom(
      'api',
      'apis',
      'v1',
      'apps',
      'namespaces',
      'ns',
      'configmaps',
      'deployments',
      'a',
      'status',
      'scale',
    ),
    fc.constantFrom(
      'example.com',
      'widgets',
      'pods',
      'finalize',
      '__proto__',
      'constructor',
      '..',
      '%2e%2e',
      '%',
    ),
    fc.string({ maxLength: 5 }),
  );
  const path = fc.array(word, { maxLength: 8 }).map((parts) => `/${parts.join('/')}`);
  const query = fc.dictionary(
    fc.constantFrom(
      'labelSelector',
      'fieldSelector',
      'limit',
      'continue',
      'resourceVersion',
      'resourceVersionMatch',
      'sendInitialEvents',
      'dryRun',
      'fieldManager',
      'fieldValidation',
      'force',
      'gracePeriodSeconds',
      'propagationPolicy',
      'timeoutSeconds',
      'includeObject',
    ),
    fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom(
        'true',
        '0',
        '-1',
        '1e9',
        'All',
        'Strict',
        'Exact',
        'Orphan',
        'a=b',
        'metadata.name=a',
        '__proto__',
      ),
      fc.nat().map(String),
    ),
    { maxKeys: 4 },
  );
  const method = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD');
  const contentType = fc.constantFrom(
    'application/json',
    'application/yaml',
    'application/merge-patch+json',
    'application/json-patch+json',
    'application/strategic-merge-patch+json',
    'application/apply-patch+yaml',
    'application/vnd.kubernetes.protobuf',
    'text/plain',
    '',
  );

  async function expectAnswer(
    server: TestServer,
    at: string,
    how: string,
    body?: unknown,
    type = 'application/json',
  ): Promise<void> {
    const { status, body: answer } = await server.send(how, at, body, { 'content-type': type });
    expect(status, `${how} ${at} ${JSON.stringify(body)}`).toBeGreaterThanOrEqual(200);
    // The real server blames itself for these.
    if (status >= 500)
      expect(answer.message).toMatch(/typed patch object|should not be set|patch|resource version/);
    expect(server.errors).toEqual([]);
  }

  test('paths and queries', async () => {
    await fc.assert(
      fc.asyncProperty(method, path, query, async (how, at, parameters) => {
        await expectAnswer(new TestServer(), `${at}?${new URLSearchParams(parameters).toString()}`, how);
      }),
      { numRuns: 300 },
    );
  });

  test('bodies of any type at any place', async () => {
    const targets = fc.constantFrom(
      url,
      `${url}/a`,
      '/api/v1/namespaces',
      '/api/v1/namespaces/ns',
      '/apis/apps/v1/namespaces/ns/deployments/d',
      '/apis/apps/v1/namespaces/ns/deployments/d/scale',
      '/apis/apps/v1/namespaces/ns/deployments/d/status',
      '/apis/example.com/v1/namespaces/ns/widgets',
      '/apis/example.com/v1/namespaces/ns/widgets/w',
    );
    const names = fc.constantFrom(
      'metadata',
      'name',
      'labels',
      'data',
      'spec',
      'status',
      'kind',
      'finalizers',
      '$patch',
    );
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom('a', 'd', 'w', '', null, 1, -1, 1.5, true, 'ConfigMap', 'v1', '__proto__', 'delete'),
        fc.dictionary(
          fc.oneof(names, fc.constantFrom('__proto__', 'ownerReferences', 'op', 'path')),
          tie('value'),
          {
            maxKeys: 4,
          },
        ),
        fc.array(tie('value'), { maxLength: 3 }),
      ),
    })).value;
    await fc.assert(
      fc.asyncProperty(
        method,
        targets,
        value,
        contentType,
        fc.boolean(),
        async (how, at, body, type, asText) => {
          const server = new TestServer();
          await server.send('POST', url, configMapOf('a', { k: 'v' }));
          await server.send('POST', '/apis/apps/v1/namespaces/ns/deployments', {
            metadata: { name: 'd' },
            spec: {},
          });
          await server.send('POST', '/apis/example.com/v1/namespaces/ns/widgets', {
            metadata: { name: 'w' },
          });
          await expectAnswer(server, `${at}?fieldManager=m`, how, asText ? JSON.stringify(body) : body, type);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('texts that are no documents', async () => {
    const texts = fc.oneof(
      fc.string(),
      fc.constantFrom('{', '[{', '{"a":', '&a [*a]', '"', 'a: b: c', '!!js/x 1', '\0'),
    );
    await fc.assert(
      fc.asyncProperty(method, texts, contentType, async (how, text, type) => {
        await expectAnswer(new TestServer(), `${url}${how === 'POST' ? '' : '/a'}`, how, text, type);
      }),
      { numRuns: 300 },
    );
  });

  test('documents that are too deep or too large', async () => {
    const server = new TestServer();
    const deep = `${'{"data":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    for (const type of ['application/json', 'application/yaml']) {
      expect((await server.send('POST', url, deep, { 'content-type': type })).status).toBe(400);
    }
    const round: Record<string, unknown> = {};
    round['round'] = round;
    expect((await server.send('POST', url, round)).status).toBe(400);
    const large = await server.send('POST', url, `"${'x'.repeat(4 * 1024 * 1024)}"`);
    expect(large).toMatchObject({ status: 413, body: { reason: 'RequestEntityTooLarge' } });
    const laughs = 'a: &a [x,x,x,x,x,x,x,x,x,x]\n'.concat(
      ...Array.from({ length: 12 }, (_, i) => {
        const [from, to] = [String.fromCodePoint(97 + i), String.fromCodePoint(98 + i)];
        return `${to}: &${to} [${Array.from({ length: 10 }, () => `*${from}`).join(',')}]\n`;
      }),
    );
    expect((await server.send('POST', url, laughs, { 'content-type': 'application/yaml' })).status).toBe(400);
    expect(server.errors).toEqual([]);
  });
});
