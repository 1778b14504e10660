import { expect, test } from 'vitest';
import type { HttpRequest } from '../../base/network.ts';
import { answerServerInfo } from './server-info.ts';
import { smallRegistry } from './served-kinds.test-double.ts';

const registry = smallRegistry();

function get(url: string, method = 'GET') {
  const request: HttpRequest = {
    method,
    url,
    headers: {},
    remoteAddress: '127.0.0.1',
    signal: new AbortController().signal,
    async *body() {},
  };
  return answerServerInfo(request, registry);
}

test.each(['/healthz', '/livez', '/readyz', '/livez/ping'])('%s says ok', async (url) => {
  const response = get(url);
  expect(response?.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(await response?.text()).toBe('ok');
});

test('a verbose probe lists its checks and ends with a summary', async () => {
  expect(await get('/readyz?verbose&exclude=etcd&exclude=nope')?.text()).toBe(
    '[+]ping ok\n[+]log ok\n[+]etcd excluded: ok\n' +
      'warn: some health checks cannot be excluded: no matches for "nope"\nreadyz check passed\n',
  );
});

test('/version names a Kubernetes that clients know how to compare', async () => {
  expect(await get('/version?timeout=5s')?.json()).toMatchObject({
    major: '1',
    minor: '36',
    gitVersion: expect.stringMatching(/^v1\.36\.\d+/) as string,
  });
});

test('the root lists the paths', async () => {
  const document = await get('/')?.json();
  const { paths } = document as { paths: string[] };
  expect(paths).toEqual(
    expect.arrayContaining(['/api/v1', '/apis/apps', '/apis/apps/v1', '/livez/ping', '/version']),
  );
  expect(paths).toEqual(paths.toSorted());
});

test.each(['/livez/nope', '/livezz', '/versions', '/api'])('%s belongs to others', (url) => {
  expect(get(url)).toBeUndefined();
  expect(get('/version', 'POST')).toBeUndefined();
});
