import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { errorMessage } from '../base/errors.ts';
import { kustomizeBuild } from '../kustomize/build.ts';
import type { FileTree } from '../kustomize/file-tree.ts';
import { renderYaml } from '../kustomize/render-yaml.ts';

/** A folder that holds more is not what a person means to build. */
const maxFiles = 50_000;
const maxBytes = 256 * 1024 * 1024;
const leftOut = new Set(['.git', 'node_modules']);

/**
 * `viridian kustomize build DIR`: prints what the kustomization of a folder makes.
 * @param root the folder that bases may lie in; default: the git repository around `folder`, else `folder`
 * @returns the exit code
 */
export async function runKustomizeBuild(folder: string, root?: string): Promise<number> {
  try {
    const top = resolve(root ?? (await repositoryOf(folder)) ?? folder);
    const path = relative(top, resolve(folder)).split(sep).join('/');
    process.stdout.write(renderYaml(kustomizeBuild(await readTree(top), path)));
    return 0;
  } catch (error) {
    console.error(`viridian: cannot build ${folder}: ${errorMessage(error)}`);
    return 1;
  }
}

async function repositoryOf(folder: string): Promise<string | undefined> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const entries = await readdir(at);
    if (entries.includes('.git')) return at;
    if (dirname(at) === at) return undefined;
  }
}

/** Regular files only: a link could lead anywhere. */
async function readTree(root: string): Promise<FileTree> {
  const files = new Map<string, Uint8Array>();
  let bytes = 0;
  const read = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !leftOut.has(entry.name)) await read(path);
      if (!entry.isFile()) continue;
      const content = await readFile(path);
      bytes += content.length;
      if (files.size >= maxFiles || bytes > maxBytes) {
        throw new Error(
          `${root} holds more than ${maxFiles} files or ${maxBytes} bytes; name a smaller --root`,
        );
      }
      files.set(relative(root, path).split(sep).join('/'), content);
    }
  };
  await read(root);
  return files;
}
