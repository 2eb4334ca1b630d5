// Every operation: reachable from the command line, and from the web or with a reason why not; audited when it runs; refused to whoever may not.
// A subject's rows lie in `SUBJECT-rows.ts`; an operation without a row fails here.
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { createProgram } from '../../src/cli/program.ts'
import { operations } from '../../src/operations/all.ts'
import { type Actor, InputError, NotAllowed } from '../../src/operations/operation.ts'
import { routes } from '../../src/web/routes.ts'
import { accountRows } from './account-rows.ts'
import { encryptionRows } from './encryption-rows.ts'
import { mailRows } from './mail-rows.ts'
import { ruleRows } from './rule-rows.ts'
import { adminId, agentId, openScene, type Row, type Scene } from './scene.ts'
import { ticketRows } from './ticket-rows.ts'
import { userRows } from './user-rows.ts'

const rows: readonly Row[] = [...accountRows, ...encryptionRows, ...ticketRows, ...mailRows, ...ruleRows, ...userRows]

const root = path.resolve(import.meta.dirname, '../..')
const sourcesOf = (folder: string): string =>
  globSync(`src/${folder}/**/*.ts`, { cwd: root })
    .map(file => readFileSync(path.join(root, file), 'utf8'))
    .join('\n')

/** The constant that holds each operation, by the operation's name. */
const constants = new Map(
  [...sourcesOf('operations').matchAll(/export const (\w+) = defineOperation\(\{\s*name: '([^']+)'/g)].map(
    ([, constant = '', name = '']) => [name, constant],
  ),
)

test('every operation is in the list, once, and has a row', () => {
  const names = operations.map(({ name }) => name)
  expect(names.toSorted()).toEqual([...constants.keys()].toSorted())
  expect(rows.map(({ operation }) => operation.name).toSorted()).toEqual(names.toSorted())
  expect(names.filter(name => !/^[a-z]+(-[a-z]+)*\.[a-z]+(_[a-z]+)*$/.test(name))).toEqual([])
})

const program = createProgram()

function commandOf(name: string): Command | undefined {
  return name
    .split(' ')
    .reduce<Command | undefined>((command, part) => command?.commands.find(found => found.name() === part), program)
}

function fieldsOf(schema: z.ZodType): Record<string, z.ZodType> {
  return 'shape' in schema ? (schema.shape as Record<string, z.ZodType>) : {}
}

/** True where an operation is run by a file of that folder. */
function isRunIn(folder: 'cli' | 'web', name: string): boolean {
  return new RegExp(`\\b${constants.get(name)}\\b`).test(sourcesOf(folder))
}

let scene: Scene
beforeAll(async () => {
  scene = await openScene()
})
afterAll(() => scene[Symbol.asyncDispose]())

const command: Actor = { kind: 'command', name: 'root@host' }
const admin: Actor = { kind: 'user', id: adminId, name: 'ada', role: 'admin' }
const agent: Actor = { kind: 'user', id: agentId, name: 'alan', role: 'agent' }

const lastAudit = async (): Promise<number> => Number((await scene.deps.db('audit_log').max({ id: 'id' }))[0]?.id ?? 0)

describe.each(rows.map(row => [row.operation.name, row] as const))('%s', (name, row) => {
  const { operation, web } = row
  const fields = Object.keys(fieldsOf(operation.input))

  test('every field of its input has a meaning', () => {
    expect(Object.values(fieldsOf(operation.input)).map(meaningOf)).not.toContain('')
  })

  test('a command asks for it, with an argument or an option for each field, or there is a reason why not', () => {
    if ('none' in row.command) {
      expect(row.command.none.length).toBeGreaterThan(20)
      expect(isRunIn('cli', name)).toBe(false)
      return
    }
    const found = commandOf(row.command.name)
    expect(found?.name()).toBe(row.command.name.split(' ').at(-1))
    expect(Object.keys(row.command.fields).toSorted()).toEqual(fields.toSorted())
    const ways = [
      ...(found?.registeredArguments ?? []).map(argument => `<${argument.name()}>`),
      ...(found?.options ?? []).map(option => option.long ?? ''),
    ]
    const named = Object.values(row.command.fields).filter(way => /^(--|<)/.test(way))
    expect(ways).toEqual(expect.arrayContaining(named))
    expect(isRunIn('cli', name)).toBe(true)
  })

  test('a page asks for it, for those who may, or there is a reason why not', () => {
    if ('none' in web) {
      expect(web.none.length).toBeGreaterThan(20)
      expect(isRunIn('web', name)).toBe(false)
      return
    }
    const route = routes.find(({ method, path: at }) => `${method} ${at}` === web.route)
    expect(route).toMatchObject({ who: operation.who })
    expect(isRunIn('web', name)).toBe(true)
  })

  test.each([
    ['a command', command, 'root@host'],
    ['an admin', admin, 'ada (web)'],
  ])('%s may ask for it, and it is audited', async (_, actor, by) => {
    const input = await row.input(scene)
    const before = await lastAudit()
    await operation.run(scene.deps, actor, input)
    const found = await scene.deps.db('audit_log').where('id', '>', before).orderBy('id').select('actor', 'action')
    expect(found).toEqual((row.audits ?? [name]).map(action => ({ actor: by, action })))
  })

  test('an agent may ask for it only where agents may', async () => {
    const input = await row.input(scene)
    const before = await lastAudit()
    const asked = operation.run(scene.deps, agent, input)
    if (operation.who === 'agent') return void (await asked)
    await expect(asked).rejects.toThrow(NotAllowed)
    expect(await lastAudit()).toBe(before)
  })

  test('an unknown field is a fault that is named', async () => {
    const asked = operation.run(scene.deps, command, { ...(await row.input(scene)), colour: 'blue' })
    await expect(asked).rejects.toThrow(InputError)
    await expect(asked).rejects.toMatchObject({ faults: [{ path: ['colour'], text: 'is unknown' }], exitCode: 2 })
  })
})

/** What a field means: `.optional()`, `.nullable()` and `.default()` stand around the field that was described. */
function meaningOf(field: z.ZodType): string {
  if (field.description !== undefined) return field.description
  if ('unwrap' in field && typeof field.unwrap === 'function') return meaningOf(field.unwrap())
  throw new Error('a field of an operation has no meaning: add .describe()')
}
