import { getApplication, rolloutOf } from './application.ts';
import { type CanaryRow, checkPromotion, checkRollback } from './canary-rows.ts';
import type { CanaryWatch } from './canary-watch.ts';
import { check, checkMatch, checkSame, eventually } from './checks.ts';
import { imageOf, loaderPod, otherImage, setImage } from './deployments.ts';
import { hashPattern } from './expected.ts';
import { checkPromoted } from './install.ts';
import { checkNoTarget, weights } from './installed-objects.ts';
import type { Kubectl } from './kubectl.ts';
import { queryFrom } from './prometheus.ts';
import { analysisTimes, noticeMs, promotionMs, watchCanary, settled } from './canary-run.ts';
import { runOf, startRollout } from './rollout.ts';
import type { Row } from './row.ts';
import { at, listAt, textAt } from './values.ts';
import { applicationName, object } from './walkthrough.ts';
import { firstMember, type World } from './world.ts';

/** `checkFailedTimes` of the walkthrough. */
const threshold = 2;

/** 7.4: a new version fails, and is taken back. */
export const rollback: readonly Row[] = [
  { id: 'C1', title: 'a rollout, and a shell in the test loader', needs: ['A11'], run: openShell },
  { id: 'C2', title: 'errors and delays show in Prometheus', needs: ['C1'], run: makeTrouble },
  { id: 'C3', title: 'its rows in kubectl get canary -w', needs: ['C2'], run: rows },
  { id: 'C4', title: 'routes 100/0 from Failed on, the primary untouched', needs: ['C3'], run: routes },
  {
    id: 'C5',
    title: 'the new pods are gone',
    needs: ['C3'],
    run: async (world) => {
      await eventually(60_000, () => checkNoTarget(firstMember(world).kubectl));
      return 'backend has 0 replicas';
    },
  },
  {
    id: 'C6',
    title: 'the Application says Failed',
    needs: ['C3'],
    run: (world) => eventually(30_000, () => failed(world)),
  },
  {
    id: 'C7',
    title: 'Failed takes new versions, and not the promoted one',
    needs: ['C3'],
    run: afterFailure,
  },
  { id: 'C8', title: 'one failed check does not take it back', needs: ['A11'], run: oneFailure },
];

/** Our reading: `exec … -- sh`. Without `-c`, kubectl must not pick the sidecar. */
async function openShell(world: World): Promise<string> {
  const started = await startRollout(world);
  const { kubectl } = firstMember(world);
  const pod = await loaderPod(kubectl);
  const exec = ['exec', '-n', 'webapp', '-i', pod, '--', 'sh'];
  const said = await kubectl.text(exec, { input: 'which sh watch curl hey\nexit\n' });
  for (const program of ['sh', 'watch', 'curl', 'hey'])
    checkMatch('what which says', said, new RegExp(`/${program}$`, 'm'));
  const described = await kubectl.json('get', 'pod', pod, '-n', 'webapp');
  checkSame('the first container', at(described, 'spec', 'containers', 0, 'name'), 'loadtester');
  return `${started}; sh, watch, curl, hey in ${pod}`;
}

/** As the walkthrough: one terminal with errors, one with delays; here two of each. */
async function makeTrouble(world: World): Promise<string> {
  const { kubectl } = firstMember(world);
  const { watch } = runOf(world);
  await watch.untilRow(({ iterations }) => iterations >= 1, promotionMs(world), 'at its first iteration');
  const pod = await loaderPod(kubectl);
  for (const path of ['status/500', 'delay/1', 'status/500', 'delay/1']) {
    const loop = ['watch', '-n', '1', 'curl', '-s', `http://backend-canary.webapp:9898/${path}`];
    world.notes.background.push(kubectl.watch(['exec', '-n', 'webapp', pod, '--', ...loop]));
  }
  const seconds = Math.max(5, world.intervalMs / 1000);
  return eventually(3 * world.intervalMs + 20_000, async () => {
    const rate = await queryFrom(kubectl, pod, successRate(seconds));
    const p99 = await queryFrom(kubectl, pod, duration(seconds));
    check(rate < 99, `the success rate is ${rate}, not below 99`);
    check(p99 > 500, `P99 is ${p99} ms, not above 500`);
    return `success rate ${rate.toFixed(1)} %, P99 ${p99.toFixed(0)} ms`;
  });
}

const ofBackend =
  'reporter="destination",destination_workload_namespace="webapp",destination_workload="backend"';

function successRate(seconds: number): string {
  const total = `rate(istio_requests_total{${ofBackend}}[${seconds}s])`;
  const good = `rate(istio_requests_total{${ofBackend},response_code!~"5.*"}[${seconds}s])`;
  return `sum(${good}) / sum(${total}) * 100`;
}

function duration(seconds: number): string {
  const buckets = `rate(istio_request_duration_milliseconds_bucket{${ofBackend}}[${seconds}s])`;
  return `histogram_quantile(0.99, sum(${buckets}) by (le))`;
}

/** Our reading: Failed comes with the check that decides, and is written once. */
async function rows(world: World): Promise<string> {
  const { watch } = runOf(world);
  await watch.until(['Failed', 'Succeeded'], promotionMs(world));
  const said = checkRollback(watch.run, threshold, world.intervalMs);
  for (const command of world.notes.background) if (command !== watch) command.close();
  const count = watch.rows.length;
  await eventually(2 * world.intervalMs + 10_000, async () => {
    const last = watch.rows.at(-1)?.at ?? 0;
    check(Date.now() - last >= 2 * world.intervalMs, 'two intervals are not over yet');
  });
  checkSame('the number of rows two intervals later', watch.rows.length, count);
  return said;
}

