import { TypedError } from '../../../base/errors.ts';

/** The query itself is wrong: it does not parse, or its types do not fit. */
export class PromqlParseError extends TypedError {
  constructor(message: string) {
    super(message, { code: 'PromqlInvalid', next: 'stalled' });
  }
}

/** The query is legal, but cannot be answered with the data at hand. */
export class PromqlExecutionError extends TypedError {
  constructor(message: string) {
    super(message, { code: 'PromqlExecution', next: 'stalled' });
  }
}

/** The query took too long. */
export class PromqlTimeoutError extends TypedError {
  constructor() {
    super('query timed out in expression evaluation', { code: 'PromqlTimeout', next: 'retry' });
  }
}

/** The caller went away. */
export class PromqlCancelledError extends TypedError {
  constructor() {
    super('query was canceled in expression evaluation', { code: 'Cancelled', next: 'terminal' });
  }
}
