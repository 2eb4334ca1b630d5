// Backup and restore: database and raw mail of different times. What is newer comes back, from the server or from its batch, and is
// there once; what is missing is named.
import { execFileSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { letterlock, type Ran } from '../cli/letterlock.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { commandEnv } from '../support/fleet.ts'
import { rawMail } from '../support/messages.ts'

let dovecot: TestDovecot
beforeAll(async () => {
  dovecot = await startTestDovecot()
})
afterAll(() => dovecot[Symbol.asyncDispose]())

function clientArguments({ config }: World): string[] {
  const url = new URL(config.database.url)
  return [`--socket=${url.searchParams.get('socket')}`, `--user=${url.username}`]
}

function databaseOf({ config }: World): string {
  return new URL(config.database.url).pathname.slice(1)
}

/** As the manual says. */
function dump(world: World): string {
  const file = path.join(world.directory, 'dump.sql')
  const args = [...clientArguments(world), '--single-transaction', '--quick', databaseOf(world)]
  writeFileSync(file, execFileSync('mariadb-dump', args, { maxBuffer: 1e9 }))
  return file
}

async function restore(world: World, file: string): Promise<void> {
  const name = databaseOf(world)
  await world.db.raw(`DROP DATABASE ${name}`)
  await world.db.raw(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`)
  await world.db.destroy()
  world.db.initialize()
  execFileSync('mariadb', [...clientArguments(world), name], { input: readFileSync(file) })
}

const mails = (box: string, from: number, to: number): Buffer[] =>
  Array.from({ length: to - from }, (_, i) => rawMail({ id: `${from + i}@${box}`, subject: `${box} ${from + i}` }))

async function expectOnce(world: World, count: number): Promise<void> {
  expect(await ends(world.db)).toEqual({ created: count })
  const subjects: string[] = await world.db('tickets').pluck('subject')
  expect(subjects).toHaveLength(count)
  expect(new Set(subjects).size).toBe(count)
  expect(Number((await world.db('messages').count({ n: '*' }).first())?.n)).toBe(count)
}

const cli = (world: World, line: string): Promise<Ran> => letterlock(line.split(' '), { env: commandEnv(world) })

test.concurrent.each(['poll first', 'recover first'])(
  'an older database beside newer raw mail, %s: what the server still has and what only its batch has come back, once',
  async order => {
    const [kept, deleted] = [`keep-${order[0]}`, `delete-${order[0]}`]
    await using world = await createWorld()
    const account = (box: string, address: string, afterIngest: string) =>
      world.add(dovecot.destination('tls'), user.password, { address, mailboxes: [box], afterIngest, everySeconds: 1 })
    dovecot.deliver(user.name, kept, mails(kept, 0, 3))
    dovecot.deliver(user.name, deleted, mails(deleted, 0, 3))
    await account(kept, 'a@example.com', 'keep')
    await account(deleted, 'b@example.com', 'delete')
    const daemon = await world.start()
    const settled = async (count: number) =>
      (await ends(world.db)).created === count && dovecot.files(user.name, deleted).length === 0
    await until(async () => await settled(6))
    // The daemon runs on: nothing has to be stopped for a backup.
    const file = dump(world)
    dovecot.deliver(user.name, kept, mails(kept, 3, 7))
    dovecot.deliver(user.name, deleted, mails(deleted, 3, 7))
    await until(async () => await settled(14))
    await daemon[Symbol.asyncDispose]()
    await restore(world, file)
    await expectOnce(world, 6)
    expect((await cli(world, 'doctor')).stdout).toMatch(
      /note +raw mail +\d+ of \d+ batches have no rows .*\n.*source recover/,
    )

    const steps = [
      async (expected: number) => {
        await world.start()
        await until(async () => (await ends(world.db)).created === expected)
      },
      async (expected: number) => {
        const { code, stdout } = await cli(world, 'source recover')
        expect({ code, created: (await ends(world.db)).created }).toEqual({ code: 0, created: expected })
        expect(stdout).toContain(order === 'poll first' ? '4 mails of' : '8 mails of')
      },
    ]
    if (order === 'poll first') {
      await steps[0]?.(10)
      await steps[1]?.(14)
    } else {
      await steps[1]?.(14)
      expect((await cli(world, 'doctor')).stdout).toMatch(/note +restored +2 mailboxes are read again/)
      await steps[0]?.(14)
    }
    // All later polls are content with that, and so is a mail that comes now.
    dovecot.deliver(user.name, kept, mails(kept, 7, 8))
    dovecot.deliver(user.name, deleted, mails(deleted, 7, 8))
    await until(async () => await settled(16))
    await expectOnce(world, 16)
    expect(await world.db('accounts').pluck('state')).toEqual(['active', 'active'])
    await until(async () => (await world.db('sources').whereNull('settled_at').first('id')) === undefined)
    const doctor = await cli(world, 'doctor')
    expect(doctor.stdout).not.toMatch(/(note|FAULT) +restored/)
    expect(doctor.stdout).toMatch(/ok +raw mail +\d+ mails from all over were read/)
  },
)

test.concurrent('older raw mail beside a newer database: doctor names the batches and the mails, and is content once they are back', {
  tags: ['scene'],
}, async () => {
  const box = 'older-raw'
  await using world = await createWorld()
  const raw = path.join(world.directory, 'raw')
  dovecot.deliver(user.name, box, mails(box, 0, 3))
  const id = await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box], everySeconds: 1 })
  await world.start()
  await until(async () => (await ends(world.db)).created === 3)
  cpSync(raw, `${raw}-backup`, { recursive: true })
  dovecot.deliver(user.name, box, mails(box, 3, 7))
  await until(async () => (await ends(world.db)).created === 7)
  const before = await cli(world, 'doctor')
  expect(before.stdout).toMatch(/ok +raw mail +\d+ batches in .*, all with rows/)
  cpSync(raw, `${raw}-whole`, { recursive: true })
  rmSync(raw, { recursive: true })
  cpSync(`${raw}-backup`, raw, { recursive: true })

  const { code, stdout } = await cli(world, 'doctor')
  expect(code).toBe(1)
  const rows: { batch: string; id: number }[] = await world.db('sources').where('id', '>', 3).select('batch', 'id')
  const lost = new Set(rows.map(row => row.batch))
  expect(stdout).toContain(`FAULT raw mail       ${lost.size} batches with 4 mails are missing in ${raw}`)
  for (const batch of lost) expect(stdout).toContain(batch)
  expect(stdout).toContain(`of account ${id}`)
  expect(stdout).toContain('source')
  const shown = await cli(world, `source export ${world.directory}/out`)
  expect(shown).toMatchObject({ code: 1, stdout: expect.stringContaining('3 mails written') })

  cpSync(`${raw}-whole`, raw, { recursive: true })
  const [file] = [...lost]
  const bytes = readFileSync(path.join(raw, file as string))
  writeFileSync(path.join(raw, file as string), bytes.subarray(0, 10))
  expect((await cli(world, 'doctor')).stdout).toMatch(/FAULT raw mail +source \d+: raw batch .* shorter than recorded/)
  writeFileSync(path.join(raw, file as string), bytes)
  expect((await cli(world, 'doctor')).stdout).not.toContain('FAULT raw mail')
})

test.concurrent('what is to be deleted on the server stays there while its batch is missing, and new mail comes in', async () => {
  const box = 'last-copy'
  await using world = await createWorld()
  const raw = path.join(world.directory, 'raw')
  dovecot.deliver(user.name, box, mails(box, 0, 3))
  const id = await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box] })
  const daemon = await world.start()
  await until(async () => (await ends(world.db)).created === 3)
  await daemon[Symbol.asyncDispose]()
  cpSync(raw, `${raw}-whole`, { recursive: true })
  const [day] = readdirSync(raw).filter(name => /^\d/.test(name))
  rmSync(path.join(raw, day as string), { recursive: true })
  await world.db('sources').update({ after_ingest: 'delete', settled_at: null })
  dovecot.deliver(user.name, box, mails(box, 3, 4))
  await world.start()
  await world.poll(id)
  expect(await world.db('accounts').where({ id }).first('state', 'code')).toMatchObject({ code: 'raw.damaged' })
  expect(dovecot.files(user.name, box)).toHaveLength(4)
  expect(await ends(world.db)).toEqual({ created: 4 })
  cpSync(`${raw}-whole`, raw, { recursive: true })
  await world.poll(id)
  expect(dovecot.files(user.name, box)).toHaveLength(1)
  expect(await world.db('accounts').where({ id }).first('state', 'code')).toMatchObject({ state: 'active', code: null })
})

test.concurrent('a dump whose tables are not of one moment is found out', { tags: ['scene'] }, async () => {
  const box = 'torn'
  await using world = await createWorld()
  dovecot.deliver(user.name, box, mails(box, 0, 3))
  await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box] })
  await world.start()
  await until(async () => (await ends(world.db)).created === 3)
  expect((await cli(world, 'doctor')).stdout).not.toMatch(/(note|FAULT) +restored/)
  await world.db('messages').limit(1).delete()
  const { code, stdout } = await cli(world, 'doctor')
  expect(code).toBe(1)
  expect(stdout).toMatch(/FAULT restored +1 mails have a ticket and no message/)
})
