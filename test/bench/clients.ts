// What Letterlock is compared with, on the same mailboxes: a client that reads the whole mailbox off the socket and keeps nothing, and mbsync, which
// writes it to files.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import type { Dovecot, DovecotUser } from '../../src/embedded/dovecot.ts'

export interface Read {
  seconds: number
  mails: number
  bytes: number
}

/** Reads every mail of INBOX with one command. */
export async function drain(dovecot: Dovecot, user: DovecotUser): Promise<Read> {
  const startedAt = performance.now()
  const socket = connect({
    host: dovecot.host,
    port: dovecot.ports.tls,
    ca: dovecot.caPem,
    checkServerIdentity: () => undefined,
  })
  const counted = count(socket)
  await once(socket, 'secureConnect')
  socket.write(`a LOGIN ${user.name} "${user.password}"\r\n`)
  await counted.answer('a')
  socket.write('b SELECT INBOX\r\n')
  await counted.answer('b')
  socket.write('c UID FETCH 1:* BODY.PEEK[]\r\n')
  await counted.answer('c')
  const seconds = (performance.now() - startedAt) / 1000
  socket.destroy()
  return { seconds, mails: counted.mails, bytes: counted.bytes }
}

/** Follows the answers of a server line by line and passes over the bytes of mails. */
function count(socket: ReturnType<typeof connect>) {
  const answers = new Map<string, PromiseWithResolvers<void>>()
  const counted = {
    mails: 0,
    bytes: 0,
    answer(tag: string): Promise<void> {
      const answer = Promise.withResolvers<void>()
      answers.set(tag, answer)
      return answer.promise
    },
  }
  let literal = 0
  let line = ''
  const hear = (): void => {
    const size = /\{(\d+)\}$/.exec(line)
    if (size !== null) {
      literal = Number(size[1])
      counted.mails += 1
      counted.bytes += literal
    }
    const [tag = '', status] = line.split(' ', 2)
    if (status === 'OK') answers.get(tag)?.resolve()
    else answers.get(tag)?.reject(new Error(line))
    line = ''
  }
  socket.on('data', (data: Buffer) => {
    for (let at = 0; at < data.length; ) {
      const passed = Math.min(literal, data.length - at)
      literal -= passed
      at += passed
      if (literal > 0 || at === data.length) return
      const end = data.indexOf('\n', at)
      line += data.toString('latin1', at, end < 0 ? data.length : end)
      if (end < 0) return
      at = end + 1
      line = line.replace(/\r$/, '')
      hear()
    }
  })
  return counted
}

/** Undefined where mbsync is not installed. */
export async function runMbsync(
  directory: string,
  dovecot: Dovecot,
  users: readonly DovecotUser[],
): Promise<Read | undefined> {
  const target = path.join(directory, 'mbsync')
  mkdirSync(target)
  const ca = path.join(directory, 'ca.pem')
  writeFileSync(ca, dovecot.caPem)
  const config = path.join(directory, 'mbsyncrc')
  writeFileSync(config, users.map(user => channel(user, { target, ca, port: dovecot.ports.tls })).join('\n'))
  const startedAt = performance.now()
  try {
    await promisify(execFile)('mbsync', ['-c', config, '-q', '-a'], { maxBuffer: 1e8 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    rmSync(target, { recursive: true })
    return undefined
  }
  const seconds = (performance.now() - startedAt) / 1000
  const files = users.flatMap(({ name }) =>
    ['cur', 'new'].flatMap(kind => {
      const folder = path.join(target, name, kind)
      return readdirSync(folder).map(file => path.join(folder, file))
    }),
  )
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0)
  rmSync(target, { recursive: true })
  return { seconds, mails: files.length, bytes }
}

function channel(user: DovecotUser, { target, ca, port }: { target: string; ca: string; port: number }): string {
  return `IMAPStore far-${user.name}
Host localhost
Port ${port}
User ${user.name}
Pass "${user.password}"
SSLType IMAPS
SystemCertificates no
CertificateFile ${ca}
PipelineDepth 50

MaildirStore near-${user.name}
Path ${target}/
Inbox ${target}/${user.name}

Channel ${user.name}
Far :far-${user.name}:
Near :near-${user.name}:
Patterns INBOX
Create Near
Sync Pull
SyncState ${target}/state-${user.name}-
`
}
