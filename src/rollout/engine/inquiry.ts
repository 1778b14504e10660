import { type LinkedAbort, linkAbort } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import { canonicalJson } from '../../base/hash.ts';
import type { Canary } from '../../api/canary.ts';
import type { Ask } from '../decision.ts';
import type { Checks, Hooks } from '../effects.ts';
import type { Answers } from '../observation.ts';

export interface InquiryOptions {
  readonly checks: Checks;
  readonly hooks: Hooks;
  readonly clock: Clock;
  /** Called when there is an answer: time to decide again. */
  readonly onAnswer: () => void;
  /** The end of everything. */
  readonly signal: AbortSignal;
}

const none: Answers = { hooks: {} };

/** An answer that a decision could not make use of for so long (the API server was away, say) is asked for anew. */
const longestAgeMs = 60_000;

/**
 * What hooks and metrics answer for one Canary. Questions run beside the reconciles, which go on noticing what
 * happens: one at a time, cut off when a decision no longer wants to know, or what it is about has changed.
 */
export class Inquiry {
  readonly #options: InquiryOptions;
  #answers: Answers = none;
  #answeredAt = 0;
  /** What the answers are about. */
  #subject = '';
  #running: { readonly question: string; readonly abort: LinkedAbort } | undefined;

  constructor(options: InquiryOptions) {
    this.#options = options;
  }

  /** @param subject names what is under test; with another one all that is known is worthless */
  answers(subject: string): Answers {
    const isOld = this.#options.clock.monotonic() - this.#answeredAt > longestAgeMs;
    if (subject !== this.#subject) this.clear();
    else if (this.#answers !== none && isOld) this.clear();
    this.#subject = subject;
    return this.#answers;
  }

  /** Finds out, in the background; nothing to do where that is under way. */
  ask(canary: Canary, ask: Ask): void {
    const question = canonicalJson(ask);
    if (this.#running?.question === question) return;
    this.stop();
    const abort = linkAbort(this.#options.signal);
    const running = { question, abort };
    this.#running = running;
    void this.#find(canary, ask, abort.signal).then((answers) => {
      abort[Symbol.dispose]();
      if (this.#running !== running) return;
      this.#running = undefined;
      this.#answers = answers;
      this.#answeredAt = this.#options.clock.monotonic();
      this.#options.onAnswer();
    });
  }

  /** Forgets all answers, and stops asking. */
  clear(): void {
    this.stop();
    this.#answers = none;
  }

  /** Stops asking. */
  stop(): void {
    this.#running?.abort.abort();
    this.#running = undefined;
  }

  /** Does not reject: what cannot be asked has not passed. */
  async #find(canary: Canary, ask: Ask, signal: AbortSignal): Promise<Answers> {
    const { checks, hooks } = this.#options;
    const known = this.#answers;
    if (ask.kind === 'hooks') {
      const results = await hooks.call(canary, ask, signal).catch((error: unknown) => {
        return [{ name: ask.type, passed: false, error: errorMessage(error) }];
      });
      return { ...known, hooks: { ...known.hooks, [ask.type]: results } };
    }
    if (ask.kind === 'metrics') {
      const metrics = await checks.metrics(canary, signal).catch((error: unknown) => {
        return { verdict: 'unavailable' as const, message: errorMessage(error) };
      });
      return { ...known, metrics };
    }
    const probe = await checks.probe(canary, signal).catch((error: unknown) => {
      return { error: errorMessage(error) };
    });
    return { ...known, probe };
  }
}
