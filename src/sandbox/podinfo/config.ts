import { parseDuration } from '../../base/duration.ts';
import { errorMessage } from '../../base/errors.ts';

/** What podinfo runs with. Durations are milliseconds. */
export interface PodinfoConfig {
  readonly version: string;
  readonly revision: string;
  readonly hostname: string;
  readonly host: string;
  readonly port: number;
  readonly portMetrics: number;
  readonly grpcPort: number;
  readonly level: string;
  readonly backendUrls: readonly string[];
  readonly httpClientTimeoutMs: number;
  readonly httpServerTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly dataPath: string;
  readonly configPath: string;
  readonly uiLogo: string;
  readonly uiColor: string;
  readonly uiMessage: string;
  readonly jwtSecret: string;
  readonly cacheServer: string;
  readonly randomDelay: boolean;
  readonly randomDelayUnit: string;
  readonly randomDelayMin: number;
  readonly randomDelayMax: number;
  readonly randomError: boolean;
  readonly unhealthy: boolean;
  readonly unready: boolean;
}

/** The command line asks for an answer instead of a server. */
export interface EarlyExit {
  readonly code: number;
  readonly text: string;
}

type Kind = 'string' | 'int' | 'bool' | 'duration' | 'strings';

interface Flag {
  readonly kind: Kind;
  readonly value: string;
}

/** Commits of releases, as their images report them; other images were built without one. */
const revisions: ReadonlyMap<string, string> = new Map([
  ['6.7.1', '6b7aab8a10d6ee8b895b0a5048f4ab0966ed29ff'],
  ['6.9.0', 'fb3b01be30a3f353b221365cd3b4f9484a0885ea'],
  ['6.9.2', 'e86405a8674ecab990d0a389824c7ebbd82973b5'],
  ['6.14.0', 'a30fa3224289a3f3e413157104dee8844e329926'],
  ['6.15.0', 'dd507173b7b75b2312a36cabe0de5f09c1ce69c8'],
]);

/** Source: cmd/podinfo/main.go. */
function flagsOf(version: string): ReadonlyMap<string, Flag> {
  const flag = (kind: Kind, value = ''): Flag => ({ kind, value });
  return new Map([
    ['host', flag('string')],
    ['port', flag('int', '9898')],
    ['secure-port', flag('int', '0')],
    ['port-metrics', flag('int', '0')],
    ['grpc-port', flag('int', '0')],
    ['grpc-service-name', flag('string', 'podinfo')],
    ['level', flag('string', 'info')],
    ['backend-url', flag('strings')],
    ['http-client-timeout', flag('duration', '2m')],
    ['http-server-timeout', flag('duration', '30s')],
    ['server-shutdown-timeout', flag('duration', '5s')],
    ['data-path', flag('string', '/data')],
    ['config-path', flag('string')],
    ['cert-path', flag('string', '/data/cert')],
    ['config', flag('string', 'config.yaml')],
    ['ui-path', flag('string', './ui')],
    [
      'ui-logo',
      flag('string', 'https://raw.githubusercontent.com/stefanprodan/podinfo/gh-pages/cuddle_clap.gif'),
    ],
    ['ui-color', flag('string', '#34577c')],
    ['ui-message', flag('string', `greetings from podinfo v${version}`)],
    ['h2c', flag('bool', 'false')],
    ['random-delay', flag('bool', 'false')],
    ['random-delay-unit', flag('string', 's')],
    ['random-delay-min', flag('int', '0')],
    ['random-delay-max', flag('int', '5')],
    ['random-error', flag('bool', 'false')],
    ['unhealthy', flag('bool', 'false')],
    ['unready', flag('bool', 'false')],
    ['stress-cpu', flag('int', '0')],
    ['stress-memory', flag('int', '0')],
    ['cache-server', flag('string')],
    ['otel-service-name', flag('string')],
    ['version', flag('bool', 'false')],
  ]);
}

/** Only the environment can set this one. */
const jwtSecretDefault = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9';

/**
 * Reads flags as pflag does; what they leave open comes from `PODINFO_…` variables, then from the defaults.
 */