async function routes(world: World): Promise<string> {
  const { watch, before } = runOf(world);
  const failedAt = watch.run.at(-1)?.at ?? 0;
  const since = watch.weights.filter(({ at: when }) => when >= failedAt).map(({ value }) => value);
  const split = await weights(firstMember(world).kubectl);
  checkSame('the weights now', split, { 'backend-primary': 100, 'backend-canary': 0 });
  check(
    since.every(({ primary }) => primary === 100),
    'the new version got requests after Failed',
  );
  const images = watch.primaryImages.map(({ value }) => value);
  checkSame('the images of backend-primary', images, [before]);
  return `100/0, ${before} all the time`;
}

async function failed(world: World): Promise<string> {
  const { name } = firstMember(world);
  const status = rolloutOf(await getApplication(world.host, applicationName), name);
  const { conditions, lastAppliedSpec, lastPromotedSpec, lastTransitionTime, ...rest } = object(status);
  const counters = { canaryWeight: 0, failedChecks: 0, iterations: 0, phase: 'Failed', trackedConfigs: {} };
  checkSame('the status', rest, counters);
  const [condition] = listAt(conditions);
  checkPromoted(condition, 'False', 'Failed', 'Canary analysis failed, Deployment scaled to zero.');
  // Our reading: what has not changed is not written again.
  checkSame('lastTransitionTime', lastTransitionTime, at(condition, 'lastTransitionTime'));
  checkMatch('lastAppliedSpec', lastAppliedSpec, hashPattern);
  check(lastAppliedSpec !== lastPromotedSpec, 'lastAppliedSpec is lastPromotedSpec');
  const before = textAt(rolloutOf(world.notes.application, name), 'lastPromotedSpec');
  checkSame('lastPromotedSpec', lastPromotedSpec, before);
  return `rejected ${textAt(status, 'lastAppliedSpec')}, still ${before}`;
}

async function afterFailure(world: World): Promise<string> {
  const { watch, before, image } = runOf(world);
  const { kubectl } = firstMember(world);
  const count = watch.rows.length;
  await setImage(kubectl, before);
  const quietMs = 2 * world.intervalMs;
  const started = await watch
    .untilNew(count, ({ phase }) => phase === 'Progressing', quietMs, 'Progressing')
    .catch(() => undefined);
  check(started === undefined, 'going back to the promoted image has started a rollout');
  await starts(world, kubectl, otherImage(before, image));
  await setImage(kubectl, before);
  await watch.until(settled, promotionMs(world));
  return 'the promoted image starts none, another image does';
}

async function starts(world: World, kubectl: Kubectl, image: string): Promise<void> {
  const { watch } = runOf(world);
  const count = watch.rows.length;
  await setImage(kubectl, image);
  await watch.untilNew(
    count,
    ({ phase }) => phase === 'Progressing',
    noticeMs(world),
    `Progressing with ${image}`,
  );
}

/** A burst of errors on the edge between two checks is seen by both, or by none. */
const mostBursts = 5;

/** One check fails, and the next ones pass. Whatever else a burst has brought about has to end as it should too. */
async function oneFailure(world: World): Promise<string> {
  const watch = await watchCanary(world);
  const counts: number[] = [];
  try {
    while (counts.length < mostBursts) {
      const { last, trouble } = await rolloutWithTrouble(world, watch);
      const failed = Math.max(...watch.run.map(({ failedChecks }) => failedChecks));
      checkSame(
        `the phase after ${failed} failed checks`,
        last.phase,
        failed < threshold ? 'Succeeded' : 'Failed',
      );
      if (failed === 1) {
        const said = checkPromotion(watch.run, { analysisTimes, intervalMs: world.intervalMs });
        return `${trouble}: ${said}`;
      }
      counts.push(failed);
    }
  } finally {
    watch.close();
  }
  throw new Error(`no rollout had one failed check; ${counts.length} rollouts had ${counts.join(', ')}`);
}

/**
 * With a load that begins with the first check, that one may have no values, and fails. Where it has some, there are errors
 * for a moment, right after a check, so that the next one alone sees them. The moment is longer than a scrape: Prometheus
 * counts errors from the second sample on.
 */
async function rolloutWithTrouble(
  world: World,
  watch: CanaryWatch,
): Promise<{ readonly last: CanaryRow; readonly trouble: string }> {
  const { kubectl } = firstMember(world);
  const running = ['deployment/backend-primary', 'deployment/backend'].map((name) => imageOf(kubectl, name));
  const image = otherImage(...(await Promise.all(running)));
  const pod = await loaderPod(kubectl);
  const count = watch.rows.length;
  await setImage(kubectl, image);
  const first = await watch.untilNew(
    count,
    ({ phase, iterations }) => iterations >= 1 || phase === 'Failed',
    promotionMs(world),
    'at its first iteration',
  );
  const isFine = first.phase === 'Progressing' && first.failedChecks === 0;
  if (isFine) {
    const burst = ['hey', '-z', '2s', '-q', '10', '-c', '2', 'http://backend-canary.webapp:9898/status/500'];
    await kubectl.text(['exec', '-n', 'webapp', pod, '--', ...burst]);
  }
  const last = await watch.until(['Succeeded', 'Failed'], promotionMs(world));
  return { last, trouble: isFine ? 'two seconds of errors' : 'a first check without values' };
}
