import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { formatTime, parseTime } from '../../../base/time.ts';
import { startTestCluster, type TestCluster } from '../cluster.test-double.ts';
import { type CronJob, cronJobKind, type Job, jobKind, type Pod, podKind } from '../kinds.ts';
import { isActive } from '../pods.ts';
import { Schedule } from './schedule.ts';

describe('a schedule', () => {
  const next = (schedule: string, after: string): string | undefined => {
    const at = Schedule.parse(schedule)?.next(parseTime(after));
    return at === undefined ? undefined : formatTime(at);
  };

  test.each([
    ['* * * * *', '2026-01-01T00:00:30Z', '2026-01-01T00:01:00Z'],
    ['*/15 * * * *', '2026-01-01T00:15:00Z', '2026-01-01T00:30:00Z'],
    ['30 4 * * *', '2026-01-01T05:00:00Z', '2026-01-02T04:30:00Z'],
    ['0 0 * * mon-fri', '2026-01-02T00:00:00Z', '2026-01-05T00:00:00Z'],
    ['0 0 13 * 5', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['@monthly', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'],
    ['0 12 * * 7', '2026-01-01T00:00:00Z', '2026-01-04T12:00:00Z'],
    ['0 0 30 2 *', '2026-01-01T00:00:00Z', undefined],
  ])('%s after %s is %s', (schedule, after, expected) => {
    expect(next(schedule, after)).toBe(expected);
  });

  test.each(['', '* * * *', '60 * * * *', '5-1 * * * *', '*/0 * * * *', '* * * foo *', '@never'])(
    '%s is none',
    (text) => {
      expect(Schedule.parse(text)).toBeUndefined();
    },
  );

  test('its times are whole minutes, later, and in the fields that it names', () => {
    const drawn = fc.record({
      minute: fc.nat({ max: 59 }),
      hour: fc.nat({ max: 23 }),
      after: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    });
    fc.assert(
      fc.property(drawn, ({ minute, hour, after }) => {
        const at = Schedule.parse(`${minute} ${hour} * * *`)?.next(after) ?? 0;
        expect(at).toBeGreaterThan(after);
        expect(at - after).toBeLessThanOrEqual(24 * 3_600_000);
        expect(at % 86_400_000).toBe((hour * 60 + minute) * 60_000);
      }),
    );
  });
});

describe('in a cluster', () => {
  let cluster: TestCluster;
  afterEach(async () => {
    await cluster.close();
    expect(cluster.errors).toEqual([]);
  });
  const cronJob = (spec: object = {}): CronJob => ({
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'tick', namespace: 'default' },
    spec: {
      schedule: '* * * * *',
      jobTemplate: {
        spec: {
          template: { spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: 'app:1' }] } },
        },
      },
      ...spec,
    },
  });
  const jobs = (): Promise<Job[]> => cluster.list<Job>(jobKind);
  const finishAll = async (): Promise<void> => {
    for (const pod of (await cluster.list<Pod>(podKind)).filter(isActive)) {
      await cluster.merge(podKind, pod.metadata.name ?? '', { status: { phase: 'Succeeded' } }, 'status');
    }
  };

  test('a Job starts each minute, and only so many finished ones are kept', async () => {
    cluster = await startTestCluster();
    await cluster.create(cronJobKind, cronJob({ successfulJobsHistoryLimit: 2 }));
    await cluster.clock.advance(10_000);
    expect(await jobs()).toEqual([]);
    for (let i = 0; i < 5; i += 1) {
      await cluster.clock.advance(60_000);
      await finishAll();
    }
    await cluster.clock.advance(1000);
    expect(await jobs()).toHaveLength(2);
    const { status } = await cluster.get<CronJob>(cronJobKind, 'tick');
    expect(status).toMatchObject({ lastScheduleTime: '2026-01-01T00:05:00Z' });
    expect(status).not.toHaveProperty('active');
    const events = await cluster.events('CronJob');
    expect(events[0]).toMatch(/^SuccessfulCreate Created job tick-\d+$/);
    expect(events[1]).toMatch(/^SawCompletedJob Saw completed job: tick-\d+, condition: Complete$/);
  });

  test.each([
    ['Forbid', 1],
    ['Replace', 1],
    ['Allow', 3],
  ])('what runs still is treated by the policy %s', async (concurrencyPolicy, expected) => {
    cluster = await startTestCluster();
    await cluster.create(cronJobKind, cronJob({ concurrencyPolicy }));
    await cluster.clock.advance(185_000);
    expect(await jobs()).toHaveLength(expected);
  });

  test('suspended, none starts', async () => {
    cluster = await startTestCluster();
    await cluster.create(cronJobKind, cronJob({ suspend: true }));
    await cluster.clock.advance(185_000);
    expect(await jobs()).toEqual([]);
  });
});
