import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

test('every row of the track record names a test that is there', () => {
  const rows = read('docs/track-record.md').matchAll(/\| `(\S+\.test\.ts) -t '([^']+)'` \|/g);
  const missing: string[] = [];
  let count = 0;
  for (const [, file = '', text = ''] of rows) {
    count += 1;
    if (!read(file).includes(text)) missing.push(`${file}: ${text}`);
  }
  expect(missing).toEqual([]);
  expect(count).toBe(
    read('docs/track-record.md')
      .split('\n')
      .filter((line) => /^\| (\d|–)/.test(line)).length,
  );
});
