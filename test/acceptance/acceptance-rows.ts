import { cleanup } from './cleanup.ts';
import { install } from './install.ts';
import { preparation } from './preparation.ts';
import { prose } from './prose.ts';
import { rollback } from './rollback.ts';
import { rollout } from './rollout.ts';
import type { Row } from './row.ts';

/** The whole list, in the order in which it runs. */
export const acceptanceRows: readonly Row[] = [
  ...preparation,
  ...install,
  ...rollout,
  ...rollback,
  ...cleanup,
  ...prose,
];
