import { formatTime } from '../../../base/time.ts';
import { type Command, isFolder, readText, resolvePath, UsageError } from '../command.ts';
import { parseOptions } from '../options.ts';

export const env: Command = async ({ argv, env: variables, name, run, stdout }) => {
  if (name === 'printenv' && argv.length > 0) {
    const values = argv.flatMap((variable) => variables[variable] ?? []);
    for (const value of values) await stdout.write(`${value}\n`);
    return values.length === argv.length ? 0 : 1;
  }
  const { rest, has } = parseOptions(argv, { flags: 'i', values: 'u', strict: true });
  const settings = rest.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word));
  const command = settings < 0 ? [] : rest.slice(settings);
  const set = rest
    .slice(0, rest.length - command.length)
    .map((word): [string, string] => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]);
  const changed = { ...(has('i') ? {} : variables), ...Object.fromEntries(set) };
  if (command.length > 0) return run(command, { env: changed });
  for (const [variable, value] of Object.entries(changed)) await stdout.write(`${variable}=${value}\n`);
  return 0;
};

export const ls: Command = async (context) => {
  const { argv, files, folder, stdout, stderr } = context;
  const options = parseOptions(argv, { flags: '1 a A l h d F R t r' });
  const paths = options.rest.length === 0 ? ['.'] : options.rest;
  let code = 0;
  for (const path of paths) {
    const absolute = resolvePath(folder, path);
    const text = await readText(context, path);
    const isDirectory = text === undefined && (absolute === folder || (await isFolder(context, absolute)));
    if (text === undefined && !isDirectory) {
      await stderr.write(`ls: ${path}: No such file or directory\n`);
      code = 1;
      continue;
    }
    const names = isDirectory && !options.has('d') ? await files.list(absolute) : [path];
    const shown = names.filter((name) => options.has('a') || options.has('A') || !name.startsWith('.'));
    if (paths.length > 1 && isDirectory) await stdout.write(`${path}:\n`);
    for (const name of shown) {
      const line = options.has('l')
        ? await longLine(context, resolvePath(absolute, isDirectory ? name : '.'), name)
        : name;
      await stdout.write(`${line}\n`);
    }
  }
  return code;
};

async function longLine(context: Parameters<Command>[0], path: string, name: string): Promise<string> {
  const text = await readText(context, path);
  const mode = text === undefined ? 'drwxr-xr-x' : '-rw-r--r--';
  return `${mode}    1 root     root     ${String(Buffer.byteLength(text ?? '')).padStart(9)} ${name}`;
}

