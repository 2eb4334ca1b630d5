// Which packages the program needs while it runs, and which of their files. The lock file is the truth: from the dependencies of package.json
// along `dependencies` and required peers. What only developers, other platforms or type checkers read stays behind.
import { readFileSync } from 'node:fs'
import path from 'node:path'

/** What is used of an entry of package-lock.json. */
export interface LockEntry {
  version?: string
  integrity?: string
  license?: string
  hasInstallScript?: boolean
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
}

/** Entries by folder: `node_modules/fastify`; '' is the project. */
export type Lock = Readonly<Record<string, LockEntry>>

export interface Package {
  /** `node_modules/fastify`. */
  folder: string
  name: string
  version: string
  integrity: string
  /** As an SPDX expression. */
  license: string
}

/** Packages that others ask for and that never run here. */
const left: Readonly<Record<string, string>> = {
  'msgpackr-extract': 'machine code that makes reading long texts quicker; msgpackr does without it',
  '@types/node': 'types, asked for by mysql2',
  'undici-types': 'types, asked for by @types/node',
  'caniuse-lite': 'a table of browsers, named by escape-html-template-tag, which does not load it',
}

export function readLock(root: string): Lock {
  return JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages
}

/** The packages that the program needs, without Node, sorted by folder. */
export function findPackages(lock: Lock): Package[] {
  const found = new Set<string>()
  const visit = (folder: string): void => {
    for (const name of neededBy(lock[folder] ?? {})) {
      const next = resolve(lock, folder, name)
      if (next === undefined) throw new Error(`${folder} needs ${name}, and package-lock.json has none`)
      if (found.has(next)) continue
      found.add(next)
      visit(next)
    }
  }
  visit('')
  return [...found].sort().map(folder => toPackage(folder, lock[folder] ?? {}))
}

/** Optional dependencies are machine code for single platforms: Node itself, and what works without. */
function neededBy({ dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta }: LockEntry): string[] {
  const peers = Object.keys(peerDependencies ?? {}).filter(name => peerDependenciesMeta?.[name]?.optional !== true)
  return [...Object.keys(dependencies ?? {}), ...peers].filter(
    name => !(name in left) && !(name in (optionalDependencies ?? {})),
  )
}

/** As Node looks for it: beside the package, then in every folder above. */
function resolve(lock: Lock, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const candidate = path.join(folder, 'node_modules', name)
    if (candidate in lock) return candidate
    if (folder === '') return undefined
  }
}

function toPackage(folder: string, { version = '', integrity = '', license = 'UNKNOWN' }: LockEntry): Package {
  return {
    folder,
    name: folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length),
    version,
    integrity,
    license,
  }
}

/** Folders of a package, at its top, that hold nothing that runs. */
const idleFolders =
  /^(tests?|integration|__tests__|docs?|examples?|bench(mark)?s?|coverage|dist-types|dist-es|\.[^/]+|_?fixtures)$/
/** Files that hold nothing that runs: maps, types, sources of what was compiled, notes, settings of tools. */
const idleFiles =
  /(\.map|\.[cm]?ts|\.tsx|\.flow|\.tsbuildinfo|\.md|\.markdown|\.txt|\.html|\.ya?ml|\.patch|\.sh|\.gyp|\.c|\.cc|\.h|Makefile|tsconfig\.json|\.npmignore|\.eslintrc.*|\.prettierrc.*|\.editorconfig|\.gitattributes|\.taprc|\.travis.*)$/
const licences = /^(licen[cs]es?|copying|notice|unlicense|third[-_]party.*)([-.].*)?$/i

/** Whether the program or the law needs a file of a package: `LICENSE`, `lib/index.js`. `commands`: the files that its `bin` names. */
export function isNeeded(file: string, commands: readonly string[]): boolean {
  const [first = '', ...rest] = file.split('/')
  const base = path.basename(file)
  if (licences.test(base)) return true
  if (rest.length > 0 && idleFolders.test(first)) return false
  return !idleFiles.test(base) && !commands.includes(file)
}
