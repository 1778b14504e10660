import { TextDecoder } from 'node:util';
import { InvalidInputError } from '../../base/errors.ts';
import { parseFloatText } from './promql/go-values.ts';
import { type LabelPair, metricNameLabel } from './promql/labels.ts';

export interface ExpositionLimits {
  readonly maxBytes: number;
  readonly maxLineLength: number;
  readonly maxSamples: number;
}

export const defaultExpositionLimits: ExpositionLimits = {
  maxBytes: 32 * 1024 * 1024,
  maxLineLength: 64 * 1024,
  maxSamples: 100_000,
};

/** A line with a value. */
export interface ExpositionSample {
  /** Name and labels as they stand there: one text, one series. {@link parseSeries} takes it apart. */
  readonly series: string;
  readonly value: number;
  /** Milliseconds since the Unix epoch, where the line says so. */
  readonly timeMs: number | undefined;
}

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'unknown';

export interface Metadata {
  type: MetricType;
  help: string;
}

export interface Exposition {
  readonly samples: readonly ExpositionSample[];
  /** By metric name. */
  readonly metadata: ReadonlyMap<string, Readonly<Metadata>>;
}

function invalid(message: string): InvalidInputError {
  return new InvalidInputError(message, 'InvalidExposition');
}

/**
 * Reads metrics in Prometheus's text format (version 0.0.4), piece by piece.
 *
 * @throws InvalidInputError `InvalidExposition` for the first line that is not in the format, and beyond the limits
 */
export async function readExposition(
  chunks: AsyncIterable<Uint8Array>,
  limits: ExpositionLimits = defaultExpositionLimits,
): Promise<Exposition> {
  const samples: ExpositionSample[] = [];
  const metadata = new Map<string, Metadata>();
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let rest = '';
  let bytes = 0;

  function take(text: string, last: boolean): void {
    const lines = (rest + text).split('\n');
    rest = last ? '' : (lines.pop() ?? '');
    if (rest.length > limits.maxLineLength) throw lineTooLong(limits);
    for (const line of lines) {
      if (line.length > limits.maxLineLength) throw lineTooLong(limits);
      readLine(line, samples, metadata);
    }
    if (samples.length > limits.maxSamples)
      throw invalid(`more than ${limits.maxSamples} samples in one scrape`);
  }

  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > limits.maxBytes) throw invalid(`the body is larger than ${limits.maxBytes} bytes`);
    take(decode(decoder, chunk), false);
  }
  take(decode(decoder), true);
  return { samples, metadata };
}

function lineTooLong({ maxLineLength }: ExpositionLimits): InvalidInputError {
  return invalid(`a line is longer than ${maxLineLength} characters`);
}

function decode(decoder: TextDecoder, chunk?: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined });
  } catch {
    throw invalid('the body is not valid UTF-8');
  }
}

const directive = /^[ \t]*#[ \t]+(HELP|TYPE)[ \t]+([a-zA-Z_:][\w:]*)(?:[ \t](.*))?$/;

function readLine(line: string, samples: ExpositionSample[], metadata: Map<string, Metadata>): void {
  const start = line.trimStart();
  if (start === '') return;
  if (!start.startsWith('#')) {
    samples.push(readSample(line));
    return;
  }
  const [, keyword, name, text = ''] = directive.exec(line) ?? [];
  if (keyword === undefined || name === undefined) {
    const broken = /^[ \t]*#[ \t]+(HELP|TYPE)(?:[ \t]|$)/.exec(line)?.[1];
    if (broken !== undefined) throw invalid(`expected metric name after ${broken}`);
    return;
  }
  const known: Metadata = metadata.get(name) ?? { type: 'unknown', help: '' };
  metadata.set(name, known);
  if (keyword === 'TYPE') known.type = metricType(text);
  else known.help = text.replaceAll(/\\([\\n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : '\\'));
}

function metricType(text: string): MetricType {
  switch (text) {
    case 'counter':
    case 'gauge':
    case 'histogram':
    case 'summary':
      return text;
    case 'untyped':
      return 'unknown';
    default:
      throw invalid(`invalid metric type ${JSON.stringify(text)}`);
  }
}

const metricName = /[ \t]*[a-zA-Z_:][\w:]*[ \t]*/y;

/** This runs for every line of every scrape; labels are only looked at when a series is new. */
function readSample(line: string): ExpositionSample {
  const end = seriesEnd(line);
  const rest = line.slice(end).trim();
  const gap = rest.search(/[ \t]/);
  const value = gap === -1 ? rest : rest.slice(0, gap);
  const time = gap === -1 ? undefined : rest.slice(gap).trim();
  // Hexadecimal floats are none here.
  const number = /[pP]/.test(value) ? undefined : parseFloatText(value);
  if (number === undefined) throw invalid(`expected value after metric, got ${JSON.stringify(value)}`);
  if (time !== undefined && !/^-?\d{1,15}$/.test(time)) {
    throw invalid(`expected timestamp or new record, got ${JSON.stringify(time)}`);
  }
  return {
    series: line.slice(0, end),
    value: number,
    timeMs: time === undefined ? undefined : Number(time),
  };
}

/** Where name and labels end and the value begins. Neither value nor time can have a brace. */
function seriesEnd(line: string): number {
  metricName.lastIndex = 0;
  if (!metricName.test(line)) {
    throw invalid(`expected a metric name, got ${JSON.stringify(line.slice(0, 40))}`);
  }
  if (line[metricName.lastIndex] !== '{') return metricName.lastIndex;
  const brace = line.lastIndexOf('}');
  if (brace === -1) throw invalid(`expected "}" in ${JSON.stringify(line.slice(0, 80))}`);
  return brace + 1;
}

const label = /[ \t]*([a-zA-Z_]\w*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(,|$)/suy;

/**
 * The labels of a series as {@link ExpositionSample.series} has them; its name is the label `__name__`.
 * @throws InvalidInputError `InvalidExposition`
 */
export function parseSeries(series: string): LabelPair[] {
  const brace = series.indexOf('{');
  if (brace === -1) return [[metricNameLabel, series.trim()]];
  const pairs: LabelPair[] = [[metricNameLabel, series.slice(0, brace).trim()]];
  const body = series.slice(brace + 1, -1);
  label.lastIndex = 0;
  while (/[^ \t]/.test(body.slice(label.lastIndex))) {
    const at = label.lastIndex;
    const [, name, value] = label.exec(body) ?? [];
    if (name === undefined || value === undefined) {
      throw invalid(`expected label name and value, got ${JSON.stringify(body.slice(at, at + 40))}`);
    }
    if (pairs.some(([known]) => known === name)) throw invalid(`label name "${name}" is not unique`);
    pairs.push([name, unescapeLabel(value)]);
  }
  return pairs;
}

function unescapeLabel(value: string): string {
  return value.replaceAll(/\\(["\\n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}
