import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { InvalidInputError } from '../../base/errors.ts';
import type { Json, JsonObject } from '../json.ts';
import type { Schema } from '../schema.ts';
import { ApplyConflictError } from './conflict.ts';
import { applyConfiguration, trackUpdate } from './managed-fields.ts';

/**
 * Random conversations (null values, duplicates, wrong types, client-side apply and all), with what the field
 * manager of Kubernetes answered to each step.
 */
interface Recorded {
  schema: Schema;
  conversations: { deduced: boolean; steps: Step[] }[];
}
interface Step {
  op: 'apply' | 'update';
  manager: string;
  force: boolean;
  object: JsonObject;
  /** The stored object loses its managedFields after this step. */
  unmanage?: true;
  want: { object?: JsonObject; error?: string; causes?: { message: string; field: string }[] };
}

const recorded = JSON.parse(
  readFileSync(new URL('testdata/recorded.generated.json', import.meta.url), 'utf8'),
) as Recorded;

function withMetadata(object: JsonObject, change: JsonObject): JsonObject {
  return { ...object, metadata: { ...(object['metadata'] as JsonObject), ...change } };
}

function answer(live: JsonObject, step: Step, schema: Schema | undefined): Step['want'] {
  const common = { schema, manager: step.manager, now: '2026-01-01T00:00:00Z' };
  try {
    const object =
      step.op === 'apply'
        ? applyConfiguration({ ...common, live, applied: step.object, force: step.force }).object
        : trackUpdate({ ...common, before: live, after: withMetadata(step.object, { uid: 'u' }) });
    const stored = withMetadata(object, { uid: 'u' });
    if (step.unmanage === true) delete (stored['metadata'] as JsonObject)['managedFields'];
    return { object: stored };
  } catch (error) {
    if (error instanceof ApplyConflictError) {
      return {
        error: error.message,
        causes: error.conflicts.map(({ message, path }) => ({ message, field: path })),
      };
    }
    if (error instanceof InvalidInputError) return { error: error.message };
    throw error;
  }
}

/** The original lists causes and problems in the random order of Go's maps. */
function sorted(want: Step['want']): Json {
  const causes = want.causes?.map(({ message, field }) => `${field} ${message}`).sort();
  return [want.object ?? null, want.error?.split('\n').sort() ?? null, causes ?? null];
}

test('random conversations end as with the field manager of Kubernetes', () => {
  let steps = 0;
  for (const [i, { deduced, steps: all }] of recorded.conversations.entries()) {
    let live: JsonObject = { apiVersion: 'example.com/v1', kind: 'Gate' };
    for (const [j, step] of all.entries()) {
      const before = JSON.stringify([live, step]);
      const got = answer(live, step, deduced ? undefined : recorded.schema);
      expect({ i, j, got: sorted(got) }).toEqual({ i, j, got: sorted(step.want) });
      expect(JSON.stringify([live, step])).toBe(before);
      live = got.object ?? live;
      steps++;
    }
  }
  expect(steps).toBe(130);
});
