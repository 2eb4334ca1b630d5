// What must hold when all is over. Each check answers with what is wrong, a sentence for each thing.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Knex } from 'knex'
import { type Delivered, keyOf, type Register } from './register.ts'
import { type ChaosAccount, doneMailbox, elsewhere, type Scene } from './scene.ts'

export interface Findings {
  /** Mails that have no row and were not deleted unread, or whose bytes are not what was delivered. */
  lost: string[]
  /** Mails with two rows that are no duplicates, or in two messages. */
  doubled: string[]
  /** Rows that hang in the air, and rows of mail that nobody sent. */
  orphans: string[]
  /** What was flagged, moved or deleted on the server and was not ours to. */
  foreign: string[]
}

interface SourceRow {
  id: number
  account_id: number
  sha256: string
  size: number
  result: string
  reason: string
  batch: string
  batch_offset: number
  stored_size: number
  messages: number
}

export async function check(scene: Scene, register: Register): Promise<Findings> {
  const findings: Findings = { lost: [], doubled: [], orphans: await findOrphans(scene), foreign: [] }
  const rows = await readSources(scene.db)
  const byMail = Map.groupBy(rows, row => keyOf(row.account_id, row.sha256))
  for (const [key, mail] of register.mails) await checkMail(scene, key, mail, byMail.get(key) ?? [], findings)
  for (const [key, found] of byMail)
    if (!register.mails.has(key)) findings.orphans.push(`source ${found[0]?.id} is a mail that nobody sent`)
  checkServer(scene, register, findings.foreign)
  return findings
}

async function readSources(db: Knex): Promise<SourceRow[]> {
  return await db('sources')
    .where({ complete: true })
    .select('id', 'account_id', 'sha256', 'size', 'result', 'reason', 'batch', 'batch_offset', 'stored_size')
    .select(db.raw('(SELECT COUNT(*) FROM messages WHERE source_id = sources.id) AS messages'))
}

async function checkMail(
  { raw }: Scene,
  key: string,
  mail: Delivered,
  rows: readonly SourceRow[],
  { lost, doubled, orphans }: Findings,
): Promise<void> {
  const firsts = rows.filter(row => row.result !== 'duplicate')
  if (firsts.length > 1) doubled.push(`${key}: sources ${firsts.map(row => `${row.id} ${row.result}`).join(', ')}`)
  const [first] = firsts
  if (first === undefined) {
    if (mail.takenUnread < mail.times) lost.push(`${key} (${mail.account.after}, ${mail.size} bytes)`)
    return
  }
  if (!(await isWhole(raw, mail, first))) lost.push(`${key}: source ${first.id} has other bytes`)
  const isMessage = first.result === 'created' || first.result === 'appended'
  const messages = rows.reduce((sum, row) => sum + Number(row.messages), 0)
  if (messages > 1) doubled.push(`${key}: ${messages} messages`)
  if (messages < 1 && isMessage) orphans.push(`${key}: source ${first.id} is ${first.result} and has no message`)
  const expected = { message: isMessage, ignored: first.result === 'ignored', any: true }[mail.end]
  if (!expected) lost.push(`${key}: should be ${mail.end} and is ${first.result} ${first.reason}`)
}

/** Read as everybody reads: by its place, which checks the hash. */
async function isWhole(raw: Scene['raw'], mail: Delivered, row: SourceRow): Promise<boolean> {
  const place = { batch: row.batch, offset: row.batch_offset, size: row.stored_size, sha256: row.sha256 }
  const bytes = await raw.read(place).catch(() => Buffer.alloc(0))
  return bytes.length === mail.size && createHash('sha256').update(bytes).digest('hex') === mail.sha256
}

const orphanQueries: Readonly<Record<string, string>> = {
  'a ticket without messages': 'SELECT id FROM tickets WHERE id NOT IN (SELECT ticket_id FROM messages)',
  'a ticket that counts other messages than it has':
    'SELECT id FROM tickets WHERE messages <> (SELECT COUNT(*) FROM messages m WHERE m.ticket_id = tickets.id)',
  'a message without ticket or source':
    'SELECT id FROM messages WHERE ticket_id NOT IN (SELECT id FROM tickets) OR source_id NOT IN (SELECT id FROM sources)',
  'a message in another ticket than its source':
    'SELECT m.id FROM messages m JOIN sources s ON s.id = m.source_id WHERE NOT m.ticket_id <=> s.ticket_id',
  'an attachment without message': 'SELECT id FROM attachments WHERE of_message NOT IN (SELECT id FROM messages)',
  'a source that became a message and has none':
    "SELECT id FROM sources WHERE result IN ('created', 'appended') AND id NOT IN (SELECT source_id FROM messages)",
  'a duplicate of nothing':
    "SELECT id FROM sources WHERE result = 'duplicate' AND duplicate_of NOT IN (SELECT id FROM sources)",
  'a message whose attachment is missing':
    "SELECT m.id FROM messages m JOIN sources s ON s.id = m.source_id WHERE m.subject LIKE '%Letter %' AND m.id NOT IN (SELECT of_message FROM attachments)",
}

