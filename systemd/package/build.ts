// `npm run package`: builds `dist/letterlock_VERSION_ARCH.deb` and a plain tarball of the same files. It lies beside the units, because it is
// what brings them to a host. Nothing is compiled: the sources run as they are, below /usr/lib/letterlock, with their packages and their own Node.
// Two builds of one commit give the same bytes: every time is the commit's (or SOURCE_DATE_EPOCH), every owner is root, names are sorted, and
// gzip writes neither time nor name.
//   npm run package -- --arch arm64           for another processor; its Node is fetched from the npm registry and checked against the lock file
//   npm run package -- --version 0.4.9        under another version number, for tests of upgrades
//   npm run package -- --out DIR --deb-only
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { layDebian } from './debian.ts'
import { layDocuments } from './documents.ts'
import { type Arch, home, layProgram } from './program.ts'
import { setModesAndTimes, sizeOf } from './tree.ts'

const root = path.resolve(import.meta.dirname, '../..')
const archs: readonly string[] = ['amd64', 'arm64'] satisfies Arch[]
const hostArch: Arch = process.arch === 'arm64' ? 'arm64' : 'amd64'

/** They do something as soon as they are loaded. */
const mains = /src\/(main|dev)\.ts|-thread\.ts/

const { values: options } = parseArgs({
  options: {
    arch: { type: 'string', default: hostArch },
    version: { type: 'string', default: JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version },
    out: { type: 'string', default: path.join(root, 'dist') },
    'deb-only': { type: 'boolean', default: false },
  },
})
if (!archs.includes(options.arch)) throw new Error(`--arch is one of ${archs.join(', ')}`)

const build = { root, arch: options.arch as Arch, version: options.version, epoch: epochOf() }
const name = `letterlock_${build.version}_${build.arch}`
const work = mkdtempSync(path.join(tmpdir(), 'letterlock-package-'))
try {
  const tree = path.join(work, `letterlock-${build.version}`)
  layProgram(tree, build)
  layDocuments(tree, build)
  checkThatItLoads(tree)
  setModesAndTimes(tree, build.epoch)
  mkdirSync(options.out, { recursive: true })
  if (!options['deb-only']) writeTarball(path.join(options.out, `${name}.tar.gz`), tree)
  layDebian(tree, build)
  setModesAndTimes(tree, build.epoch)
  writePackage(path.join(options.out, `${name}.deb`), tree)
  const { node, rest } = sizeOf(tree)
  process.stdout.write(`installed: ${megabytes(rest)} and ${megabytes(node)} of Node\n`)
} finally {
  rmSync(work, { recursive: true, force: true })
}

/** The time of the last commit: a build from the same sources has the same times. */
function epochOf(): number {
  const { SOURCE_DATE_EPOCH: given } = process.env
  return Number(given ?? execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' }))
}

function writePackage(file: string, tree: string): void {
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(build.epoch) }
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z6', '--build', tree, file], { env, stdio: 'ignore' })
  process.stdout.write(`${file}\n`)
}

function writeTarball(file: string, tree: string): void {
  const names = ['--sort=name', '--format=gnu', '--owner=root:0', '--group=root:0', `--mtime=@${build.epoch}`]
  const args = [
    ...names,
    '--use-compress-program=gzip -n -6',
    '-cf',
    file,
    '-C',
    path.dirname(tree),
    path.basename(tree),
  ]
  execFileSync('tar', args)
  process.stdout.write(`${file}\n`)
}

/** Every module of the program, with what it imports, from the files that are packed: none may have been left behind. */
function checkThatItLoads(tree: string): void {
  if (build.arch !== hostArch) return
  const script = `const { globSync } = await import('node:fs')
    for (const file of globSync('{src,migrations}/**/*.ts').sort()) if (!${mains}.test(file)) await import(process.cwd() + '/' + file)
    process.exit(0)`
  execFileSync('src/node.sh', ['--input-type=module', '--eval', script], { cwd: path.join(tree, home) })
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
