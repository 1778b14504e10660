import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../../', import.meta.url).pathname;

test('the example of docs/apiserver.md runs and prints what it stored', async () => {
  const page = readFileSync(`${root}docs/apiserver.md`, 'utf8');
  const [, example = ''] = /```ts\n([\s\S]*?)```/.exec(page) ?? [];
  // Beside the package, so that its own name resolves to it.
  const file = `${root}.documentation-example-${process.pid}.ts`;
  writeFileSync(file, example);
  try {
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    child.stderr.on('data', (text: Buffer) => (output += text.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect(output).toBe("{ color: 'blue' }\n");
    expect(code).toBe(0);
  } finally {
    rmSync(file);
  }
});
