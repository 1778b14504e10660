import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { formatTime } from '../base/time.ts';
import { type CorrelatedEvent, EventCorrelator, type KubeEvent } from './event-correlator.ts';

const pod = {
  kind: 'Pod',
  name: 'my-pod',
  namespace: 'my-ns',
  uid: 'C934D34AFB20242',
  apiVersion: 'version',
  fieldPath: 'spec.containers{mycontainer}',
};

function eventOf(reason: string, message: string, involvedObject = pod): KubeEvent {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${involvedObject.name}.1`, namespace: involvedObject.namespace },
    involvedObject,
    reason,
    message,
    source: { component: 'kubelet', host: 'kublet.node1' },
    reportingComponent: 'kubelet',
    reportingInstance: 'kublet.node1',
    type: 'Normal',
    count: 1,
    firstTimestamp: '',
    lastTimestamp: '',
  };
}

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

const first = eventOf('first', 'i am first');
const duplicate = eventOf('duplicate', 'me again');
const unique = eventOf('unique', 'snowflake');
const similar = eventOf('similar', 'similar message', { ...pod, fieldPath: 'spec.containers{container1}' });
const inOtherContainer = {
  ...similar,
  involvedObject: { ...pod, fieldPath: 'spec.containers{container2}' },
};
const manySimilar = (count: number): KubeEvent[] =>
  times(count, (i) => ({ ...similar, message: `similar message-${i}-similar message` }));
const combined = '(combined from similar events): similar message';

interface Case {
  name: string;
  before: KubeEvent[];
  event: KubeEvent;
  everySeconds: number;
  /** Undefined: the event is spam. */
  expected: { message: string; count: number } | undefined;
}

/** The scenarios of client-go's TestEventCorrelator. */
const cases: Case[] = [
  {
    name: 'a single event is created',
    before: [],
    event: first,
    everySeconds: 5,
    expected: { message: 'i am first', count: 1 },
  },
  {
    name: 'the same event is counted',
    before: [duplicate],
    event: duplicate,
    everySeconds: 5,
    expected: { message: 'me again', count: 2 },
  },
  {
    name: 'the same event is counted, also more often than similar ones would be',
    before: times(10, () => duplicate),
    event: duplicate,
    everySeconds: 30,
    expected: { message: 'me again', count: 11 },
  },
  {
    name: 'the same event is spam if it comes too often',
    before: times(26, () => duplicate),
    event: duplicate,
    everySeconds: 1,
    expected: undefined,
  },
  {
    name: 'events of different objects are all created',
    before: times(30, (i) =>
      eventOf(`reason-${i}`, `message-${i}`, { ...pod, name: `pod-${i}`, namespace: `ns-${i}` }),
    ),
    event: unique,
    everySeconds: 5,
    expected: { message: 'snowflake', count: 1 },
  },
  {
    name: 'the tenth similar event is combined',
    before: manySimilar(9),
    event: similar,
    everySeconds: 5,
    expected: { message: combined, count: 1 },
  },
  {
    name: 'further similar events are counted on the combined one',
    before: manySimilar(10),
    event: similar,
    everySeconds: 5,
    expected: { message: combined, count: 2 },
  },
  {
    name: 'events of different containers are different ones',
    before: [inOtherContainer],
    event: similar,
    everySeconds: 5,
    expected: { message: 'similar message', count: 1 },
  },
  {
    name: 'similar events far apart are not combined',
    before: manySimilar(9),
    event: similar,
    everySeconds: 601,
    expected: { message: 'similar message', count: 1 },
  },
];

describe('correlating events', () => {
  test.each(cases)('$name', async ({ before, event, everySeconds, expected }) => {
    const clock = new VirtualClock();
    const correlator = new EventCorrelator(clock);
    const next = async (template: KubeEvent): Promise<CorrelatedEvent | undefined> => {
      await clock.advance(everySeconds * 1000);
      const now = formatTime(clock.now());
      const correlated = correlator.correlate(
        { ...template, firstTimestamp: now, lastTimestamp: now },
        ({ involvedObject }) => `${involvedObject.name}.2`,
      );
      if (correlated !== undefined) correlator.written(correlated, correlated.event);
      return correlated;
    };
    for (const earlier of before) await next(earlier);
    const result = (await next(event))?.event;

    if (expected === undefined) {
      expect(result).toBeUndefined();
      return;
    }
    expect(result).toMatchObject({ ...expected, reason: event.reason, involvedObject: event.involvedObject });
    expect(result?.lastTimestamp).toBe(formatTime(clock.now()));
    if (expected.count === 1) expect(result?.firstTimestamp).toBe(result?.lastTimestamp);
    else expect(result?.firstTimestamp).not.toBe(result?.lastTimestamp);
  });

  test('an object that had too many events gets one in five minutes', async () => {
    const clock = new VirtualClock();
    const correlator = new EventCorrelator(clock);
    const passes = (): boolean => correlator.correlate(duplicate, () => 'x') !== undefined;
    expect(times(30, passes).filter(Boolean)).toHaveLength(25);
    await clock.advance(299_000);
    expect(passes()).toBe(false);
    await clock.advance(1000);
    expect(passes()).toBe(true);
    expect(passes()).toBe(false);
    await clock.advance(10 * 3_600_000);
    expect(times(30, passes).filter(Boolean)).toHaveLength(25);
  });

  test('warnings have a budget of their own', () => {
    const correlator = new EventCorrelator(new VirtualClock());
    for (const _ of times(30, () => 0)) correlator.correlate(duplicate, () => 'x');
    expect(correlator.correlate({ ...duplicate, type: 'Warning' }, () => 'x')).toBeDefined();
  });
});