const unitMs: Readonly<Record<string, number>> = {
  '': 1000,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function durationMs(text: string): number {
  if (text === 'infinity' || text === 'inf') return Number.MAX_SAFE_INTEGER;
  const [, digits, unit = ''] = /^(\d{1,12}(?:\.\d*)?|\.\d+)([smhd]?)$/.exec(text) ?? [];
  if (digits === undefined) throw new UsageError(`invalid number '${text}'`);
  return Number(digits) * (unitMs[unit] ?? 1000);
}

/** About 292 years, as far as a clock counts. */
const foreverMs = 9e12;

export const sleep: Command = async ({ argv, seams, signal }) => {
  if (argv.length === 0) throw new UsageError('missing operand');
  const ms = argv.reduce((sum, word) => sum + durationMs(word), 0);
  await seams.clock.sleep(Math.min(ms, foreverMs), signal);
  return 0;
};

export const timeout: Command = async ({ argv, seams, signal, run }) => {
  const { rest } = parseOptions(argv, { values: 's k', strict: true });
  const [limit, ...command] = rest;
  if (limit === undefined || command.length === 0) throw new UsageError('usage: timeout SECS PROG ARGS');
  using deadline = seams.clock.timeout(Math.min(durationMs(limit), foreverMs), signal);
  try {
    const code = await run(command, { signal: deadline.signal });
    return deadline.signal.aborted ? 143 : code;
  } catch (error) {
    if (signal.aborted || !deadline.signal.aborted) throw error;
    return 143;
  }
};

const weekdays = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Formats as `date` does, in UTC. Directives that it does not know stay as they are. */
function formatDate(ms: number, format: string): string {
  const [date = '', time = ''] = formatTime(ms).slice(0, -1).split('T');
  const [year = '', month = '', day = ''] = date.split('-');
  const [hour = '', minute = '', second = ''] = time.split(':');
  const values: Readonly<Record<string, string>> = {
    Y: year,
    m: month,
    d: day,
    e: String(Number(day)).padStart(2),
    H: hour,
    M: minute,
    S: second,
    s: String(Math.floor(ms / 1000)),
    N: `${String(Math.floor(ms % 1000)).padStart(3, '0')}000000`,
    a: weekdays[Math.floor(ms / 86_400_000) % 7] ?? '',
    b: months[Number(month) - 1] ?? '',
    F: date,
    T: time,
    Z: 'UTC',
    z: '+0000',
    n: '\n',
    '%': '%',
  };
  return format.replace(/%([a-zA-Z%])/g, (all, letter: string) =>
    Object.hasOwn(values, letter) ? (values[letter] ?? '') : all,
  );
}

export const date: Command = async ({ argv, seams, stdout }) => {
  const { rest, has } = parseOptions(argv, { flags: 'u R', values: 'I', long: 'utc=u' });
  const [format] = rest;
  if (format !== undefined && !format.startsWith('+')) throw new UsageError(`invalid date '${format}'`);
  const usual = has('R') ? '%a, %d %b %Y %T %z' : '%a %b %e %T %Z %Y';
  await stdout.write(`${formatDate(seams.clock.now(), format?.slice(1) ?? usual)}\n`);
  return 0;
};

export const hostname: Command = async ({ argv, env: variables, seams, stdout }) => {
  const name = variables['HOSTNAME'] ?? 'localhost';
  const [address = ''] = argv.includes('-i') ? await seams.network.resolve('localhost') : [];
  await stdout.write(`${argv.includes('-i') ? address : name}\n`);
  return 0;
};

export const id: Command = async ({ argv, stdout }) => {
  const text = argv.some((word) => /^-[ug]/.test(word)) ? '0' : 'uid=0(root) gid=0(root) groups=0(root)';
  await stdout.write(`${argv.includes('-un') ? 'root' : text}\n`);
  return 0;
};

export const whoami: Command = async ({ stdout }) => {
  await stdout.write('root\n');
  return 0;
};

export const uname: Command = async ({ argv, env: variables, stdout }) => {
  const node = variables['HOSTNAME'] ?? 'localhost';
  const parts: readonly (readonly [string, string])[] = [
    ['s', 'Linux'],
    ['n', node],
    ['r', '6.6.0'],
    ['m', 'x86_64'],
  ];
  const wanted = argv.join('').replaceAll('-', '');
  const shown = parts.filter(([flag]) =>
    wanted === '' ? flag === 's' : /a/.test(wanted) || wanted.includes(flag),
  );
  await stdout.write(`${shown.map(([, text]) => text).join(' ')}\n`);
  return 0;
};

export const which: Command = async ({ argv, knows, stdout }) => {
  const found = argv.filter((name) => knows(name));
  for (const name of found) await stdout.write(`/bin/${name}\n`);
  return found.length === argv.length ? 0 : 1;
};

export const ps: Command = async ({ processes, stdout }) => {
  const lines = [...processes, 'ps'].map((line, i) => `${String(i + 1).padStart(5)} root      0:00 ${line}`);
  await stdout.write(`${['PID   USER     TIME  COMMAND', ...lines].join('\n')}\n`);
  return 0;
};

export const watch: Command = async ({ argv, seams, signal, run, stdout }) => {
  const options = parseOptions(argv, { flags: 't', values: 'n', strict: true });
  const seconds = options.number('n', 2);
  const command = options.rest.join(' ');
  if (command === '') throw new UsageError('usage: watch [-n SEC] [-t] PROG ARGS');
  const interval = Math.max(seconds, 0.1) * 1000;
  const title = `Every ${seconds.toFixed(1)}s: ${command}`;
  for (;;) {
    const time = formatDate(seams.clock.now(), '%Y-%m-%d %H:%M:%S');
    await stdout.write(`\u001B[H\u001B[J${options.has('t') ? '' : `${title}    ${time}\n\n`}`);
    await run(['sh', '-c', command], { stderr: stdout });
    await seams.clock.sleep(interval, signal);
  }
};