async function findOrphans({ db, raw }: Scene): Promise<string[]> {
  const found: string[] = []
  for (const [what, query] of Object.entries(orphanQueries)) {
    const [rows] = (await db.raw(query)) as [{ id: number }[]]
    found.push(...rows.map(row => `${what}: ${row.id}`))
  }
  const batches = new Set(await Array.fromAsync(raw.batches()))
  const used: string[] = await db('sources').whereNotNull('batch').distinct().pluck('batch')
  found.push(
    ...used.filter(batch => !batches.has(batch)).map(batch => `sources in a batch that is not there: ${batch}`),
  )
  return found
}

/** The files of the account's mailboxes against what was delivered and what was done with it. */
function checkServer(scene: Scene, register: Register, foreign: string[]): void {
  for (const account of scene.accounts) {
    const files = listFiles(scene, account)
    const byHash = Map.groupBy(files, file => file.sha256)
    const mails = [...register.mails.values()].filter(mail => mail.account === account)
    const known = new Set(mails.map(mail => mail.sha256))
    for (const mail of mails) {
      const wrong = wrongOf(mail, byHash.get(mail.sha256) ?? [])
      if (wrong !== undefined) foreign.push(`${keyOf(account.id, mail.sha256)} (${account.after}): ${wrong}`)
    }
    for (const file of files) if (!known.has(file.sha256)) foreign.push(`${file.mailbox}: a mail that nobody sent`)
  }
}

interface ServerFile {
  mailbox: string
  flags: string
  sha256: string
}

function listFiles({ directory, servers }: Scene, account: ChaosAccount): ServerFile[] {
  return [...account.mailboxes, doneMailbox, elsewhere].flatMap(mailbox =>
    servers.dovecot.files(account.user, mailbox).map(file => {
      const folder = mailbox === 'INBOX' ? '' : `.${mailbox}`
      const bytes = readFileSync(path.join(directory, 'dovecot/mail', account.user, folder, file))
      const flags = /:2,([A-Za-z]*)/.exec(file)?.[1] ?? ''
      return { mailbox, flags, sha256: createHash('sha256').update(bytes).digest('hex') }
    }),
  )
}

/** What is on the server must be explained by the account's choice or by what others did. */
function wrongOf(mail: Delivered, files: readonly ServerFile[]): string | undefined {
  const { account, times, taken, moved, flagged } = mail
  const least = account.after === 'delete' ? 0 : times - taken
  if (files.length < least) return `${files.length} of ${times} are left, and others took away at most ${taken}`
  // A move that was broken off may leave the mail in both places.
  const most = times + moved + taken + (account.after === 'move' ? times : 0)
  if (files.length > most) return `${files.length} are there of ${times}`
  const allowed = ['S', account.after === 'seen'] as const
  for (const { flags, mailbox } of files) {
    if (flags.includes('S') && !allowed[1]) return `it is marked as read in ${mailbox}`
    if (flags.includes('F') && !flagged) return `it is flagged in ${mailbox}`
    if (flags.includes('T') && taken === 0 && moved === 0 && account.after !== 'delete')
      return `it is marked as deleted in ${mailbox}`
    if (/[^SFT]/.test(flags)) return `it has the flags ${flags} in ${mailbox}`
    if (mailbox === doneMailbox && account.after !== 'move') return 'it is among what is done'
    if (mailbox === elsewhere && taken === 0) return 'it is elsewhere'
    const polled = mailbox !== doneMailbox && mailbox !== elsewhere
    const touched = taken + moved > 0
    if (polled && account.after === 'seen' && !flags.includes('S')) return `it was not marked as read in ${mailbox}`
    if (polled && account.after === 'delete' && !touched) return `it was not deleted in ${mailbox}`
    if (polled && account.after === 'move' && !touched) return `it was not moved out of ${mailbox}`
  }
  return undefined
}
