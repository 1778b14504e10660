import { expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { FetchError, memoryResponse } from '../base/fetch.ts';
import { MemoryNetwork } from '../base/memory-network.ts';
import { ApiDoor, type SandboxCall, withFaults } from './faults.ts';

/** A server whose answers never end. */
function endless(): { door: (faults?: (call: SandboxCall) => void) => ApiDoor; aborted: () => boolean } {
  let aborted = false;
  async function* values(signal: AbortSignal | undefined): AsyncGenerator {
    yield { type: 'ADDED' };
    await new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => {
        aborted = true;
        reject(signal.reason);
      });
    });
  }
  const server = {
    fetch: async (_url: string, init?: { readonly signal?: AbortSignal | undefined }) =>
      memoryResponse(200, {}, values(init?.signal)),
    upgrade: async () => Promise.reject(new FetchError('UpgradeRefused', 'no WebSockets here')),
  };
  return { door: (faults) => new ApiDoor('member', server, faults), aborted: () => aborted };
}

test('a door that is shut ends what is open and refuses what comes, until it is opened', async () => {
  const { door, aborted } = endless();
  const api = door();
  const { fetch } = api.for('node-1');
  const watch = (await fetch('https://server/watch')).jsonLines()[Symbol.asyncIterator]();
  expect(await watch.next()).toEqual({ done: false, value: { type: 'ADDED' } });
  const rest = watch.next();
  api.shut('the cable is cut');
  await expect(rest).rejects.toThrow('the cable is cut');
  expect(aborted()).toBe(true);
  await expect(fetch('https://server/')).rejects.toThrow('the cable is cut');
  api.open();
  expect((await fetch('https://server/')).status).toBe(200);
});

test('the hook sees who asks whom for what, and what it throws is the answer', async () => {
  const calls: SandboxCall[] = [];
  const { door } = endless();
  const { fetch } = door((call) => {
    calls.push(call);
    if (call.method === 'DELETE') throw new FetchError('Unreachable', 'lost');
  }).for('controllers');
  await fetch('https://server/a');
  await expect(fetch('https://server/b', { method: 'DELETE' })).rejects.toThrow('lost');
  expect(calls).toEqual([
    { from: 'controllers', to: 'member', method: 'GET', url: 'https://server/a' },
    { from: 'controllers', to: 'member', method: 'DELETE', url: 'https://server/b' },
  ]);
});

test('a hook that waits makes the request wait, between pods too', async () => {
  const clock = new VirtualClock();
  const hosts = new MemoryNetwork();
  await hosts.host('10.0.0.2').listen(80, { http: async () => memoryResponse(200, {}, [{}]) });
  const slow = withFaults(hosts.host('10.0.0.1'), 'webapp/frontend', () => clock.sleep(300));
  const startedAt = clock.monotonic();
  const response = await clock.run(slow.fetch('http://10.0.0.2/'));
  expect(response.status).toBe(200);
  expect(clock.monotonic() - startedAt).toBe(300);
});
