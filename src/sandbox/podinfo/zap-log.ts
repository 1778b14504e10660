import { formatMicroTime } from '../../base/time.ts';

const severity = { debug: -1, info: 0, warn: 1, error: 2, panic: 4, fatal: 5 } as const;

export type ZapLevel = keyof typeof severity;

/** Writes one line: where in the real source it comes from, what happened, and its fields in their order. */
export type ZapLog = (
  level: ZapLevel,
  caller: string,
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

/** Lines of one message within a second after which only every hundredth is kept. */
const sampleAfter = 100;
const sampleEvery = 100;

/**
 * podinfo's log: zap's production encoder as JSON lines, sampled as zap samples. Stack traces are left out.
 *
 * Source: initZap in cmd/podinfo/main.go; zapcore/sampler.go.
 *
 * @param level unknown names mean `info`
 * @param now wall time in milliseconds
 */
export function zapLog(level: string, now: () => number, write: (text: string) => void): ZapLog {
  const least = Object.hasOwn(severity, level) ? severity[level as ZapLevel] : severity.info;
  const seen = new Map<string, { second: number; count: number }>();
  const sampled = (key: string, second: number): boolean => {
    const counter = seen.get(key);
    if (counter === undefined || counter.second !== second) {
      seen.set(key, { second, count: 1 });
      return true;
    }
    counter.count += 1;
    return counter.count <= sampleAfter || (counter.count - sampleAfter) % sampleEvery === 0;
  };
  return (lineLevel, caller, message, fields = {}) => {
    if (severity[lineLevel] < least) return;
    const ms = now();
    if (!sampled(`${lineLevel} ${message}`, Math.floor(ms / 1000))) return;
    const ts = `${formatMicroTime(ms).slice(0, 23)}Z`;
    write(`${JSON.stringify({ level: lineLevel, ts, caller, msg: message, ...fields })}\n`);
  };
}