export function parsePodinfoConfig(
  version: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): PodinfoConfig | EarlyExit {
  const flags = flagsOf(version);
  const given = parseFlags(flags, argv);
  if (!(given instanceof Map)) return given;
  if (isTrue(given.get('version')?.[0] ?? 'false')) return { code: 0, text: `${version}\n` };

  const fromEnv = (name: string): string | undefined =>
    env[`PODINFO_${name.toUpperCase().replaceAll('-', '_')}`];
  const text = (name: string): string =>
    given.get(name)?.at(-1) ?? fromEnv(name) ?? flags.get(name)?.value ?? '';
  const valid = (name: string): string => {
    const value = text(name);
    const { kind = 'string', value: fallback = '' } = flags.get(name) ?? {};
    return whyInvalid(kind, value) === undefined ? value : fallback;
  };
  const int = (name: string): number => Number(valid(name));
  const bool = (name: string): boolean => isTrue(valid(name));
  const duration = (name: string): number => parseDuration(valid(name));
  const urls = given.get('backend-url') ?? [fromEnv('backend-url') ?? ''];
  return {
    version,
    revision: revisions.get(version) ?? 'unknown',
    hostname: env['HOSTNAME'] ?? 'localhost',
    host: text('host'),
    port: int('port'),
    portMetrics: int('port-metrics'),
    grpcPort: int('grpc-port'),
    level: text('level'),
    backendUrls: urls.flatMap((list) => list.split(',')).filter((url) => url !== ''),
    httpClientTimeoutMs: duration('http-client-timeout'),
    httpServerTimeoutMs: duration('http-server-timeout'),
    shutdownTimeoutMs: duration('server-shutdown-timeout'),
    dataPath: text('data-path'),
    configPath: text('config-path'),
    uiLogo: text('ui-logo'),
    uiColor: text('ui-color'),
    uiMessage: text('ui-message'),
    jwtSecret: fromEnv('jwt-secret') ?? jwtSecretDefault,
    cacheServer: text('cache-server'),
    randomDelay: bool('random-delay'),
    randomDelayUnit: text('random-delay-unit'),
    randomDelayMin: int('random-delay-min'),
    randomDelayMax: int('random-delay-max'),
    randomError: bool('random-error'),
    unhealthy: bool('unhealthy'),
    unready: bool('unready'),
  };
}

function parseFlags(
  flags: ReadonlyMap<string, Flag>,
  argv: readonly string[],
): Map<string, string[]> | EarlyExit {
  const given = new Map<string, string[]>();
  const words = argv[Symbol.iterator]();
  for (const word of words) {
    if (word === '--') break;
    if (word === '--help' || word === '-h') return { code: 0, text: usage(flags) };
    if (!word.startsWith('-')) continue;
    const [name = '', ...rest] = word === '-v' ? ['version'] : word.replace(/^--/, '').split('=');
    const flag = word.startsWith('--') || word === '-v' ? flags.get(name) : undefined;
    if (flag === undefined) {
      const what = word.startsWith('--')
        ? `unknown flag: --${name}`
        : `unknown shorthand flag: '${word[1] ?? ''}' in ${word}`;
      return failure(flags, what);
    }
    let value = rest.length > 0 ? rest.join('=') : undefined;
    if (value === undefined) {
      const next = flag.kind === 'bool' ? { done: false, value: 'true' } : words.next();
      if (next.done === true) return failure(flags, `flag needs an argument: --${name}`);
      value = next.value;
    }
    const why = whyInvalid(flag.kind, value);
    if (why !== undefined) return failure(flags, `invalid argument "${value}" for "--${name}" flag: ${why}`);
    given.set(name, [...(given.get(name) ?? []), value]);
  }
  return given;
}

function failure(flags: ReadonlyMap<string, Flag>, what: string): EarlyExit {
  return { code: 2, text: `Error: ${what}\n\n${usage(flags)}` };
}

function usage(flags: ReadonlyMap<string, Flag>): string {
  return [...flags]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { kind, value }]) => `      --${name} ${kind}${value === '' ? '' : ` (default ${value})`}\n`)
    .join('');
}

const trueWords = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const falseWords = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

function isTrue(text: string): boolean {
  return trueWords.includes(text);
}

function whyInvalid(kind: Kind, value: string): string | undefined {
  if (kind === 'int' && !/^[-+]?\d{1,9}$/.test(value)) {
    return `strconv.ParseInt: parsing "${value}": invalid syntax`;
  }
  if (kind === 'bool' && !trueWords.includes(value) && !falseWords.includes(value)) {
    return `strconv.ParseBool: parsing "${value}": invalid syntax`;
  }
  if (kind !== 'duration') return undefined;
  try {
    parseDuration(value);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}
