// Raw mail in a bucket: what is kept, what is read, and what becomes of it when the service fails or lies.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { toConfig } from '../../src/config/config.ts'
import type { RawLocation } from '../../src/model/mail.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { openRawS3 } from '../../src/store/raw/raw-s3.ts'
import type { RawMail, RawStore } from '../../src/store/raw/raw-store.ts'
import type { S3Patience } from '../../src/store/raw/s3-bucket.ts'
import { type S3Server, startS3Server, writeCredentials } from '../support/s3-server.ts'

let server: S3Server
beforeEach(async () => {
  server = await startS3Server()
})
afterEach(() => server[Symbol.asyncDispose]())

function configOf(env: Record<string, string>) {
  return toConfig({ file: undefined, toml: '', directory: '/', env }).raw
}

function open(change: Record<string, string> = {}, limits: Partial<S3Patience> = {}): RawStore {
  return openRawS3(configOf({ ...server.env(), ...change }), limits)
}

const mails = (count: number, body = 'hello'): RawMail[] =>
  Array.from({ length: count }, (_, i) => ({
    accountId: 7,
    mailbox: 'INBOX',
    uidValidity: 1,
    uid: i + 1,
    receivedAt: new Date('2026-11-24T10:00:00Z'),
    complete: true,
    source: Buffer.from(`Subject: ${i}\r\n\r\n${body}`),
  }))

async function listed(names: AsyncIterable<string>): Promise<string[]> {
  return await Array.fromAsync(names)
}

const onlyObject = (): Buffer => [...server.objects.values()][0] as Buffer

test('a batch comes back mail by mail, with its index, in the same bytes that a directory keeps', async () => {
  const raw = open()
  const kept = mails(3)
  const places = await raw.archive(kept)
  for (const [i, place] of places.entries()) expect(await raw.read(place)).toEqual(kept[i]?.source)
  const [place] = places as [RawLocation, ...RawLocation[]]
  const index = await raw.index(place.batch)
  expect(index.map(entry => [entry.uid, entry.offset, entry.size, entry.sha256])).toEqual(
    places.map(({ offset, size, sha256 }, i) => [i + 1, offset, size, sha256]),
  )
  expect(await listed(raw.batches())).toEqual([place.batch])
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-raw-'))
  const beside = openRawDirectory(directory)
  await beside.archive(kept)
  const [file = ''] = await listed(beside.batches())
  const { readFileSync } = await import('node:fs')
  expect(readFileSync(path.join(directory, file))).toEqual(onlyObject())
  rmSync(directory, { recursive: true })
  await raw.remove(place.batch)
  expect(server.objects.size).toBe(0)
})

test('one mail is one ranged request, an index at most two', async () => {
  const raw = open()
  const [first] = (await raw.archive(mails(2_000, 'x'.repeat(50)))) as [RawLocation]
  const before = server.requests.length
  await raw.read(first)
  expect(server.requests.slice(before).map(({ method, headers }) => [method, headers.range])).toEqual([
    ['GET', `bytes=0-${first.size - 1}`],
  ])
  expect(await raw.index(first.batch)).toHaveLength(2_000)
  expect(server.requests.length - before).toBe(3)
})

test('an empty mail and an empty page are no reason to stop', async () => {
  const raw = open()
  const [place] = await raw.archive([{ ...(mails(1)[0] as RawMail), source: Buffer.alloc(0) }])
  expect(await raw.read(place as RawLocation)).toEqual(Buffer.alloc(0))
  expect(await listed(open({ LETTERLOCK_RAW_S3_PREFIX: 'other' }).batches())).toEqual([])
})

test('listings are followed through all their pages, by day too, and only batches are in them', async () => {
  const raw = open()
  server.script.pageSize = 2
  const names = ['2026-11-22/1-a', '2026-11-22/2-b', '2026-11-22/3-c', '2026-11-23/1-d', '2026-11-24/1-e']
  for (const name of [...names, 'store-id', '2026-11-24/not ours', 'notes/x'])
    server.objects.set(`desk/${name}`, Buffer.of(0))
  server.objects.set('2026-11-24/of-another-prefix', Buffer.of(0))
  expect(await listed(raw.batches())).toEqual(names)
  expect(await listed(raw.days())).toEqual(['2026-11-22', '2026-11-23', '2026-11-24'])
  expect(await listed(raw.batches('2026-11-22'))).toEqual(names.slice(0, 3))
})

test('a batch is never written over: each PUT asks that nothing be there', async () => {
  await open().archive(mails(1))
  expect(server.requests.map(({ method, headers }) => [method, headers['if-none-match']])).toEqual([['PUT', '*']])
  expect(server.requests[0]?.headers['x-amz-checksum-sha256']).toMatch(/^[\w+/]{43}=$/)
})

