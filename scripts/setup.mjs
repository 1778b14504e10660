// Runs first in every npm script, on whatever Node the machine has (20 is enough): installs the locked
// packages if they are not there, the repository's own Node 24 among them. npm puts node_modules/.bin first
// on PATH, so that the commands after this one in the same script run on that Node: those that begin with
// `env node`, and tools of packages. A shell remembers where it found a plain `node` before there was this one.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const installed = new URL('node_modules/.package-lock.json', root);

/** The packages that the lock file wants, or that are installed, as comparable text. */
function packages(file) {
  const { packages } = JSON.parse(readFileSync(file, 'utf8'));
  return new Map(Object.entries(packages).map(([path, entry]) => [path, entry.version]));
}

function upToDate() {
  if (!existsSync(installed)) return false;
  const have = packages(installed);
  for (const [path, version] of packages(new URL('package-lock.json', root))) {
    // Packages for other systems are in the lock file and never installed here; a wrong version is.
    if (have.has(path) && have.get(path) !== version) return false;
  }
  const lock = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8')).packages;
  return Object.entries(lock).every(([path, entry]) => path === '' || entry.optional || have.has(path));
}

if (!upToDate()) {
  console.error('viridian: installing packages (once) ...');
  // Under npm, npm_execpath is the npm that is running; outside it, the one on PATH. No shell either way.
  const npm = process.env.npm_execpath;
  const [command, args] = npm ? [process.execPath, [npm]] : ['npm', []];
  const done = spawnSync(command, [...args, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (done.status !== 0) {
    console.error(
      'viridian: npm ci failed; nothing was started. Fix the cause above, then run the command again.',
    );
    process.exit(1);
  }
}

const node = spawnSync('node', ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? '';
const [major = 0, minor = 0] = node.slice(1).split('.').map(Number);
if (major < 24 || (major === 24 && minor < 11)) {
  console.error(
    `viridian: needs Node >= 24.11 and found ${node || 'none'}. On Linux x64 it comes with npm ci; on other systems ` +
      'install it from https://nodejs.org and run the command again.',
  );
  process.exit(1);
}
