import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isSuccess, type Report, writeReport } from './demo-report.ts';

const good = { id: 'install', ok: true, detail: 'running', ms: 12 };
const bad = { id: 'promoted', ok: false, detail: 'not', ms: 3 };
const traffic = { sent: 3, failed: { 'lost: 503': 1 } };

test('all of it happened, or it did not', () => {
  expect(isSuccess({ steps: [good, good], traffic })).toBe(true);
  expect(isSuccess({ steps: [good, bad], traffic })).toBe(false);
  expect(isSuccess({ steps: [], traffic })).toBe(false);
});

test('the file has steps and traffic, nothing else', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'viridian-report-'));
  const file = join(folder, 'out.json');
  const report: Report = { steps: [good, bad], traffic };
  await writeReport(file, report);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(report);
  await expect(writeReport(join(folder, 'none', 'out.json'), report)).rejects.toThrow('ENOENT');
  rmSync(folder, { recursive: true });
});
