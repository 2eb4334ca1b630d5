// The ways that docs/internals.md draws are those of the code: at most eight steps, each in the file that is named, which has the function.
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '..')
const text = readFileSync(path.join(root, 'docs/internals.md'), 'utf8')

test.each(['From the scheduler to the SQL of a mail', 'From a row to the login'])('%s', title => {
  const [, section = ''] = text.split(`## ${title}\n`)
  const steps = (section.split('\n## ')[0] ?? '').match(/^\d+\. .*$/gm) ?? []
  expect(steps.length).toBeGreaterThan(4)
  expect(steps.length).toBeLessThanOrEqual(8)
  for (const step of steps) {
    const [, file = '', name = ''] = /^\d+\. `(src\/[\w/-]+\.ts)`: `(\w+)`/.exec(step) ?? []
    expect(existsSync(path.join(root, file)), step).toBe(true)
    expect(readFileSync(path.join(root, file), 'utf8'), step).toMatch(new RegExp(`\\bfunction ${name}\\b`))
  }
})

test('every file that is named is there', () => {
  const named = [...text.matchAll(/`([\w/-]+\.ts)`/g)].map(([, name = '']) => name.replace(/^src\//, ''))
  const paths = globSync('{src,test,migrations}/**/*.ts', { cwd: root })
  expect([...new Set(named)].filter(name => !paths.some(file => file === name || file.endsWith(`/${name}`)))).toEqual(
    [],
  )
})
