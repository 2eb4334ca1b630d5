// A process that runs embedded servers until SIGINT, so that tests can end it in every way. Prints one line of JSON when they run.
import { once } from 'node:events'
import { startEmbedded } from '../../src/embedded/servers.ts'

const directory = process.argv[2] as string
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
const progress = (line: string): void => void process.stderr.write(`${line}\n`)
const options = { directory, mariadb: true, redis: true, durable: false, progress, signal: stop.signal } as const
await using servers = await startEmbedded(options)
process.stdout.write(`${JSON.stringify(servers)}\n`)
// Signals alone do not keep a process alive.
const alive = setInterval(() => {}, 60_000)
if (!stop.signal.aborted) await once(stop.signal, 'abort')
clearInterval(alive)
