// The rules of the map, as a script: imports point down, types included; there are no circles; what calls itself pure is pure; and there
// is no drawer for odds and ends.
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '..')
const files = globSync('src/**/*.ts', { cwd: root }).sort()
const textOf = new Map(files.map(file => [file, readFileSync(path.join(root, file), 'utf8')]))

interface Import {
  from: string
  /** A file of the project, or the name of a package. */
  to: string
  typeOnly: boolean
}

function importsOf(file: string): Import[] {
  const text = textOf.get(file) ?? ''
  const statements = text.matchAll(/^(?:import|export)\s+(type\s+)?([^'"]*?from\s+)?'([^']+)'/gm)
  const lazy = text.matchAll(/\bimport\('([^']+)'\)/g)
  const inTypes = text.matchAll(/\btypeof import\('([^']+)'\)/g)
  const resolve = (to: string) =>
    to.startsWith('.') ? path.relative(root, path.resolve(root, path.dirname(file), to)) : to
  return [
    ...[...statements].map(([, type, names = '', to = '']) => ({
      from: file,
      to: resolve(to),
      typeOnly: type !== undefined || /^\{(\s*type\s+\w+( as \w+)?,?)+\s*\}\s*from/.test(names),
    })),
    ...[...lazy, ...inTypes].map(([, to = '']) => ({ from: file, to: resolve(to), typeOnly: false })),
  ]
}

const imports = files.flatMap(importsOf)
const folderOf = (file: string) => (file.startsWith('src/') ? (file.split('/')[1] ?? '') : '')

/** What lies below all stations: everybody may use it. */
const ground = ['errors', 'config', 'observe', 'model']

/** Which folders a folder may use beside itself and the ground. Files of `src/` itself are for all. */
const mayUse: Record<string, readonly string[]> = {
  model: ['errors'],
  errors: ['model'],
  config: ['errors'],
  observe: ['config', 'errors', 'model'],
  discovery: [],
  fetch: [],
  parse: [],
  thread: [],
  store: [],
  vault: ['store'],
  poll: ['fetch', 'parse', 'thread', 'store', 'vault'],
  schedule: ['poll', 'fetch', 'store', 'vault'],
  operations: ['discovery', 'schedule', 'poll', 'fetch', 'parse', 'thread', 'store', 'vault'],
  web: ['operations', 'discovery', 'schedule', 'parse', 'thread', 'store', 'vault'],
  embedded: ['store', 'vault'],
  cli: ['operations', 'discovery', 'schedule', 'poll', 'fetch', 'parse', 'thread', 'store', 'vault', 'embedded'],
}

test('every folder of src has its rule', () => {
  const folders = new Set(files.map(folderOf).filter(folder => folder !== '' && !folder.endsWith('.ts')))
  expect([...folders].filter(folder => !(folder in mayUse))).toEqual([])
})

test('imports point downwards, types included', () => {
  const upward = imports.filter(({ from, to }) => {
    const [here, there] = [folderOf(from), folderOf(to)]
    if (here.endsWith('.ts') || there.endsWith('.ts') || there === '' || here === there) return false
    if (ground.includes(there) && !ground.includes(here)) return false
    return !mayUse[here]?.includes(there)
  })
  expect(upward.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
})

test('there is no circle of imports: not by value, not lazily, not by type', () => {
  expect(circles()).toEqual([])
})

/** Strongly connected components of more than one file (Tarjan, 1972). */
function circles(): string[][] {
  const next = Map.groupBy(imports, ({ from }) => from)
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  const visit = (file: string): number => {
    const index = order.size
    order.set(file, index)
    low.set(file, index)
    stack.push(file)
    for (const { to } of next.get(file) ?? []) {
      if (!textOf.has(to)) continue
      const reached = order.has(to) ? (stack.includes(to) ? (order.get(to) as number) : Infinity) : visit(to)
      low.set(file, Math.min(low.get(file) as number, reached))
    }
    const lowest = low.get(file) as number
    if (lowest === index) {
      const component = stack.splice(stack.indexOf(file))
      if (component.length > 1) found.push(component)
    }
    return lowest
  }
  for (const file of files) if (!order.has(file)) visit(file)
  return found
}

test('only the process and the commands know the daemon', () => {
  const users = imports.filter(({ to }) => to === 'src/daemon.ts').map(({ from }) => from)
  expect(users.filter(from => from !== 'src/main.ts' && !from.startsWith('src/cli/'))).toEqual([])
})

const isPure = (file: string): boolean => textOf.get(file)?.startsWith('// PURE') ?? false
/** Packages that calculate and do nothing else. */
const purePackages = new Set([
  'zod',
  'ical.js',
  'content-disposition',
  'escape-html-template-tag',
  'html-to-text',
  'htmlparser2',
  'iconv-lite',
  'sanitize-html',
  'tldts',
  'node:buffer',
  'node:url',
  'node:zlib',
])
/** Clock, chance (but as the default of an argument), I/O and the state of the process. node:crypto is allowed for what calculates: hashes, ciphers, signatures. */
const impure =
  /\bDate\.now\(|\bnew Date\(\)|(?<!random = )\bMath\.random\b|\bperformance\.now\b|(?<!salt: Buffer = )\brandom(Bytes|UUID|Int|FillSync)\(|\bprocess\.|\bsetTimeout\(|\bsetInterval\(|\bfetch\(/

test('what calls itself pure has no clock, no chance and no I/O, and imports nothing that has', () => {
  const pure = files.filter(isPure)
  expect(pure.length).toBeGreaterThan(40)
  const faults = pure.flatMap(file => {
    const code = (textOf.get(file) ?? '').replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g, '')
    const used = imports.filter(({ from, typeOnly }) => from === file && !typeOnly)
    return [
      ...(impure.test(code) ? [`${file}: ${impure.exec(code)?.[0]}`] : []),
      ...used
        .filter(({ to }) => !(textOf.has(to) ? isPure(to) : to === 'node:crypto' || purePackages.has(to)))
        .map(({ to }) => `${file} -> ${to}`),
    ]
  })
  expect(faults).toEqual([])
})

test('no two files of neighbouring stations have one name', () => {
  const stations = ['fetch', 'parse', 'thread', 'store', 'vault', 'poll', 'schedule', 'operations', 'model']
  const byName = Map.groupBy(
    files.filter(file => stations.includes(folderOf(file))),
    file => path.basename(file),
  )
  expect([...byName.values()].filter(same => same.length > 1)).toEqual([])
})

test('there is no drawer for odds and ends', () => {
  const drawers = /(^|\/)(utils?|helpers?|common|types|services|managers|index)(\.ts|\/)/
  expect(files.filter(file => drawers.test(file.replace(/^src\//, '')))).toEqual([])
})
