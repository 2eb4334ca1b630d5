// A process that runs embedded servers until SIGINT, so that tests can end it in every way. Prints one line of JSON when they run.
//
//   node starter.ts servers|dovecot DIRECTORY
import { once } from 'node:events'
import { startDovecot } from '../../src/embedded/dovecot.ts'
import { startEmbedded } from '../../src/embedded/servers.ts'

const [, , what, directory = ''] = process.argv
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
const progress = (line: string): void => void process.stderr.write(`${line}\n`)
const options = { directory, progress, signal: stop.signal }
await using servers =
  what === 'dovecot'
    ? await startDovecot({ ...options, users: [{ name: 'someone', password: 'secret' }] })
    : await startEmbedded({ ...options, mariadb: true, redis: true, durable: false })
process.stdout.write(`${JSON.stringify(servers)}\n`)
// Signals alone do not keep a process alive.
const alive = setInterval(() => {}, 60_000)
if (!stop.signal.aborted) await once(stop.signal, 'abort')
clearInterval(alive)