test('a service that does not know conditional writes is written to without them', async () => {
  server.script.conditional = 'unknown'
  const raw = open()
  await raw.archive(mails(1))
  await raw.archive(mails(1))
  expect(server.requests.map(({ headers }) => headers['if-none-match'])).toEqual(['*', undefined, undefined])
})

test('slow down, a connection cut in the upload: tried again, and kept once', async () => {
  const raw = open()
  server.script.fault = ({ number }) =>
    number === 0 ? { answer: { status: 503, code: 'SlowDown' } } : number === 1 ? 'cut upload' : undefined
  const [place] = await raw.archive(mails(1, 'x'.repeat(200_000)))
  expect(server.objects.size).toBe(1)
  expect((await raw.read(place as RawLocation)).length).toBeGreaterThan(200_000)
})

test('an answer that is lost after the bytes were kept: the second try finds them, compares them and is content', async () => {
  const raw = open()
  server.script.fault = ({ number }) => (number === 0 ? 'lost answer' : undefined)
  await raw.archive(mails(2))
  expect(server.requests.map(({ method }) => method)).toEqual(['PUT', 'PUT', 'GET'])
  expect(server.objects.size).toBe(1)
})

test.each(['keep half', 'keep nothing'] as const)(
  'a service without checksums that lies (%s) is found out',
  async fault => {
    server.script.checksums = false
    const raw = open()
    await raw.archive(mails(1))
    server.script.fault = ({ method }) => (method === 'PUT' ? fault : undefined)
    await expect(raw.archive(mails(1))).rejects.toMatchObject({ code: 'raw.unwritable', temporary: true })
  },
)

test.each([
  ['NoSuchBucket', 404, 'there is no such bucket', 'Create it'],
  ['AccessDenied', 403, 'access is denied', 's3:PutObject'],
  ['InvalidAccessKeyId', 403, 'the access key is not known', 's3_credentials_file'],
  ['SlowDown', 503, 'the service asks to come slower', 'Mail waits'],
  ['RequestTimeTooSkewed', 403, 'the clocks differ', 'NTP'],
  ['PermanentRedirect', 301, 'another region', 's3_region'],
  ['InternalError', 500, 'the service answered InternalError (500)', 'log of the service'],
])('%s: nothing is kept, it is temporary, and the hint says what to do', async (code, status, why, hint) => {
  const raw = open({}, { attempts: 1 })
  server.script.fault = () => ({ answer: { status, code, headers: { 'retry-after': '7' } } })
  const failure = await raw.archive(mails(1)).catch(error => error)
  expect(failure).toMatchObject({ code: 'raw.unwritable', temporary: true, retryAfterMs: 7_000 })
  expect(failure.message).toContain(why)
  expect(failure.hint).toContain(hint)
  expect(server.requests).toHaveLength(1)
  await expect(raw.batches()[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'raw.unreadable' })
})

test('a service that is silent or not there is left after a while', async () => {
  const silent = open({}, { attempts: 2, silenceMs: 300 })
  server.script.fault = () => 'hang'
  const failure = await silent.archive(mails(1)).catch(error => error)
  expect(failure).toMatchObject({ code: 'raw.unwritable', temporary: true })
  expect(failure.message).toContain('no answer in time')
  const absent = open({ LETTERLOCK_RAW_S3_ENDPOINT: 'http://127.0.0.1:1' }, { attempts: 1 })
  await expect(absent.archive(mails(1))).rejects.toThrow('it cannot be reached (ECONNREFUSED)')
})

test('an answer that breaks off is asked for again; one that always does is unreadable, not damaged', async () => {
  const raw = open({}, { attempts: 3 })
  const [place] = (await raw.archive(mails(1))) as [RawLocation]
  server.script.fault = ({ number }) => (number === 1 ? 'cut answer' : undefined)
  expect(await raw.read(place)).toEqual(mails(1)[0]?.source)
  server.script.fault = () => 'cut answer'
  await expect(raw.read(place)).rejects.toMatchObject({ code: 'raw.unreadable', temporary: true })
  server.script.fault = () => 'whole'
  await expect(raw.read(place)).rejects.toMatchObject({ code: 'raw.unreadable' })
})

