import {
  type Command,
  type CommandContext,
  isFolder,
  readText,
  resolvePath,
  UsageError,
} from '../command.ts';

const numeric: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '-eq': (a, b) => a === b,
  '-ne': (a, b) => a !== b,
  '-lt': (a, b) => a < b,
  '-le': (a, b) => a <= b,
  '-gt': (a, b) => a > b,
  '-ge': (a, b) => a >= b,
};

const textual: Readonly<Record<string, (a: string, b: string) => boolean>> = {
  '=': (a, b) => a === b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
};

export const test: Command = async (context) => ((await holds(context, context.argv)) ? 0 : 1);

export const bracket: Command = async (context) => {
  if (context.argv.at(-1) !== ']') throw new UsageError('missing ]', 2);
  return (await holds(context, context.argv.slice(0, -1))) ? 0 : 1;
};

/** `-o` binds loosest, then `-a`, then `!`. */
async function holds(context: CommandContext, words: readonly string[]): Promise<boolean> {
  for (const [operator, decisive] of [
    ['-o', true],
    ['-a', false],
  ] as const) {
    const at = words.indexOf(operator, 1);
    if (at < 1 || words.length <= 3) continue;
    const left = await holds(context, words.slice(0, at));
    return left === decisive ? decisive : holds(context, words.slice(at + 1));
  }
  if (words[0] === '!' && words.length > 1) return !(await holds(context, words.slice(1)));
  const [first = '', second = '', third = ''] = words;
  switch (words.length) {
    case 0:
      return false;
    case 1:
      return first !== '';
    case 2:
      return unary(context, first, second);
    case 3:
      return binary(first, second, third);
    default:
      throw new UsageError(`${words[3] ?? ''}: unknown operand`, 2);
  }
}

async function unary(context: CommandContext, operator: string, operand: string): Promise<boolean> {
  switch (operator) {
    case '-n':
      return operand !== '';
    case '-z':
      return operand === '';
    case '-d':
      return isFolder(context, resolvePath(context.folder, operand));
    case '-f':
    case '-r':
    case '-w':
      return (await readText(context, operand)) !== undefined;
    case '-s':
      return ((await readText(context, operand)) ?? '') !== '';
    case '-e':
    case '-x':
      return (
        (await readText(context, operand)) !== undefined ||
        (await isFolder(context, resolvePath(context.folder, operand)))
      );
    case '-t':
      return context.tty;
    default:
      throw new UsageError(`${operator}: unknown operand`, 2);
  }
}

function binary(left: string, operator: string, right: string): boolean {
  const text = Object.hasOwn(textual, operator) ? textual[operator] : undefined;
  if (text !== undefined) return text(left, right);
  const compare = Object.hasOwn(numeric, operator) ? numeric[operator] : undefined;
  if (compare === undefined) throw new UsageError(`${operator}: unknown operand`, 2);
  return compare(wholeNumber(left), wholeNumber(right));
}

function wholeNumber(text: string): number {
  if (!/^\s*[-+]?\d+\s*$/.test(text)) throw new UsageError(`bad number: ${text}`, 2);
  return Number(text);
}
