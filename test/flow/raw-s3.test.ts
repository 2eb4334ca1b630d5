// The main flow with raw mail in a bucket: mail in, reading, export, recovery, doctor; and what a service that fails costs.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { letterlock, letterlockBytes } from '../cli/letterlock.ts'
import { createWorld, ends, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { commandEnv } from '../support/fleet.ts'
import { rawMail } from '../support/messages.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'

let dovecot: TestDovecot
beforeAll(async () => {
  dovecot = await startTestDovecot()
})
afterAll(() => dovecot[Symbol.asyncDispose]())

const pdf = Buffer.from([0x25, 0x50, 0x44, 0x46, 0x00, 0xff, 0x1b, 0x0a])
const invoice = rawMail({
  id: 'invoice@s3',
  subject: 'an invoice',
  headers: ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b'],
  body: `--b\r\n\r\nSee below.\r\n--b\r\nContent-Type: application/pdf; name=i.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n${pdf.toString('base64')}\r\n--b--`,
})

async function scene(box: string): Promise<{ server: S3Server; world: World; id: number } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const server = stack.use(await startS3Server())
  const world = stack.use(await createWorld(server.env()))
  const id = await world.add(dovecot.destination('tls'), user.password, { mailboxes: [box] })
  const opened = stack.move()
  return { server, world, id, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

test('mail comes in, is read, exported, recovered, and doctor is content', async () => {
  await using found = await scene('s3-flow')
  const { server, world, id } = found
  const others = Array.from({ length: 30 }, (_, i) => rawMail({ id: `${i}@s3`, subject: `mail ${i}` }))
  dovecot.deliver(user.name, 's3-flow', [invoice, ...others])
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).lastSuccessAt)
  expect(await ends(world.db)).toEqual({ created: 31 })
  expect(readdirSync(world.directory)).not.toContain('raw')
  const env = commandEnv(world, server.env())
  const cli = (line: string) => letterlock(line.split(' '), { env })

  const ticket = (await world.db('tickets').where({ subject: 'an invoice' }).first('id')).id
  const bytes = (line: string) => letterlockBytes(line.split(' '), { env })
  expect((await bytes(`ticket show ${ticket} --raw`)).stdout).toEqual(invoice)
  expect((await bytes(`ticket show ${ticket} --attachment 1`)).stdout).toEqual(pdf)

  const out = path.join(world.directory, 'out')
  expect(await cli(`source export ${out}`)).toMatchObject({ code: 0, stdout: expect.stringContaining('31 mails') })
  const sha256 = createHash('sha256').update(invoice).digest('hex')
  expect(readFileSync(path.join(out, `${sha256}.eml`))).toEqual(invoice)

  const content = await cli('doctor')
  expect(content.stdout).toMatch(/ok +raw mail +\d+ batches in s3:\/\/mail-of-tests\/desk\/, all with rows/)
  expect(content.stdout).toMatch(/ok +raw mail +\d+ mails from all over were read/)
  expect(content.stdout).not.toContain('FAULT raw mail')

  await world.db('messages').delete()
  await world.db('sources').delete()
  await world.db('tickets').delete()
  expect(await cli('source recover')).toMatchObject({ code: 0, stdout: expect.stringContaining('31 mails of') })
  expect(await ends(world.db)).toEqual({ created: 31 })
  expect((await cli('source recover')).stdout).toContain('0 mails of 0 batches')

  // The control: doctor and export name what is gone.
  const [key = ''] = [...server.objects.keys()].filter(name => name !== 'desk/store-id')
  server.objects.delete(key)
  const doctor = await cli('doctor')
  expect(doctor.code).toBe(1)
  expect(doctor.stdout).toContain(`missing in s3://mail-of-tests/desk/: ${key.replace('desk/', '')} (source`)
  server.script.fault = () => ({ answer: { status: 403, code: 'AccessDenied' } })
  const refused = await cli('doctor')
  expect(refused.stdout).toMatch(/FAULT raw mail +raw mail cannot be read .*access is denied/)
  expect(refused.stdout).toContain('s3:PutObject')
  // What cannot be asked is not called damaged.
  const again = (await world.db('tickets').where({ subject: 'an invoice' }).first('id')).id
  const shown = await cli(`ticket show ${again} --raw`)
  expect(shown.code).toBe(1)
  expect(shown.stderr).toContain('access is denied')
})

test('while the service is away nothing is taken in and nothing lost; all comes in once it is back', async () => {
  await using found = await scene('s3-away')
  const { server, world, id } = found
  const daemon = await world.start()
  await until(
    async () => (await getAccount(world.db, String(id))).lastSuccessAt || (await getAccount(world.db, String(id))).code,
  )
  server.script.fault = ({ method }) => (method === 'PUT' ? { answer: { status: 503, code: 'SlowDown' } } : undefined)
  dovecot.deliver(user.name, 's3-away', [rawMail({ id: 'away@s3' })])
  await world.poll(id)
  expect(await getAccount(world.db, String(id))).toMatchObject({ state: 'failing', code: 'raw.unwritable' })
  expect(await ends(world.db)).toEqual({})
  const ready = await fetch(`${daemon.url}/ready`)
  expect(ready.status).toBe(503)
  expect(await ready.text()).toContain('raw.unwritable')
  server.script.fault = () => undefined
  await world.poll(id)
  expect(await ends(world.db)).toEqual({ created: 1 })
  await until(async () => (await fetch(`${daemon.url}/ready`)).ok)
})

test('a batch whose answer was lost is found again and used: the mail is there once, and so is its batch', async () => {
  await using found = await scene('s3-lost')
  const { server, world, id } = found
  dovecot.deliver(user.name, 's3-lost', [rawMail({ id: 'lost@s3' })])
  // The service has the bytes, and the daemon cannot learn it.
  server.script.fault = ({ method, key }) => {
    if (!/\/\d{4}-/.test(key)) return undefined
    return method === 'PUT' ? 'lost answer' : { answer: { status: 503, code: 'SlowDown' } }
  }
  await world.start()
  await until(async () => (await getAccount(world.db, String(id))).code === 'raw.unwritable')
  server.script.fault = () => undefined
  await world.poll(id)
  expect(await ends(world.db)).toEqual({ created: 1 })
  const env = commandEnv(world, server.env())
  expect((await letterlock(['doctor'], { env })).stdout).toMatch(/ok +raw mail +1 batches in \S+, all with rows/)
  expect((await letterlock(['source', 'recover'], { env })).stdout).toContain('0 mails')
  expect(await ends(world.db)).toEqual({ created: 1 })
})

test('a bucket of another installation is refused, and one that is not to be reached is waited for', async () => {
  await using found = await scene('s3-other')
  const { server, world } = found
  await (await world.start())[Symbol.asyncDispose]()
  await expect(world.start({ LETTERLOCK_RAW_S3_PREFIX: 'elsewhere' })).rejects.toThrow(
    'the mail of this database does not lie in s3://mail-of-tests/elsewhere/',
  )
  server.script.fault = () => ({ answer: { status: 404, code: 'NoSuchBucket' } })
  const starting = world.start()
  await until(async () => world.log.some(line => line.part === 'raw' && line.code === 'raw.unreadable'))
  server.script.fault = () => undefined
  await using daemon = await starting
  expect(daemon.url).toContain('127.0.0.1')
  const { inspect } = await import('node:util')
  expect(inspect(world.log, { depth: 20 })).not.toMatch(/AKIDEXAMPLE|a-secret-that/)
})
