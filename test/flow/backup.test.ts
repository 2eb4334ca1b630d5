// Backups by `letterlock backup`: taken while mail comes in, proven whole, and restored on a new host by the commands of the manual. What is cut,
// changed or killed in the middle is found out or begun again.
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findBackups } from '../../src/store/backup/backup-directory.ts'
import { createBackup } from '../../src/store/backup/create-backup.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { withRemovalLock } from '../../src/store/raw/raw-removal-lock.ts'
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

const cli = (world: World, line: string): Promise<Ran> => letterlock(line.split(' '), { env: commandEnv(world) })

const mails = (box: string, from: number, to: number): Buffer[] =>
  Array.from({ length: to - from }, (_, i) => rawMail({ id: `${from + i}@${box}`, subject: `${box} ${from + i}` }))

const created = async (world: World): Promise<number> => (await ends(world.db)).created ?? 0

async function accountOf(world: World, box: string): Promise<number> {
  return await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box], everySeconds: 1 })
}

/** The server of the world with a database that has nothing in it, as on a new host. */
async function emptyDatabase(world: World): Promise<void> {
  const name = new URL(world.config.database.url).pathname.slice(1)
  await world.db.raw(`DROP DATABASE ${name}`)
  await world.db.raw(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`)
  await world.db.destroy()
  world.db.initialize()
}

test('drill: backed up while mail comes in, the host is lost, restored on a new one; all mail is there and sealed passwords open', async () => {
  const box = 'drill'
  await using world = await createWorld()
  const [backup, keyCopy] = [path.join(world.directory, 'backups'), path.join(world.directory, 'key-copy.bin')]
  await accountOf(world, box)
  dovecot.deliver(user.name, box, mails(box, 0, 20))
  const daemon = await world.start()
  const keyFile = world.config.encryption.keyFile
  expect(await cli(world, 'encryption enable --i-accept-key-loss --i-have-a-key-backup')).toMatchObject({ code: 0 })
  copyFileSync(keyFile, keyCopy)
  await until(async () => (await created(world)) >= 20)
  const first = await cli(world, `backup ${backup}`)
  expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^backup \S+ is complete: .* batches copied/) })

  // Mail goes on coming in while the second backup is made, right after the first: its id must differ.
  let last = 20
  const coming = setInterval(() => {
    last += 1
    dovecot.deliver(user.name, box, mails(box, last - 1, last))
  }, 50)
  await until(async () => (await created(world)) > 22)
  const second = await cli(world, `backup ${backup} --json`)
  clearInterval(coming)
  expect(second.code).toBe(0)
  const manifest = JSON.parse(second.stdout)
  expect(manifest).toMatchObject({
    rows: { accounts: 1 },
    raw: { lost: [] },
    keyIds: [expect.stringMatching(/^[0-9a-f]{16}$/)],
  })
  expect(manifest.rows.sources).toBeGreaterThan(22)
  expect(manifest.raw.copied).toBeLessThan(manifest.raw.batches)
  const verified = await cli(world, `backup --verify ${backup} --json`)
  expect(verified.code).toBe(0)
  expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, problems: [], mails: manifest.rows.sources })
  // Never the key, and nothing that others may read.
  expect(filesBelow(backup).filter(file => readFileSync(file).includes(readFileSync(keyFile)))).toEqual([])
  expect(filesBelow(backup).filter(file => (statSync(file).mode & 0o077) !== 0)).toEqual([])
  await until(async () => (await created(world)) === last)
  await daemon[Symbol.asyncDispose]()

  // The host is lost: database, raw mail and key.
  await emptyDatabase(world)
  rmSync(path.join(world.directory, 'raw'), { recursive: true })
  rmSync(keyFile)
  expect((await cli(world, 'account list')).code).toBe(2)
  const check = await cli(world, `restore --check ${backup}`)
  expect(check).toMatchObject({ code: 0, stdout: expect.stringMatching(/ok +database +is empty/) })
  expect(check.stdout).toMatch(/note +key +[0-9a-f]{16} is not here/)
  expect(await world.db.schema.hasTable('accounts')).toBe(false)
  const restored = await cli(world, `restore ${backup}`)
  expect(restored).toMatchObject({ code: 0, stdout: expect.stringContaining(`backup ${manifest.id}`) })
  expect(await created(world)).toBe(manifest.rows.sources)
  expect((await cli(world, 'encryption verify')).code).toBe(1)
  copyFileSync(keyCopy, keyFile)
  expect(await cli(world, 'encryption verify')).toMatchObject({ code: 0, stdout: expect.stringContaining('1 of 1') })
  expect((await cli(world, 'doctor --all')).stdout).toMatch(/ok +raw mail +all \d+ mails were read/)

  // What came after the backup comes in again from the server.
  await world.start()
  await until(async () => (await created(world)) === last)
  expect(await cli(world, 'source recover')).toMatchObject({ code: 0 })
  const subjects: string[] = await world.db('tickets').pluck('subject')
  expect(new Set(subjects)).toEqual(new Set(Array.from({ length: last }, (_, i) => `${box} ${i}`)))
  expect(subjects).toHaveLength(last)
  // A full database is left alone.
  const again = await cli(world, `restore ${backup}`)
  expect(again).toMatchObject({ code: 1, stdout: expect.stringMatching(/FAULT database +is not empty/) })
})

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => path.join(entry.parentPath, entry.name))
}

test('what was cut, changed or taken out of a backup is named, and a restore refuses it', async () => {
  const box = 'damage'
  await using world = await createWorld({ LETTERLOCK_POLL_BATCH_MESSAGES: '2' })
  const backup = path.join(world.directory, 'backups')
  await accountOf(world, box)
  dovecot.deliver(user.name, box, mails(box, 0, 6))
  await world.start()
  await until(async () => (await created(world)) === 6)
  expect((await cli(world, `backup ${backup}`)).code).toBe(0)
  const [id = ''] = await findBackups(backup)
  const batches = filesBelow(path.join(backup, 'raw')).filter(file => !file.endsWith('store-id'))
  const [changed = '', gone = ''] = batches
  const problems = async (): Promise<string> => {
    const { code, stdout } = await cli(world, `backup --verify ${backup}`)
    expect(code).toBe(1)
    return stdout
  }
  const withChange = async (file: string, change: () => void): Promise<string> => {
    const before = readFileSync(file)
    change()
    const found = await problems()
    writeFileSync(file, before)
    return found
  }
  expect(await withChange(changed, () => flipByte(changed))).toContain('is not what was copied')
  expect(await withChange(gone, () => rmSync(gone))).toMatch(
    /is missing\n(.|\n)*source \d+: raw batch .* it is missing/,
  )
  const dump = path.join(backup, id, 'database.sql.gz')
  expect(await withChange(dump, () => truncateSync(dump, statSync(dump).size - 20))).toMatch(/dump cannot be read/)
  expect(await withChange(dump, () => appendFileSync(dump, 'x'))).toContain('is not what was written')
  expect((await cli(world, `backup --verify ${backup}`)).code).toBe(0)
  expect(await cli(world, `backup --verify ${backup} --backup 2020-01-01T000000Z`)).toMatchObject({ code: 1 })

  await emptyDatabase(world)
  rmSync(path.join(world.directory, 'raw'), { recursive: true })
  flipByte(changed)
  expect(await cli(world, `restore ${backup}`)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is not what was copied'),
  })
  // The half of a restore is no database for anybody, and the next one goes on.
  expect((await cli(world, 'account list')).stderr).toContain('its loading broke off')
  flipByte(changed)
  expect(await cli(world, `restore ${backup} --paused`)).toMatchObject({ code: 0 })
  expect(await world.db('accounts').pluck('enabled')).toEqual([0])
  expect((await cli(world, 'doctor --all')).stdout).toMatch(/ok +raw mail +all 6 mails were read/)
})

function flipByte(file: string): void {
  const bytes = readFileSync(file)
  bytes[10] = (bytes[10] ?? 0) ^ 1
  writeFileSync(file, bytes)
}

test('a backup that is killed is visibly incomplete, and the next one goes on; raw mail stays meanwhile', {
  tags: ['scene'],
}, async () => {
  const box = 'killed'
  await using world = await createWorld({ LETTERLOCK_POLL_BATCH_MESSAGES: '2' })
  const backup = path.join(world.directory, 'backups')
  await accountOf(world, box)
  dovecot.deliver(user.name, box, mails(box, 0, 6))
  await world.start()
  await until(async () => (await created(world)) === 6)
  const raw = openRawDirectory(path.join(world.directory, 'raw'))
  const deps = { db: world.db, raw, config: world.config, version: '0', say: () => {} }
  let copied = 0
  const dying = {
    ...raw,
    async readBatch(batch: string) {
      copied += 1
      if (copied === 3) throw new Error('killed')
      return await raw.readBatch(batch)
    },
  }
  await expect(createBackup({ ...deps, raw: dying }, backup, new Date())).rejects.toThrow('killed')
  expect(readdirSync(backup).filter(name => name.endsWith('.incomplete'))).toHaveLength(1)
  // Another installation is refused, even before the first backup is complete, and touches nothing of it.
  const others = { ...raw, readId: async () => 'id-of-another' }
  await expect(createBackup({ ...deps, raw: others }, backup, new Date())).rejects.toThrow(
    `${backup} holds backups of another installation`,
  )
  expect(readdirSync(backup).filter(name => name.endsWith('.incomplete'))).toHaveLength(1)
  expect(await cli(world, `backup --verify ${backup}`)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no complete backup'),
  })
  expect((await cli(world, `backup ${backup}`)).code).toBe(0)
  expect(readdirSync(backup).filter(name => name.endsWith('.incomplete'))).toEqual([])
  expect((await cli(world, `backup --verify ${backup}`)).code).toBe(0)

  await withRemovalLock(world.db, 0, async () => {
    expect(await cli(world, 'source prune')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('another process'),
    })
  })
  // A batch that is lost in the raw store is named, and the rest is backed up.
  const [lost = ''] = await Array.fromAsync(raw.batches())
  const fresh = path.join(world.directory, 'other')
  rmSync(path.join(raw.where, lost))
  expect(await cli(world, `backup ${fresh}`)).toMatchObject({ code: 1, stderr: expect.stringContaining(lost) })
  expect(await cli(world, `backup --verify ${fresh}`)).toMatchObject({ code: 1, stdout: expect.stringContaining(lost) })
  expect((await cli(world, 'doctor')).stdout).toMatch(/note +backup +\S+ lacks 1 raw batches/)
})

test('the password is in no argument, no environment and no file that stays', { tags: ['scene'] }, async () => {
  await using world = await createWorld()
  await (await world.start())[Symbol.asyncDispose]()
  // A tool that tells what it was given, in place of the server's own.
  const tools = path.join(world.directory, 'tools')
  mkdirSync(tools)
  const said = path.join(tools, 'said')
  const script = `#!/bin/sh\ncase "$*" in *--version*) echo MariaDB; exit;; esac\n{ echo "$@"; env; stat -c %a "\${1#--defaults-file=}"; } > ${said}\ncat "\${1#--defaults-file=}" > ${said}.options\necho refused >&2\nexit 2\n`
  writeFileSync(path.join(tools, 'mariadb-dump'), script, { mode: 0o755 })
  const url = new URL(world.config.database.url)
  const name = `u${url.pathname.slice(-20)}`.replace(/\W/g, '')
  await world.db.raw(`CREATE USER ${name}@localhost IDENTIFIED BY 'hunter"2'`)
  await world.db.raw(`GRANT ALL ON ${url.pathname.slice(1)}.* TO ${name}@localhost`)
  url.username = name
  const passwordFile = path.join(world.directory, 'password')
  writeFileSync(passwordFile, 'hunter"2\n', { mode: 0o600 })
  const env = {
    ...commandEnv(world, { LETTERLOCK_DATABASE_URL: url.href, LETTERLOCK_DATABASE_PASSWORD_FILE: passwordFile }),
    PATH: `${tools}:${process.env.PATH}`,
  }
  const ran = await letterlock(['backup', path.join(world.directory, 'backups')], { env })
  expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining('mariadb-dump failed: refused') })
  const text = readFileSync(said, 'utf8')
  expect(text).not.toContain('hunter')
  expect(text).toMatch(/\n600\n$/)
  expect(readFileSync(`${said}.options`, 'utf8')).toContain('password="hunter\\"2"')
  await world.db.raw(`DROP USER ${name}@localhost`)
  expect(existsSync(/--defaults-file=(\S+)/.exec(text)?.[1] ?? '/')).toBe(false)
})
