import { canaryColumns, type CanaryRow, canaryRows, lastRun } from './canary-rows.ts';
import type { Kubectl } from './kubectl.ts';
import type { KubectlWatch } from './kubectl-watch.ts';

/** Something that was seen, and when. */
export interface Sight<T> {
  readonly at: number;
  readonly value: T;
}

export interface Weights {
  readonly primary: number;
  readonly canary: number;
}

export interface PodSight {
  readonly name: string;
  readonly images: string;
  readonly isReady: boolean;
}

/** Everything about one Canary, by kubectl's watches, from when it is made on. */
export class CanaryWatch {
  readonly name: string;
  readonly namespace: string;
  readonly #rows: KubectlWatch;
  /** `kubectl get canary -n NAMESPACE -w`, to the letter. */
  readonly table: KubectlWatch;
  readonly #routes: KubectlWatch;
  readonly #pods: KubectlWatch;
  readonly #primary: KubectlWatch;

  constructor(kubectl: Kubectl, namespace: string, name: string, kind = 'deployment') {
    this.name = name;
    this.namespace = namespace;
    const watch = (...args: readonly string[]): KubectlWatch =>
      kubectl.watch(['get', ...args, '-n', namespace, '-w']);
    const columns = (...args: readonly string[]): KubectlWatch =>
      watch(...args.slice(0, -1), '-o', `custom-columns=${args.at(-1)}`, '--no-headers');
    this.table = watch('canary');
    this.#rows = columns('canary', name, canaryColumns);
    this.#routes = columns('virtualservice', name, routeColumns);
    this.#pods = columns('pods', '-l', `app=${name}`, podColumns);
    this.#primary = columns(kind, `${name}-primary`, 'IMAGE:.spec.template.spec.containers[0].image');
  }

  /** All statuses so far. */
  get rows(): readonly CanaryRow[] {
    return canaryRows(this.#rows.lines);
  }

  /** Those of the latest rollout, and the one before it. */
  get run(): readonly CanaryRow[] {
    return lastRun(this.rows);
  }

  /** Waits until the last status is one of these. */
  until(phases: readonly string[], ms: number): Promise<CanaryRow> {
    return this.untilRow(({ phase }) => phases.includes(phase), ms, phases.join(' or '));
  }

  /** Waits until the last status is like this. */
  untilRow(isWanted: (row: CanaryRow) => boolean, ms: number, what: string): Promise<CanaryRow> {
    const find = (): CanaryRow | undefined => {
      const last = this.rows.at(-1);
      return last !== undefined && isWanted(last) ? last : undefined;
    };
    return this.#rows.until(find, ms, `Canary that is ${what}`);
  }

  /** Waits until a status is like this that comes after `count` others. */
  untilNew(
    count: number,
    isWanted: (row: CanaryRow) => boolean,
    ms: number,
    what: string,
  ): Promise<CanaryRow> {
    return this.#rows.until(() => this.rows.slice(count).find(isWanted), ms, `Canary that is ${what}`);
  }

  get weights(): readonly Sight<Weights>[] {
    return this.#routes.lines.map(({ at, cells }) => ({ at, value: weightsOf(cells, this.name) }));
  }

  get pods(): readonly Sight<PodSight>[] {
    return this.#pods.lines.map(({ at, cells: [name = '', images = '', ready = ''] }) => ({
      at,
      value: { name, images, isReady: ready !== '<none>' && !ready.includes('false') },
    }));
  }

  /** Images of the primary, one after the other. */
  get primaryImages(): readonly Sight<string>[] {
    return this.#primary.lines
      .map(({ at, cells: [value = ''] }) => ({ at, value }))
      .filter(({ value }, i, all) => value !== all[i - 1]?.value);
  }

  close(): void {
    for (const watch of [this.table, this.#rows, this.#routes, this.#pods, this.#primary]) watch.close();
  }
}

const routeColumns = 'HOSTS:.spec.http[0].route[*].destination.host,WEIGHTS:.spec.http[0].route[*].weight';
const podColumns =
  'NAME:.metadata.name,IMAGES:.spec.containers[*].image,READY:.status.containerStatuses[*].ready';

/** Reads hosts and weights that kubectl prints as `a,b 100,0`. */
export function weightsOf([hosts = '', weights = '']: readonly string[], name: string): Weights {
  const names = hosts.split(',');
  // A route without weight gets everything.
  const numbers = weights === '<none>' ? names.map(() => 100) : weights.split(',').map(Number);
  const of = (host: string): number => {
    const i = names.findIndex((found) => found === host || found.startsWith(`${host}.`));
    return i < 0 ? 0 : (numbers[i] ?? NaN);
  };
  return { primary: of(`${name}-primary`), canary: of(`${name}-canary`) };
}
