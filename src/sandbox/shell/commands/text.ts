import { type Command, type CommandContext, readText, UsageError } from '../command.ts';
import { parseOptions } from '../options.ts';
import { inputOf } from '../streams.ts';
import { unescape } from './printf.ts';

export const echo: Command = async ({ argv, stdout }) => {
  const options = argv.findIndex((word) => !/^-[neE]+$/.test(word));
  const flags = argv.slice(0, options < 0 ? argv.length : options).join('');
  const text = argv.slice(options < 0 ? argv.length : options).join(' ');
  const { text: plain, stop } = flags.includes('e') ? unescape(text) : { text, stop: false };
  await stdout.write(stop || flags.includes('n') ? plain : `${plain}\n`);
  return 0;
};

/** Copies files, or what it reads, with `copy`; a file that is not there is told. @returns the exit code */
async function eachFile(
  context: CommandContext,
  paths: readonly string[],
  copy: (input: CommandContext['stdin'], path: string | undefined) => Promise<void>,
): Promise<number> {
  let code = 0;
  for (const path of paths.length === 0 ? ['-'] : paths) {
    if (path === '-') {
      await copy(context.stdin, undefined);
      continue;
    }
    const text = await readText(context, path);
    if (text === undefined) {
      await context.stderr.write(`${context.name}: can't open '${path}': No such file or directory\n`);
      code = 1;
    } else await copy(inputOf(text, context.signal), path);
  }
  return code;
}

export const cat: Command = async (context) => {
  const { rest } = parseOptions(context.argv, { flags: 'u' });
  return eachFile(context, rest, async (input) => {
    for await (const piece of input.pieces()) await context.stdout.write(piece);
  });
};

/** `-5` and `-n 5` and `-c 5`. */
function countOptions(argv: readonly string[]) {
  const words = argv.flatMap((word) => (/^-\d+$/.test(word) ? ['-n', word.slice(1)] : [word]));
  const options = parseOptions(words, { flags: 'q v f F', values: 'n c' });
  const count = (options.value('n') ?? options.value('c') ?? '10').replace(/^[-+]/, '');
  if (!/^\d+$/.test(count)) throw new UsageError(`invalid number '${count}'`);
  return { options, count: Number(count), bytes: options.has('c') };
}

export const head: Command = async (context) => {
  const { options, count, bytes } = countOptions(context.argv);
  const { stdout } = context;
  return eachFile(context, options.rest, async (input, path) => {
    if (options.rest.length > 1) await stdout.write(`==> ${path ?? 'standard input'} <==\n`);
    if (bytes) {
      await stdout.write((await input.rest()).slice(0, count));
      return;
    }
    for (let left = count; left > 0; left--) {
      const line = await input.line();
      if (line === undefined) return;
      await stdout.write(`${line}\n`);
    }
  });
};

const followMs = 1000;

export const tail: Command = async (context) => {
  const { options, count, bytes } = countOptions(context.argv);
  const { stdout, signal, seams } = context;
  const code = await eachFile(context, options.rest, async (input, path) => {
    if (options.rest.length > 1) await stdout.write(`==> ${path ?? 'standard input'} <==\n`);
    if (bytes) {
      await stdout.write(count === 0 ? '' : (await input.rest()).slice(-count));
      return;
    }
    const last: string[] = [];
    for (let line = await input.line(); line !== undefined; line = await input.line()) {
      last.push(line);
      if (last.length > count) last.shift();
    }
    for (const line of last) await stdout.write(`${line}\n`);
  });
  const [path] = options.rest;
  if (path === undefined || !(options.has('f') || options.has('F'))) return code;
  let shown = (await readText(context, path))?.length ?? 0;
  for (;;) {
    await seams.clock.sleep(followMs, signal);
    const text = (await readText(context, path)) ?? '';
    if (text.length < shown) shown = 0;
    if (text.length > shown) await stdout.write(text.slice(shown));
    shown = text.length;
  }
};

export const wc: Command = async (context) => {
  const options = parseOptions(context.argv, { flags: 'l w c m' });
  const wanted = ['l', 'w', 'c'].filter((flag) => options.has(flag) || (flag === 'c' && options.has('m')));
  const columns = wanted.length === 0 ? ['l', 'w', 'c'] : wanted;
  return eachFile(context, options.rest, async (input, path) => {
    const text = await input.rest();
    const counts: Readonly<Record<string, number>> = {
      l: text.split('\n').length - 1,
      w: text.split(/\s+/).filter((word) => word !== '').length,
      c: options.has('m') ? Array.from(text).length : Buffer.byteLength(text),
    };
    const numbers = columns.map((column) => String(counts[column] ?? 0));
    const cells = numbers.length === 1 ? numbers : numbers.map((number) => number.padStart(9));
    await context.stdout.write(`${[...cells, ...(path === undefined ? [] : [path])].join(' ')}\n`);
  });
};

export const seq: Command = async ({ argv, stdout }) => {
  const [, attached] = /^-s(.*)$/s.exec(argv[0] ?? '') ?? [];
  const separator = attached === '' ? (argv[1] ?? '\n') : (attached ?? '\n');
  const words = argv.slice(attached === undefined ? 0 : attached === '' ? 2 : 1);
  const numbers = words.map((word) => (/^-?\d+(\.\d+)?$/.test(word) ? Number(word) : Number.NaN));
  if (words.length === 0 || words.length > 3 || numbers.some(Number.isNaN)) {
    throw new UsageError(`invalid number '${words.find((_word, i) => Number.isNaN(numbers[i])) ?? ''}'`);
  }
  const [first = 1, second = 1, third] = numbers;
  const [from, step, to] =
    numbers.length === 1 ? [1, 1, first] : third === undefined ? [first, 1, second] : [first, second, third];
  if (step === 0) throw new UsageError('invalid increment 0');
  const digits = Math.max(...words.map((word) => word.split('.')[1]?.length ?? 0));
  const count = Math.floor((to - from) / step + 1e-9) + 1;
  for (let i = 0; i < count; i++) {
    await stdout.write(`${i === 0 ? '' : separator}${(from + i * step).toFixed(digits)}`);
  }
  if (count > 0) await stdout.write('\n');
  return 0;
};
