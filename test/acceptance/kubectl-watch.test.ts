import { expect, test } from 'vitest';
import { KubectlWatch } from './kubectl-watch.ts';

/** A program that prints this, and then waits for its end. */
function printing(...texts: readonly string[]): KubectlWatch {
  const program = `
    for (const text of ${JSON.stringify(texts)}) process.stdout.write(text);
    setInterval(() => {}, 1000);`;
  return new KubectlWatch(process.execPath, ['-e', program]);
}

test('lines come whole, in whatever pieces they are written', async () => {
  const watch = printing('backend Progr', 'essing 0\nbackend Succe', 'eded 0\n', 'half');
  try {
    const cells = await watch.until(([, second]) => second?.cells, 10_000, 'second line');
    expect(cells).toEqual(['backend', 'Succeeded', '0']);
    expect(watch.lines.map(({ cells: [, phase] }) => phase)).toEqual(['Progressing', 'Succeeded']);
  } finally {
    watch.close();
  }
});

test('what does not come in time is an error that shows the last row', async () => {
  const watch = printing('backend Progressing 0\n');
  try {
    await watch.until(([first]) => first, 10_000, 'first line');
    const never = watch.until(() => undefined, 50, 'Canary that is Failed');
    await expect(never).rejects.toThrow(
      'no Canary that is Failed within 0.05 s; the last row is: backend Progressing 0',
    );
  } finally {
    watch.close();
  }
});

test('a kubectl that ends is an error with what it said', async () => {
  const watch = new KubectlWatch(process.execPath, [
    '-e',
    'console.error("no such cluster"); process.exit(1)',
  ]);
  await expect(watch.until(() => undefined, 10_000, 'Canary')).rejects.toThrow(
    'no Canary: kubectl has ended: no such cluster',
  );
});
