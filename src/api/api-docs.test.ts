import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { withTables } from '../../scripts/generate-api-docs.mjs';

test('docs/api.md has every field of every kind, as the definitions have it', () => {
  const text = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');

  // When this fails: node scripts/generate-crds.mjs
  expect(withTables(text)).toBe(text);
});
