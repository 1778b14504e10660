import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url).pathname;

test.each([
  ['apiserver', "{ color: 'blue' }\n"],
  ['sandbox', 'istiod\n'],
])('the example of docs/%s.md runs and prints what it found', async (name, printed) => {
  const page = readFileSync(`${root}docs/${name}.md`, 'utf8');
  const [, example = ''] = /```ts\n([\s\S]*?)```/.exec(page) ?? [];
  // Beside the package, so that its own name resolves to it.
  const file = `${root}.documentation-example-${name}-${process.pid}.ts`;
  writeFileSync(file, example);
  try {
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    child.stderr.on('data', (text: Buffer) => (output += text.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect(output).toBe(printed);
    expect(code).toBe(0);
  } finally {
    rmSync(file);
  }
});
