import type { FileTree } from '../../kustomize/file-tree.ts';

const blockBytes = 512;
const nameBytes = 100;
const prefixBytes = 155;

/**
 * A POSIX tar without owners, times and modes of its own: folders 0755, files 0644, as Flux 0.41 packs artifacts.
 * Entries are in the order of a walk that sorts each folder by the bytes of its names; the first one is `.`.
 */
export function packTar(files: FileTree, folders: Iterable<string>): Uint8Array {
  const entries: { path: string; key: Buffer; data: Uint8Array | undefined }[] = [];
  // In a walk the content of a folder comes right after it, so '/' sorts before every other byte.
  const add = (path: string, data: Uint8Array | undefined): void => {
    entries.push({ path, key: Buffer.from(path.replaceAll('/', '\0')), data });
  };
  for (const folder of folders) add(folder, undefined);
  for (const [path, data] of files) add(path, data);
  entries.sort((a, b) => a.key.compare(b.key));
  const blocks: Uint8Array[] = [header('.', undefined)];
  for (const { path, data } of entries) {
    if (needsExtendedHeader(path)) blocks.push(...extendedHeader(path));
    blocks.push(header(path, data));
    if (data !== undefined) blocks.push(data, padding(data.length));
  }
  blocks.push(new Uint8Array(2 * blockBytes));
  return Buffer.concat(blocks);
}

function padding(size: number): Uint8Array {
  return new Uint8Array((blockBytes - (size % blockBytes)) % blockBytes);
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

/** A long path in the two fields that ustar has for it; undefined when it does not fit. */
function splitPath(path: string): { prefix: string; name: string } | undefined {
  const at = path.slice(0, prefixBytes + 1).lastIndexOf('/');
  const name = path.slice(at + 1);
  return at > 0 && name.length <= nameBytes ? { prefix: path.slice(0, at), name } : undefined;
}

function needsExtendedHeader(path: string): boolean {
  return !isAscii(path) || (path.length > nameBytes && splitPath(path) === undefined);
}

function ascii(path: string): string {
  return path.replaceAll(/[^\x00-\x7f]/g, ''); // oxlint-disable-line no-control-regex
}

function writeName(block: Buffer, name: string): void {
  block.write(name.slice(0, nameBytes), 0, 'latin1');
  // A name that is cut after a slash would be that of a folder; Go ends it before.
  if (name.length > nameBytes && name[nameBytes - 1] === '/') {
    block[name.slice(0, nameBytes - 1).replace(/\/+$/, '').length] = 0;
  }
}

function octal(value: number, digits: number): string {
  return `${value.toString(8).padStart(digits, '0')}\0`;
}

function header(path: string, data: Uint8Array | undefined): Uint8Array {
  const block = Buffer.alloc(blockBytes);
  const split = isAscii(path) && path.length > nameBytes ? splitPath(path) : undefined;
  writeName(block, split?.name ?? ascii(path));
  block.write(octal(data === undefined ? 0o755 : 0o644, 7), 100, 'latin1');
  block.write(octal(data?.length ?? 0, 11), 124, 'latin1');
  block.write(data === undefined ? '5' : '0', 156, 'latin1');
  block.write(octal(0, 7) + octal(0, 7), 329, 'latin1');
  block.write(split?.prefix ?? '', 345, 'latin1');
  return finished(block);
}

/** The fields that are the same in every header, and the checksum. */
function finished(block: Buffer): Uint8Array {
  block.write(octal(0, 7) + octal(0, 7), 108, 'latin1');
  block.write(octal(0, 11), 136, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.fill(' ', 148, 156, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)} `, 148, 'latin1');
  return block;
}

/** Carries a path that ustar has no room for (POSIX pax). */
function extendedHeader(path: string): Uint8Array[] {
  const record = ` path=${path}\n`;
  const bytes = Buffer.byteLength(record);
  // The length counts its own digits.
  let length = bytes;
  while (bytes + String(length).length !== length) length = bytes + String(length).length;
  const data = Buffer.from(`${length}${record}`);
  const at = path.lastIndexOf('/');
  const block = Buffer.alloc(blockBytes);
  const name = ascii(`${path.slice(0, at + 1)}PaxHeaders.0/${path.slice(at + 1)}`);
  block.write(name.slice(0, nameBytes).replace(/\/+$/, ''), 0, 'latin1');
  block.write(octal(0, 7), 100, 'latin1');
  block.write(octal(data.length, 11), 124, 'latin1');
  block.write('x', 156, 'latin1');
  return [finished(block), data, padding(data.length)];
}
