import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it. Node's own `recursive` never returns where the system makes no folders at all
 * and says that the one above is missing, as below /proc.
 *
 * @returns the first folder that was made; undefined when all of them were there
 * @throws the error of the system
 */
export async function makeFolder(folder: string): Promise<string | undefined> {
  const error = await tryMakeFolder(folder);
  if (error === undefined) return folder;
  if (error.code === 'EEXIST') return undefined;
  if (error.code !== 'ENOENT') throw error;
  const first = await makeFolder(dirname(folder));
  const second = await tryMakeFolder(folder);
  if (second !== undefined && second.code !== 'EEXIST') throw second;
  return first ?? folder;
}

async function tryMakeFolder(folder: string): Promise<NodeJS.ErrnoException | undefined> {
  try {
    await mkdir(folder);
    return undefined;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}
