import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import type { FileTree } from '../../src/kustomize/file-tree.ts';
import { packagedKubectl } from '../../scripts/kubectl.mjs';

/** The kubectl of the npm package, which brings a kustomize, or another one; undefined where it does not run. */
export const kubectl: string | undefined = process.env['KUSTOMIZE_KUBECTL'] ?? packagedKubectl();

export type Answer = { readonly text: string } | { readonly error: string };

/** What `kubectl kustomize` says about a folder of a tree. */
export function realKustomize(files: FileTree, path: string): Answer {
  const root = mkdtempSync(join(tmpdir(), 'kustomize-'));
  try {
    for (const [name, bytes] of files) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), bytes);
    }
    const text = execFileSync(kubectl ?? 'kubectl', ['kustomize', join(root, path)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {},
    });
    return { text };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  } finally {
    rmSync(root, { recursive: true });
  }
}

export function tree(files: Readonly<Record<string, string>>): FileTree {
  return new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]));
}

export function readTree(root: string): FileTree {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(root, path), readFileSync(path)];
    }),
  );
}
