import { isObject, type Json } from '../machinery/json.ts';
import { buildError } from './build-error.ts';

/** Ten seconds at most, 15 MB of manifests, or 50 MB of copied text: the largest known repositories need a tenth. */
const maxWork = 5_000_000;

/**
 * What one build may still cost, in units of about a microsecond. A few lines that use each other (bases of bases,
 * aliases of aliases, patches of everything) can ask for more time and memory than any machine has.
 */
export class Budget {
  #left: number;

  constructor(work = maxWork) {
    this.#left = work;
  }

  /** @throws when more has been spent than there was */
  spend(work: number, where: string): void {
    this.#left -= work;
    if (this.#left < 0) {
      throw buildError(
        `${where}: the build takes more work than any may; it holds too much, or uses the same bases, patches or aliases over and over`,
      );
    }
  }

  /** A document of YAML starts. */
  spendDocument(where: string): void {
    this.spend(30, where);
  }

  /** A token of YAML on its way to a value. */
  spendToken(where: string): void {
    this.spend(2, where);
  }

  /** Each object of a list is looked at. */
  spendLooks(objects: number, where: string): void {
    this.spend(2 * objects, where);
  }

  /** A value, or text of this length, is copied `times` over. */
  spendCopies(size: number, times: number, where: string): void {
    this.spend((size * times) / 10, where);
  }

  /** Everything of a value is walked through. */
  spendWalks(size: number, times: number, where: string): void {
    this.spend(((100 + size) * times) / 100, where);
  }
}

/** Characters of a value as JSON, roughly. */
export function sizeOf(value: Json | undefined): number {
  let size = 8;
  if (typeof value === 'string') size += value.length;
  else if (Array.isArray(value)) for (const item of value) size += sizeOf(item);
  else if (isObject(value)) {
    for (const key of Object.keys(value)) size += key.length + sizeOf(value[key]);
  }
  return size;
}
