import type { Files } from '../../base/program.ts';
import { resolvePath, type Streams } from './command.ts';
import type { Expander } from './expand.ts';
import { bounded, Collector, inputOf, longestFile, nowhere, type Output } from './streams.ts';
import type { Redirect } from './syntax.ts';

export interface RedirectWorld {
  readonly expander: Expander;
  readonly files: Files;
  readonly folder: string;
}

/** Runs `run` on the streams that the redirections make. Files are written when it has ended. */
export async function withRedirects(
  redirects: readonly Redirect[],
  streams: Streams,
  world: RedirectWorld,
  run: (streams: Streams) => Promise<number>,
): Promise<number> {
  if (redirects.length === 0) return run(streams);
  let inner = streams;
  const written: { path: string; append: boolean; collector: Collector }[] = [];
  for (const { fd, kind, target } of redirects) {
    const text = await world.expander.text(target);
    if (kind === 'duplicate') {
      const source = text === '1' ? inner.stdout : text === '2' ? inner.stderr : undefined;
      if (source === undefined) return failed(inner, `${text}: bad file descriptor`);
      inner = withOutput(inner, fd, source);
      continue;
    }
    const path = resolvePath(world.folder, text);
    if (kind === 'read') {
      const content = await contentOf(world.files, path);
      if (content === undefined) return failed(inner, `can't open ${text}: no such file`);
      inner = { ...inner, stdin: inputOf(content, inner.signal) };
      continue;
    }
    const device = deviceOf(path, inner);
    if (device !== undefined) {
      inner = withOutput(inner, fd, device);
      continue;
    }
    if (text === '' || (await world.files.list(path)).length > 0) {
      return failed(inner, `can't create ${text}: Is a directory`);
    }
    const collector = new Collector(longestFile);
    written.push({ path, append: kind === 'append', collector });
    inner = withOutput(inner, fd, collector);
  }
  try {
    return await run(inner);
  } finally {
    for (const { path, append, collector } of written) {
      const before = append ? ((await contentOf(world.files, path)) ?? '') : '';
      await world.files.write(path, Buffer.from(bounded(before + collector.text, longestFile), 'utf8'));
    }
  }
}

function withOutput(streams: Streams, fd: number, output: Output): Streams {
  return fd === 2 ? { ...streams, stderr: output } : { ...streams, stdout: output };
}

function deviceOf(path: string, streams: Streams): Output | undefined {
  if (path === '/dev/null') return nowhere;
  if (path === '/dev/stdout') return streams.stdout;
  return path === '/dev/stderr' ? streams.stderr : undefined;
}

async function contentOf(files: Files, path: string): Promise<string | undefined> {
  if (path === '/dev/null') return '';
  try {
    return Buffer.from(await files.read(path)).toString('utf8');
  } catch {
    return undefined;
  }
}

async function failed(streams: Streams, message: string): Promise<number> {
  await streams.stderr.write(`sh: ${message}\n`);
  return 1;
}
