// Looks at the mailboxes while all goes on: what is flagged as read, moved or gone on the server must have its row by then. Mails that
// others touched tell nothing.
import { setTimeout as wait } from 'node:timers/promises'
import type { Placed, Register } from './register.ts'
import type { ChaosAccount, Scene } from './scene.ts'

const lookEveryMs = 700

/** Resolves, when the signal ends it, with what was done on the server too early. */
export async function watchMailboxes(scene: Scene, register: Register, signal: AbortSignal): Promise<string[]> {
  const early = new Set<string>()
  const sound = new Set<Placed>()
  const suspects = new Set<Placed>()
  while (!signal.aborted) {
    for (const account of scene.accounts.filter(({ after }) => after !== 'keep')) {
      const open = register.placed.filter(one => one.account === account && !sound.has(one) && !isTouched(one))
      const changed = findChanged(scene, account, open)
      const rows = await findRows(scene, account, changed).catch(() => undefined)
      if (rows === undefined) continue
      for (const one of changed) {
        if (rows.has(one.mail.sha256) || isTouched(one)) sound.add(one)
        // A folder that is read while files in it get new names may not show one of them: it is looked for twice.
        else if (suspects.has(one))
          early.add(`${one.base} of account ${account.id} in ${one.mailbox} (${account.after})`)
        else suspects.add(one)
      }
      for (const one of open) if (!changed.includes(one)) suspects.delete(one)
    }
    await wait(lookEveryMs, undefined, { signal }).catch(() => {})
  }
  return [...early]
}

function isTouched({ mail }: Placed): boolean {
  return mail.taken + mail.moved > 0
}

function findChanged({ servers }: Scene, account: ChaosAccount, open: readonly Placed[]): Placed[] {
  const unread = new Set(
    account.mailboxes.flatMap(mailbox =>
      servers.dovecot
        .files(account.user, mailbox)
        .filter(file => !/:2,\w*S/.test(file))
        .map(file => `${mailbox}/${baseOf(file)}`),
    ),
  )
  return open.filter(one => !unread.has(`${one.mailbox}/${one.base}`))
}

/** The name of a mail's file without folder and flags. */
export function baseOf(file: string): string {
  return file.slice(file.indexOf('/') + 1).replace(/:2,.*$/, '')
}

async function findRows({ db }: Scene, account: ChaosAccount, placed: readonly Placed[]): Promise<Set<string>> {
  if (placed.length === 0) return new Set()
  const hashes = placed.map(one => one.mail.sha256)
  return new Set(
    await db('sources').where({ account_id: account.id, complete: true }).whereIn('sha256', hashes).pluck('sha256'),
  )
}
