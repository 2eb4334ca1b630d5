// Dovecot as the flow tests want a server.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startDovecot } from '../../src/embedded/dovecot.ts'
import { user } from './dovecot.ts'
import { createOtherClient, type FlowServer } from './flow-server.ts'

export async function startFlowDovecot(): Promise<FlowServer> {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-dovecot-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  chmodSync(directory, 0o711)
  const start = () =>
    startDovecot({
      directory: path.join(directory, 'd'),
      users: [user],
      progress: line => process.stderr.write(`${line}\n`),
      signal: new AbortController().signal,
    })
  let dovecot = await start()
  stack.defer(() => dovecot[Symbol.asyncDispose]())
  const destination: FlowServer['destination'] = security => ({
    host: dovecot.host,
    port: dovecot.ports[security],
    security,
    username: user.name,
    caPem: dovecot.caPem,
  })
  const client = createOtherClient(user, () => destination('tls'))
  const opened = stack.move()
  return {
    ...client,
    user,
    destination,
    nameOf: (...levels) => levels.join('/'),
    async restart() {
      await dovecot[Symbol.asyncDispose]()
      dovecot = await start()
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