test('what is missing, cut, changed or named oddly is damaged', async () => {
  const raw = open()
  const [first, second] = (await raw.archive(mails(2))) as [RawLocation, RawLocation]
  const key = `desk/${first.batch}`
  const whole = onlyObject()
  const damages: [Buffer | undefined, RegExp][] = [
    [undefined, /it is missing/],
    [whole.subarray(0, first.size + 3), /shorter than recorded/],
    [whole.subarray(0, first.size), /shorter than recorded/],
    [Buffer.from(whole).fill(0x20, second.offset, second.offset + 3), /recorded hash/],
  ]
  for (const [bytes, why] of damages) {
    if (bytes === undefined) server.objects.delete(key)
    else server.objects.set(key, bytes)
    await expect(raw.read(second)).rejects.toMatchObject({ code: 'raw.damaged', message: expect.stringMatching(why) })
  }
  server.objects.set(key, whole.subarray(0, -1))
  await expect(raw.index(first.batch)).rejects.toThrow('it has no footer')
  server.objects.set(key, Buffer.alloc(0))
  await expect(raw.index(first.batch)).rejects.toMatchObject({ code: 'raw.damaged' })
  await expect(raw.read({ ...first, batch: '../other' })).rejects.toThrow('none of ours')
})

test('the id is written once, whoever comes second; and the right to write is tried without writing', async () => {
  const raw = open()
  expect(await raw.readId()).toBeUndefined()
  await raw.checkWritable()
  expect(server.objects.size).toBe(0)
  expect(await raw.writeId('first')).toBe('first')
  expect(await open().writeId('second')).toBe('first')
  await raw.checkWritable()
  server.script.fault = ({ method }) =>
    method === 'PUT' ? { answer: { status: 403, code: 'AccessDenied' } } : undefined
  await expect(raw.checkWritable()).rejects.toMatchObject({ code: 'raw.unwritable' })
  expect([...server.objects]).toEqual([['desk/store-id', Buffer.from('first\n')]])
})

test('the wrong secret is refused, and neither it nor the key’s id is in what is thrown', async () => {
  writeCredentials(server.credentialsFile, 'wrong-secret')
  const failure = await open({}, { attempts: 1 })
    .archive(mails(1))
    .catch(error => error)
  expect(failure.message).toContain('the secret key is wrong')
  const { inspect } = await import('node:util')
  expect(inspect(failure, { depth: 10, showHidden: true })).not.toMatch(/wrong-secret|AKIDEXAMPLE/)
})

test('a credentials file that is missing, incomplete or ambiguous is told with its name', async () => {
  const told = (text: string | undefined) => {
    if (text === undefined) rmSync(server.credentialsFile)
    else writeFileSync(server.credentialsFile, text)
    return open({}, { attempts: 1 })
      .archive(mails(1))
      .catch(error => `${error.code}: ${error.message}: ${error.hint}`)
  }
  expect(await told('[a]\naws_access_key_id=x\n')).toMatch(/config.invalid.*lacks a key.*aws_secret_access_key/)
  expect(await told('[a]\naws_access_key_id=x\n[b]\n')).toContain('several sections')
  expect(await told(undefined)).toContain('cannot be read')
})

test('an endpoint off this host must be https, and an S3 setting without a bucket is refused', () => {
  const told = (env: Record<string, string>) => {
    try {
      configOf(env)
      return 'accepted'
    } catch (error) {
      return String(error)
    }
  }
  const bucket = { LETTERLOCK_RAW_S3_BUCKET: 'mail' }
  expect(told({ ...bucket, LETTERLOCK_RAW_S3_ENDPOINT: 'http://minio.example.com:9000' })).toContain('raw.s3_endpoint')
  expect(told({ ...bucket, LETTERLOCK_RAW_S3_ENDPOINT: 'https://id:key@minio.example.com' })).toContain('without')
  expect(told({ ...bucket, LETTERLOCK_RAW_S3_ENDPOINT: 'https://minio.example.com:9000' })).toBe('accepted')
  expect(told({ ...bucket, LETTERLOCK_RAW_S3_ENDPOINT: 'http://[::1]:9000' })).toBe('accepted')
  expect(told({ ...bucket, LETTERLOCK_RAW_S3_PREFIX: '/desk/' })).toContain('raw.s3_prefix')
  expect(told({ LETTERLOCK_RAW_S3_ENDPOINT: 'https://minio.example.com' })).toContain('set s3_bucket too')
})

test('over TLS: a certificate of an own CA is trusted where the CA is named, and nowhere else', async () => {
  await using secure = await startS3Server({ tls: true })
  const config = configOf({ ...secure.env(), LETTERLOCK_RAW_S3_CA_FILE: secure.caFile })
  const raw = openRawS3(config)
  const [place] = (await raw.archive(mails(1))) as [RawLocation]
  expect(await raw.read(place)).toEqual(mails(1)[0]?.source)
  const untrusting = openRawS3(configOf(secure.env()), { attempts: 1 })
  const failure = await untrusting.archive(mails(1)).catch(error => error)
  expect(failure.message).toContain('its certificate is not trusted')
  expect(failure.hint).toContain('raw.s3_ca_file')
  expect(secure.requests.filter(({ method }) => method === 'PUT')).toHaveLength(1)
})
