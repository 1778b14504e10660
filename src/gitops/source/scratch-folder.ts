import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';

const prefix = 'viridian-git-';
/** Its owner listens here: the system ends that with the process, however the process ends. */
const socketName = 'owner.sock';

export interface ScratchFolder extends AsyncDisposable {
  readonly path: string;
}

/**
 * A new folder for repositories that live as long as one operation. Removes those that processes have left behind
 * which were killed; those of processes that live are left alone.
 *
 * @param parent a folder that may be shared, like /tmp
 */
export async function openScratchFolder(parent: string): Promise<ScratchFolder> {
  await removeAbandoned(parent);
  const path = await mkdtemp(join(parent, prefix));
  const server = createServer((socket) => socket.destroy());
  // Where no socket can be (its path has 107 bytes at most), nobody can tell later that the folder is abandoned.
  await listening(server, join(path, socketName)).catch(() => {});
  server.unref();
  return {
    path,
    async [Symbol.asyncDispose]() {
      await remove(path);
      server.close();
    },
  };
}

async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    if (!name.startsWith(prefix) || !(await isOurs(path)) || !(await isAbandoned(path))) continue;
    // A git that has outlived its owner may still write there: then the next start removes it.
    await remove(path).catch(() => {});
  }
}

/** A folder of somebody else, or a link, could lead anywhere. */
async function isOurs(path: string): Promise<boolean> {
  try {
    const found = await lstat(path);
    return found.isDirectory() && found.uid === process.getuid?.();
  } catch {
    return false;
  }
}

/** A folder without a socket may be one that is just being made. */
function isAbandoned(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(join(path, socketName));
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

function remove(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 3 });
}
