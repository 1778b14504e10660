import type { LoadResult } from './load.ts';

const bar = '■';
const bars = 40;
const buckets = 10;
const percentiles = [10, 25, 50, 75, 90, 95, 99];

/**
 * The summary of a load, in hey's layout to the last blank. What a Fetch does not show (name lookup, dialling,
 * writing) is zero.
 *
 * Source: requester/print.go and report.go of github.com/rakyll/hey v0.1.4.
 */
export function heySummary(result: LoadResult): string {
  const { latency, wait, read, status } = result.samples;
  const sorted = ascending(latency);
  const fastest = sorted[0] ?? 0;
  const slowest = sorted.at(-1) ?? 0;
  const size =
    result.bytes > 0 && latency.length > 0
      ? `\n  Total data:\t${result.bytes} bytes\n  Size/request:\t${Math.floor(result.bytes / latency.length)} bytes`
      : '';
  const unseen = latency.map(() => 0);
  return `
Summary:
  Total:\t${fixed4(result.seconds)} secs
  Slowest:\t${fixed4(slowest)} secs
  Fastest:\t${fixed4(fastest)} secs
  Average:\t${fixed4(average(latency))} secs
  Requests/sec:\t${fixed4(result.requests / result.seconds)}
  ${size}

Response time histogram:
${histogram(sorted)}

Latency distribution:${latencies(sorted)}

Details (average, fastest, slowest):
  DNS+dialup:\t${fixed4(average(unseen))} secs, ${fixed4(fastest)} secs, ${fixed4(slowest)} secs
  DNS-lookup:\t${detail(unseen)}
  req write:\t${detail(unseen)}
  resp wait:\t${detail(wait)}
  resp read:\t${detail(read)}

Status code distribution:${statusCodes(status)}

${errorLines(result.errors)}

`;
}

/** One line for each answered request, as hey's `-o csv` prints them. */
export function heyCsv({ samples }: LoadResult): string {
  const { latency, wait, read, status, offset } = samples;
  const zero = fixed4(0);
  const lines = latency.map((seconds, i) =>
    [
      fixed4(seconds),
      zero,
      zero,
      zero,
      fixed4(wait[i] ?? 0),
      fixed4(read[i] ?? 0),
      String(status[i] ?? 0),
      fixed4(offset[i] ?? 0),
    ].join(','),
  );
  const head = 'response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset';
  return `${[head, ...lines].join('\n')}\n`;
}

/** As Go's `%4.4f`. */
function fixed4(value: number): string {
  if (Number.isNaN(value)) return ' NaN';
  return Number.isFinite(value) ? value.toFixed(4) : '+Inf';
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}

function detail(values: readonly number[]): string {
  const sorted = ascending(values);
  return `${fixed4(average(values))} secs, ${fixed4(sorted[0] ?? 0)} secs, ${fixed4(sorted.at(-1) ?? 0)} secs`;
}

function histogram(sorted: readonly number[]): string {
  const fastest = sorted[0];
  const slowest = sorted.at(-1);
  if (fastest === undefined || slowest === undefined) return '';
  const width = (slowest - fastest) / buckets;
  const marks = Array.from({ length: buckets }, (_none, i) => fastest + width * i).concat(slowest);
  const counts = marks.map(() => 0);
  let at = 0;
  for (const value of sorted) {
    while (value > (marks[at] ?? 0) && at < buckets) at += 1;
    counts[at] = (counts[at] ?? 0) + 1;
  }
  const most = Math.max(...counts);
  return marks
    .map((mark, i) => {
      const count = counts[i] ?? 0;
      const length = Math.floor((count * bars + Math.floor(most / 2)) / most);
      return `  ${mark.toFixed(3)} [${count}]\t|${bar.repeat(length)}\n`;
    })
    .join('');
}

/** hey prints a percentile that it has no sample for, or a zero one, as `0% in 0.0000 secs`. */
function latencies(sorted: readonly number[]): string {
  if (sorted.length === 0) return '';
  const found: number[] = [];
  for (const [i, value] of sorted.entries()) {
    const percentile = percentiles[found.length];
    if (percentile === undefined) break;
    if (Math.floor((i * 100) / sorted.length) >= percentile) found.push(value);
  }
  return percentiles
    .map((percentile, i) => {
      const value = found[i] ?? 0;
      return `\n  ${value > 0 ? percentile : 0}% in ${fixed4(value)} secs`;
    })
    .join('');
}

function statusCodes(status: readonly number[]): string {
  const counts = new Map<number, number>();
  for (const code of status) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([code, count]) => `\n  [${code}]\t${count} responses`)
    .join('');
}

function errorLines(errors: ReadonlyMap<string, number>): string {
  if (errors.size === 0) return '';
  const lines = [...errors]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([message, count]) => `\n  [${count}]\t${message}`);
  return `Error distribution:${lines.join('')}`;
}
