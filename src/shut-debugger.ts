// SIGUSR1 opens Node's debugger on a port of the loopback address, where every local user reads the memory of this process: keys and
// passwords. A listener of our own takes the signal from Node, however the program was started; what was opened before it stood is closed.
// Whoever starts the program with --inspect wants it, and may have it. Imported first, for its effect.
import { close, url } from 'node:inspector'

const isWanted = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)].some(option =>
  /^--inspect(-brk|-wait)?(=|$)/.test(option),
)

process.on('SIGUSR1', () => {})
if (!isWanted) {
  closeDebugger()
  // A signal of the last moment opens it in the next turn of the loop.
  setImmediate(closeDebugger)
}

function closeDebugger(): void {
  if (url() !== undefined) close()
}
