// What needs no server: help, wrong usage, wrong configuration.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Command } from 'commander'
import { expect, onTestFinished, test } from 'vitest'
import { completionScript } from '../../src/cli/completion.ts'
import { createProgram } from '../../src/cli/program.ts'
import { runScript, shell, spawnLetterlock } from './letterlock.ts'

test.each(['commands', 'configuration'])('scripts/%s.txt', async name => {
  expect(await runScript(path.join(import.meta.dirname, 'scripts', `${name}.txt`))).toEqual([])
})

function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf)
}

const leaves = leavesOf(createProgram())

test('the commands are the ones that scripts of operators know', () => {
  expect(leaves.map(leaf => `${leaf.parent?.name()} ${leaf.name()}`)).toEqual([
    'letterlock run',
    'letterlock check',
    'letterlock setup',
    'letterlock migrate',
    ...[
      'add',
      'discover',
      'list',
      'show',
      'test',
      'trace',
      'coverage',
      'backfill',
      'trust',
      'set',
      'pause',
      'resume',
      'poll',
      'remove',
      'import',
    ].map(name => `account ${name}`),
    ...[
      'status',
      'verify',
      'audit',
      'enable',
      'rotate',
      'disable',
      'backup',
      'recover',
      'confirm-state',
      'accept-destination',
    ].map(name => `encryption ${name}`),
    ...['list', 'show', 'close', 'reopen'].map(name => `ticket ${name}`),
    ...['list', 'show', 'export', 'recover', 'prune'].map(name => `source ${name}`),
    ...['list', 'show', 'retry', 'export'].map(name => `quarantine ${name}`),
    ...['add', 'list', 'test', 'enable', 'disable', 'remove'].map(name => `rule ${name}`),
    ...['add', 'list', 'passwd', 'remove'].map(name => `user ${name}`),
    'letterlock backup',
    'letterlock restore',
    'letterlock parse',
    'letterlock doctor',
    'letterlock support-bundle',
    'letterlock completion',
  ])
})

test('an option that takes a value says so to the parser, not only to the reader', () => {
  const wrong = leaves.flatMap(leaf =>
    leaf.options.filter(option => / [A-Z]/.test(option.flags)).map(option => option.flags),
  )
  expect(wrong).toEqual([])
})

test('every command has examples in its help', async () => {
  const texts = leaves.map(leaf => {
    const parts: string[] = []
    leaf.configureOutput({ writeOut: part => parts.push(part) })
    leaf.outputHelp()
    return [leaf.name(), /\nExamples?:\n {2}/.test(parts.join(''))]
  })
  expect(texts.filter(([, has]) => !has)).toEqual([])
})

test('every listing has --json', () => {
  const listings = leaves.filter(leaf => ['list', 'show', 'doctor', 'parse', 'migrate'].includes(leaf.name()))
  expect(
    listings.filter(leaf => !leaf.options.some(option => option.long === '--json')).map(leaf => leaf.name()),
  ).toEqual([])
  expect(listings.length).toBeGreaterThan(8)
})

test('no option takes a secret', () => {
  const names = new Set(
    leaves.flatMap(leaf => leaf.options.filter(option => option.required).map(option => option.long)),
  )
  // A file's path, and the id of a key, which says nothing about it.
  const harmless = [
    ...['--database-password-file', '--admin-password-file', '--redis-password-file'],
    ...['--client-secret-file', '--password-file', '--old-key-id'],
  ]
  expect([...names].filter(name => /pass|secret|key|token/.test(name ?? ''))).toEqual(harmless)
})

test('a reader that has seen enough is no fault', async () => {
  const line = '(letterlock parse --json $(yes missing.eml | head -3000); echo "code $?" >&2) | head -1'
  const { stdout, stderr } = await shell(line)
  expect(JSON.parse(stdout)).toMatchObject({ path: 'missing.eml', ok: false })
  expect(stderr).toBe('code 0\n')
})

test('bash completes commands and options, however many arguments stand between', async () => {
  const words = async (line: string): Promise<string> => {
    const { stdout } = await shell(
      `bash -c "$SCRIPT"'
      COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _letterlock; echo "\${COMPREPLY[*]}"'`,
      {
        env: { SCRIPT: completionScript(createProgram(), 'bash') },
      },
    )
    return stdout.trim()
  }
  expect(await words('letterlock acc')).toBe('account')
  expect(await words('letterlock --config x account l')).toBe('list')
  expect(await words('letterlock account show 3 --j')).toBe('--json')
  expect(await words('letterlock parse some')).toBe('')
})

