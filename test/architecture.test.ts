// The rules of the map, as a script: stations import downwards only, pure files import no adapter, nobody keeps a drawer for
// odds and ends.
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '..')
const files = globSync('src/**/*.ts', { cwd: root }).sort()

interface Import {
  from: string
  to: string
  typeOnly: boolean
}

function importsOf(file: string): Import[] {
  const text = readFileSync(path.join(root, file), 'utf8')
  const statements = text.matchAll(/^(?:import|export)\s+(type\s+)?([^'"]*?from\s+)?'(\.[^']+)'/gm)
  const lazy = text.matchAll(/\bimport\('(\.[^']+)'\)/g)
  const resolve = (to: string) => path.relative(root, path.resolve(root, path.dirname(file), to))
  return [
    ...[...statements].map(([, type, names = '', to = '']) => ({
      from: file,
      to: resolve(to),
      typeOnly: type !== undefined || /^\{(\s*type\s+\w+( as \w+)?,?)+\s*\}\s*from/.test(names),
    })),
    ...[...lazy].map(([, to = '']) => ({ from: file, to: resolve(to), typeOnly: false })),
  ]
}

const imports = files.flatMap(importsOf)
const folderOf = (file: string) => (file.startsWith('src/') ? (file.split('/')[1] ?? '') : '')

/** What lies below all stations: everybody may use it. */
const ground = ['errors', 'config', 'observe', 'model']

/** Which folders a folder may use beside itself and the ground, but for types. Files of `src/` itself are for all. */
const mayUse: Record<string, readonly string[]> = {
  errors: [],
  config: [],
  observe: [],
  model: [],
  schedule: ['poll', 'store', 'vault'],
  poll: ['fetch', 'parse', 'thread', 'store', 'vault'],
  fetch: [],
  parse: [],
  thread: [],
  store: [],
  vault: ['store'],
  operations: ['schedule', 'poll', 'fetch', 'parse', 'thread', 'store', 'vault'],
  web: ['operations', 'store', 'vault', 'schedule', 'parse', 'thread'],
  embedded: ['store'],
  cli: ['operations', 'store', 'vault', 'schedule', 'fetch', 'parse', 'thread', 'poll', 'embedded'],
}

test('every folder of src has its rule', () => {
  const folders = new Set(files.map(folderOf).filter(folder => folder !== '' && !folder.endsWith('.ts')))
  expect([...folders].filter(folder => !(folder in mayUse))).toEqual([])
})

test('stations import only downwards', () => {
  const upward = imports.filter(({ from, to, typeOnly }) => {
    const [here, there] = [folderOf(from), folderOf(to)]
    if (
      typeOnly ||
      here.endsWith('.ts') ||
      there.endsWith('.ts') ||
      there === '' ||
      here === there ||
      ground.includes(there)
    )
      return false
    return !mayUse[here]?.includes(there)
  })
  expect(upward.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
})

test('only the process and the commands know the daemon', () => {
  const users = imports.filter(({ to }) => to === 'src/daemon.ts').map(({ from }) => from)
  expect(users.filter(from => from !== 'src/main.ts' && !from.startsWith('src/cli/'))).toEqual([])
})

test('pure files import no adapter, no clock and no file system', () => {
  const pure = files.filter(file => readFileSync(path.join(root, file), 'utf8').startsWith('// PURE'))
  expect(pure.length).toBeGreaterThan(4)
  const allowed = /^(node:(crypto|buffer|url|zlib)|content-disposition|zod)$/
  const impure = pure.flatMap(file =>
    [...readFileSync(path.join(root, file), 'utf8').matchAll(/^import\s+(?!type)[^'"]*from\s+'([^'.][^']*)'/gm)]
      .map(([, name = '']) => `${file} -> ${name}`)
      .filter(line => !allowed.test(line.split(' -> ')[1] ?? '')),
  )
  expect(impure).toEqual([])
})

test('there is no drawer for odds and ends', () => {
  const drawers = /(^|\/)(utils?|helpers?|common|types|services|managers|index)(\.ts|\/)/
  expect(files.filter(file => drawers.test(file.replace(/^src\//, '')))).toEqual([])
})
