// A Dovecot for one test file.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ImapFlow } from 'imapflow'
import { type Dovecot, type DovecotOptions, startDovecot } from '../../src/embedded/dovecot.ts'
import type { Destination } from '../../src/model/destination.ts'

export const user = { name: 'support', password: 'a right Passw0rd: ü' }

export interface TestDovecot extends Dovecot {
  /** Where `user` logs in. */
  destination(security: Destination['security']): Destination
}

export async function startTestDovecot(options: Partial<DovecotOptions> = {}): Promise<TestDovecot> {
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-dovecot-'))
  chmodSync(directory, 0o711)
  const dovecot = await startDovecot({
    directory: path.join(directory, 'd'),
    users: [user],
    progress: line => process.stderr.write(`${line}\n`),
    signal: new AbortController().signal,
    ...options,
  })
  return {
    ...dovecot,
    destination: security => ({
      host: dovecot.host,
      port: dovecot.ports[security],
      security,
      username: user.name,
      caPem: dovecot.caPem,
    }),
    async [Symbol.asyncDispose]() {
      await dovecot[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Another client of the user's mailboxes, logged in; the caller logs it out. */
export async function connectToDovecot({ host, ports, caPem }: TestDovecot): Promise<ImapFlow> {
  const client = new ImapFlow({
    host,
    port: ports.tls,
    secure: true,
    tls: { ca: caPem },
    auth: { user: user.name, pass: user.password },
    logger: false,
  })
  await client.connect()
  return client
}