test('scripts for zsh and fish know every command', () => {
  for (const shellName of ['zsh', 'fish'] as const) {
    const script = completionScript(createProgram(), shellName)
    for (const leaf of leaves) expect(script).toContain(leaf.name())
  }
})

test('help and version go to standard output, and the rest stays silent', async () => {
  const [help, version] = await Promise.all([spawnLetterlock(['account', '--help']), spawnLetterlock(['--version'])])
  expect(help).toMatchObject({ code: 0, stderr: '' })
  expect(help.stdout).toContain('add many accounts, all or none')
  expect(version).toMatchObject({ code: 0, stderr: '' })
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

/** A folder with the launcher alone, and a folder of programs in which `node` is what the test says (none for `undefined`). */
function launchFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), 'letterlock-launcher-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const name of ['src', 'bin']) mkdirSync(path.join(folder, name))
  for (const name of ['letterlock', 'node.sh'])
    copyFileSync(path.resolve(import.meta.dirname, '../../src', name), path.join(folder, 'src', name))
  const putScript = (file: string, script: string): void => {
    const at = path.join(folder, file)
    mkdirSync(path.dirname(at), { recursive: true })
    writeFileSync(at, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  }
  for (const program of ['dirname', 'readlink', 'uname']) putScript(`bin/${program}`, `exec /usr/bin/${program} "$@"`)
  const run = () => {
    const { status, stdout, stderr } = spawnSync('/bin/sh', [path.join(folder, 'src/letterlock'), 'run'], {
      encoding: 'utf8',
      env: { PATH: path.join(folder, 'bin') },
    })
    return `${status} ${stdout}${stderr}`.replaceAll(folder, '')
  }
  return { folder, putScript, run }
}

const packagedNode = `node_modules/node-linux-${process.arch}/bin/node`
const saysNode = (version: string, able: boolean): string =>
  `case $1 in --version) echo v${version};; -p) echo ${able};; *) echo "path: $*";; esac`

test('the launcher says what is missing: all packages, the end of their installation, or a Node that can run it', () => {
  const { folder, putScript, run } = launchFolder()
  expect(run()).toMatch(/^2 error: the packages that letterlock needs are not installed\nhint: run `npm ci`/)
  mkdirSync(path.join(folder, 'node_modules/commander'), { recursive: true })
  expect(run()).toMatch(/^2 error: the packages that letterlock needs are not all installed yet\nhint: wait/)
  writeFileSync(path.join(folder, 'node_modules/.package-lock.json'), '{}')
  expect(run()).toMatch(/^2 error: letterlock needs Node 24 or newer, and there is none\nhint: install Node 24/)
  putScript('bin/node', saysNode('20.1.2', false))
  expect(run()).toMatch(/^2 error: .* 24 or newer; \/bin\/node is v20\.1\.2\nhint: run `npm ci` without/)
})

test('a Node 24 that was built without TypeScript is not taken, and the packaged one needs no link from npm', () => {
  const { folder, putScript, run } = launchFolder()
  mkdirSync(path.join(folder, 'node_modules/commander'), { recursive: true })
  writeFileSync(path.join(folder, 'node_modules/.package-lock.json'), '{}')
  putScript('bin/node', saysNode('24.9.0', false))
  expect(run()).toMatch(/^2 error: letterlock needs a Node that runs TypeScript, 24 or newer; \/bin\/node is v24\.9\.0/)
  putScript(packagedNode, 'case $1 in --version) ;; *) echo "packaged: $*";; esac')
  expect(run()).toMatch(/^0 packaged: --disable-sigusr1 .*--max-old-space-size=1536 \/src\/main\.ts run\n$/)
  putScript(packagedNode, 'exit 127')
  putScript('bin/node', saysNode('24.9.0', true))
  expect(run()).toMatch(/^0 path: --disable-sigusr1 .*\/src\/main\.ts run\n$/)
})

test('a command that 0.3.0 linked into the path still works', () => {
  const linked = path.resolve(import.meta.dirname, '../../src/letterlock.mjs')
  const { status, stdout } = spawnSync(process.execPath, [linked, '--version'], { encoding: 'utf8' })
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)])
})
