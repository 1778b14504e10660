import { expect, test } from 'vitest';
import { MemoryFiles } from './memory-files.ts';

test('files in memory are read, listed by folder, written and removed', async () => {
  const files = new MemoryFiles({
    '/etc/app/config.yaml': 'a: 1',
    '/etc/app/tls/key': 'k',
    '/etc/other': '',
  });
  await files.write('/etc/app/added', Buffer.from('new'));
  expect(await files.list('/etc/app')).toEqual(['added', 'config.yaml', 'tls']);
  expect(await files.list('/none')).toEqual([]);
  expect(Buffer.from(await files.read('/etc/app/added')).toString()).toBe('new');
  files.remove('/etc/app/added');
  await expect(files.read('/etc/app/added')).rejects.toMatchObject({ code: 'FileNotFound', next: 'stalled' });
});
