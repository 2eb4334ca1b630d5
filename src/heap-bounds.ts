// The bounds of the daemon's heap belong to the program, however it is started: a young generation that is cleaned before it grows keeps a large mailbox
// under 400 MB. V8 takes such bounds at its start alone, so `node src/main.ts run` becomes, under the same process id, what `src/letterlock run`
// starts at once. Whoever sets bounds of his own, debugs, or has a channel to his child (`node --watch`) keeps what he started. Imported early,
// for its effect.
import path from 'node:path'

const bounds = ['--max-semi-space-size=8', '--max-old-space-size=1536']
const own = /^--(max-(semi|old)-space-size|inspect)/
const main = path.join(import.meta.dirname, 'main.ts')

const [, script, command] = process.argv
const given = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)]
const isBound = given.some(option => own.test(option)) || process.send !== undefined
if (script === main && command === 'run' && !isBound && process.execve !== undefined)
  process.execve(process.execPath, [process.execPath, ...process.execArgv, ...bounds, ...process.argv.slice(1)])
