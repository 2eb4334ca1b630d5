// The tree of files that is packed: writing into it, and what makes two trees of the same sources equal.
import { chmodSync, cpSync, lstatSync, lutimesSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'

/** Writes a file below the tree, with the folders above it. */
export function put(tree: string, file: string, content: string | Buffer, mode = 0o644): void {
  const target = path.join(tree, file)
  mkdirSync(path.dirname(target), { recursive: true })
  writeFileSync(target, content)
  chmodSync(target, mode)
}

/** Writes a file as Debian wants manuals and change logs: compressed, without a name or a time. */
export function putCompressed(tree: string, file: string, content: string): void {
  put(tree, `${file}.gz`, gzipSync(content, { level: 9 }))
}

/** Copies a file as it stands. */
export function copy(from: string, tree: string, file: string): void {
  mkdirSync(path.dirname(path.join(tree, file)), { recursive: true })
  cpSync(from, path.join(tree, file), { verbatimSymlinks: true })
}

/** Every path below a folder, folders too, sorted. */
export function walk(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).sort()
}

/** The same modes and times whoever builds, under whatever umask. */
export function setModesAndTimes(tree: string, epoch: number): void {
  for (const file of ['', ...walk(tree)].reverse()) {
    const target = path.join(tree, file)
    const stat = lstatSync(target)
    if (!stat.isSymbolicLink()) chmodSync(target, stat.isDirectory() || (stat.mode & 0o100) !== 0 ? 0o755 : 0o644)
    lutimesSync(target, epoch, epoch)
  }
}

/** Bytes of Node, and of everything else. */
export function sizeOf(tree: string): { node: number; rest: number } {
  const size = { node: 0, rest: 0 }
  for (const file of walk(tree)) {
    const stat = lstatSync(path.join(tree, file))
    if (stat.isFile()) size[/\/node_modules\/node-linux-/.test(file) ? 'node' : 'rest'] += stat.size
  }
  return size
}

/** Hashes for `dpkg --verify`, of every file but those below DEBIAN. */
export function readFiles(tree: string): { file: string; content: Buffer }[] {
  return walk(tree)
    .filter(file => !file.startsWith('DEBIAN') && lstatSync(path.join(tree, file)).isFile())
    .map(file => ({ file, content: readFileSync(path.join(tree, file)) }))
}
