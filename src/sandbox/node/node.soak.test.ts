import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { TestNode } from './test-node.test-double.ts';

const hour = 3600;

test(
  '20 pods, one of which crashes all the time, run for a day in flat memory',
  { timeout: 120_000 },
  async () => {
    const node = await new TestNode().start();
    const readinessProbe = { httpGet: { path: '/readyz', port: 8080 }, periodSeconds: 60 };
    const livenessProbe = { exec: { command: ['podcli', 'localhost:8080/healthz'] }, periodSeconds: 60 };
    for (let i = 0; i < 18; i += 1) await node.pod(`web-${i}`, { readinessProbe, livenessProbe });
    await node.pod('chatty', { image: 'chatty', args: ['20'] });
    await node.pod('crash', { image: 'crash' });

    await node.advance(8 * hour);
    const early = heapUsed();
    await node.advance(16 * hour);
    const late = heapUsed();

    expect(late - early).toBeLessThan(8 * 1024 * 1024);
    expect(node.problems).toEqual([]);
    const { restartCount } = (await node.get('crash')).status!.containerStatuses![0]!;
    // About one in five minutes.
    expect(restartCount).toBeGreaterThan(24 * 11);
    expect(restartCount).toBeLessThan(24 * 13);
    expect((await node.get('web-3')).status!.containerStatuses![0]).toMatchObject({
      ready: true,
      restartCount: 0,
    });
    await node.close();
  },
);

/** Bytes that are still reachable. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 4; i += 1) collect();
  return process.memoryUsage().heapUsed;
}
