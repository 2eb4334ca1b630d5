// What comes from others: exact versions, known licences, nothing that runs at installation, a reason for each, and not more than it needs to be.
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { findPackages, isNeeded, type Lock, readLock } from '../systemd/package/dependencies.ts'
import { walk } from '../systemd/package/tree.ts'

const root = path.resolve(import.meta.dirname, '..')
const lock = readLock(root)
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
const { dependencies, devDependencies, optionalDependencies } = manifest as Record<string, Record<string, string>>
const packages = findPackages(lock)
const page = readFileSync(path.join(root, 'docs/dependencies.md'), 'utf8')

test('every version is exact, and every package has a hash', () => {
  const ranges = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies }).filter(
    ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
  )
  expect(ranges).toEqual([])
  expect(packages.filter(({ integrity }) => !integrity.startsWith('sha512-')).map(({ name }) => name)).toEqual([])
})

test('the package holds nothing with an install script, and the lock file only one', () => {
  const scripted = Object.keys(lock).filter(folder => lock[folder]?.hasInstallScript)
  expect(scripted).toEqual(['node_modules/msgpackr-extract'])
  expect(packages.filter(({ folder }) => scripted.includes(folder))).toEqual([])
})

/** All of them allow what the MIT licence allows; `OR` leaves the choice to us. */
const allowed = new Set(['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'MIT-0'])

test('every licence is one that we can pass on', () => {
  const choices = (license: string): string[] => license.replace(/[()]/g, '').split(' OR ')
  const others = packages.filter(({ license }) => !choices(license).some(choice => allowed.has(choice)))
  expect(others.map(({ name, license }) => `${name}: ${license}`)).toEqual([])
})

function documented(title: string): string[] {
  const section = page.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? ''
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = '']) => name)
}

test('docs/dependencies.md has a row for each', () => {
  expect(documented('At run time')).toEqual(Object.keys(dependencies ?? {}))
  expect(documented('Node').sort()).toEqual(Object.keys(optionalDependencies ?? {}))
  expect(documented('For developers and tests alone')).toEqual(Object.keys(devDependencies ?? {}))
})

/** Of the files that are packed. */
function sizeOf(folder: string): number {
  return walk(path.join(root, folder))
    .filter(file => !/(^|\/)node_modules(\/|$)/.test(file) && isNeeded(file, []))
    .map(file => statSync(path.join(root, folder, file)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)
}

const sizes = new Map(packages.map(({ folder }) => [folder, sizeOf(folder)]))

test('docs/dependencies.md has the sizes, and all packages together stay far below 110 MB', () => {
  const wrong = [...page.matchAll(/^\| `([^`]+)` \|.*\| ([\d.]+) MB \|$/gm)].flatMap(([, name = '', said]) => {
    const alone: Lock = { ...lock, '': { dependencies: { [name]: '*' } } }
    const bytes = findPackages(alone).reduce((sum, { folder }) => sum + (sizes.get(folder) ?? 0), 0)
    const isNear = Math.abs(Number(said) * 1e6 - bytes) < Math.max(100_000, bytes * 0.2)
    return isNear ? [] : [`${name}: ${(bytes / 1e6).toFixed(1)} MB`]
  })
  expect(wrong).toEqual([])
  expect([...sizes.values()].reduce((sum, size) => sum + size, 0)).toBeLessThan(60e6)
})
