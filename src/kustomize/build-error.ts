import { InvalidInputError } from '../base/errors.ts';

/** A kustomization cannot be built; `message` names the file and what is wrong with it. */
export function buildError(message: string, cause?: unknown): InvalidInputError {
  return new InvalidInputError(message, 'BuildFailed', cause);
}

/** A kustomization asks for something that is deliberately, or not yet, done. */
export function unsupported(message: string): InvalidInputError {
  return new InvalidInputError(message, 'BuildUnsupported');
}
