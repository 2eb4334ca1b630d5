// Changes sources as they are loaded, in the process that asks for it and nowhere else. A change that finds nothing to change ends the
// process: a daemon that is sound all the same would prove nothing.
import { registerHooks } from 'node:module'

export interface Change {
  /** The end of the source's address. */
  file: string
  from: string
  to: string
}

export function rewrite(changes: readonly Change[]): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      const mine = changes.filter(({ file }) => url.endsWith(file))
      if (mine.length === 0) return loaded
      let text = String(loaded.source instanceof Uint8Array ? Buffer.from(loaded.source) : loaded.source)
      for (const { file, from, to } of mine) {
        if (!text.includes(from)) {
          process.stderr.write(`${file} has no longer what was to be weakened: ${from}\n`)
          process.exit(2)
        }
        text = text.replace(from, () => to)
      }
      return { ...loaded, source: text }
    },
  })
}

/** A transaction takes its time before it writes. Alone it must do no harm; with a weakness it shows it sooner. */
export const slowWriting: readonly Change[] = [
  {
    file: '/src/store/ingest/ingest-messages.ts',
    from: '  await insertTickets(trx, target.accountId, tickets)\n',
    to: `  await new Promise(resolve => setTimeout(resolve, 1200))
  await insertTickets(trx, target.accountId, tickets)
`,
  },
  {
    file: '/src/store/ingest/ingest-messages.ts',
    from: '  await insertMessages(trx, target.accountId, outcomes, sourceIds)\n',
    to: `  await new Promise(resolve => setTimeout(resolve, 300))
  await insertMessages(trx, target.accountId, outcomes, sourceIds)
`,
  },
]
