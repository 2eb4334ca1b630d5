// Where a mail lies is read from a row, which others can write: a size or an offset that is none of ours is a damaged mail, never an
// allocation. On 0.3.0 a size of 2 GiB or more ended the process in native code.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { toConfig } from '../../src/config/config.ts'
import type { RawLocation } from '../../src/model/mail.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { openRawS3 } from '../../src/store/raw/raw-s3.ts'
import type { RawStore } from '../../src/store/raw/raw-store.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'

const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-places-'))
const source = Buffer.from('Subject: hello\r\n\r\nhello')
let server: S3Server
let stores: RawStore[]
beforeAll(async () => {
  server = await startS3Server()
  const { raw } = toConfig({ file: undefined, toml: '', directory: '/', env: server.env() })
  stores = [openRawDirectory(directory), openRawS3(raw)]
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

test.each<[string, Partial<RawLocation>]>([
  ['of 2 GiB', { size: 2_147_483_648 }],
  ['of the column’s greatest number', { size: 4_294_967_295 }],
  ['of 1 GB, which could be one', { size: 1_000_000_000 }],
  ['of less than nothing', { size: -1 }],
  ['of half a byte', { size: 0.5 }],
  ['that is text', { size: '23' as unknown as number }],
  ['at the end of what a file can be', { offset: 2 ** 53 }],
  ['before the beginning', { offset: -5 }],
  ['past the end', { offset: 1_000_000 }],
  ['at the place of another mail', { offset: 1 }],
  ['in another file', { batch: '../../etc/passwd' }],
])('a mail %s is damaged, in a directory and in a bucket', async (_, change) => {
  for (const raw of stores) {
    const [place] = await raw.archive([
      { accountId: 1, mailbox: 'INBOX', uidValidity: 1, uid: 1, receivedAt: new Date(0), complete: true, source },
    ])
    // The control: the place as it was kept.
    expect(await raw.read(place as RawLocation)).toEqual(source)
    await expect(raw.read({ ...(place as RawLocation), ...change })).rejects.toMatchObject({ code: 'raw.damaged' })
  }
})
