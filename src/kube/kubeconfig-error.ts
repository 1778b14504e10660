import type { ErrorCode } from '../base/error-codes.ts';
import { InvalidInputError } from '../base/errors.ts';

/** Something in a kubeconfig that cannot work. Names the field, never its value. */
export function invalidKubeconfig(why: string, code: ErrorCode = 'InvalidKubeconfig'): InvalidInputError {
  return new InvalidInputError(why, code);
}
