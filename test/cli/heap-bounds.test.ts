// The daemon has the same bounds of its heap however it is started.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const src = path.resolve(import.meta.dirname, '../../src')
const tellOptions = '--import=data:text/javascript,console.log(JSON.stringify(process.execArgv))'

/** The options of Node with which the program is started, and with which it goes on. */
function optionsOf(args: readonly string[], nodeOptions = ''): unknown[] {
  const env = { ...process.env, NODE_OPTIONS: `${tellOptions} ${nodeOptions}` }
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env })
  const lines = stdout.split('\n').filter(line => line.startsWith('['))
  return lines.map(line => JSON.parse(line))
}

const run = [path.join(src, 'main.ts'), 'run', '--config', '/nowhere.toml']

test('started by Node itself, it takes the bounds that the launcher passes', () => {
  const bounds = readFileSync(path.join(src, 'letterlock'), 'utf8').match(/--max-[\w-]+=\d+/g)
  expect(bounds).toHaveLength(2)
  expect(optionsOf(run)).toEqual([[], bounds])
  expect(optionsOf(['--use-system-ca', ...run])).toEqual([['--use-system-ca'], ['--use-system-ca', ...(bounds ?? [])]])
})

test('bounds of one’s own stay, and other commands need none', () => {
  expect(optionsOf(run, '--max-old-space-size=900')).toEqual([[]])
  expect(optionsOf(['--max-semi-space-size=4', ...run])).toEqual([['--max-semi-space-size=4']])
  expect(optionsOf([path.join(src, 'main.ts'), '--version'])).toEqual([[]])
})
