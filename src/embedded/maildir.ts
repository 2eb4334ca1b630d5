// Maildirs on disk, below a folder for each user: mail is put into them without asking a server, which notices it by itself.
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export interface Maildirs {
  /** Puts mails into a mailbox, which is made if there is none, and returns their names there. `mailbox` in UTF-8 with `/` between levels. */
  deliver(user: string, mailbox: string, mails: readonly Buffer[]): string[]
  /** Gives the mailbox another UIDVALIDITY and all its mails new UIDs. */
  resetUidValidity(user: string, mailbox: string): void
  /** Mails in the mailbox: names of files. */
  files(user: string, mailbox: string): string[]
}

/** `owner`: a user and group id to whom everything is handed; undefined where it is ours anyway. */
export function openMaildirs(root: string, owner: number | undefined): Maildirs {
  const folderOf = (user: string, mailbox: string): string => {
    const inbox = path.join(root, user)
    return mailbox === 'INBOX' ? inbox : path.join(inbox, `.${toModifiedUtf7(mailbox).replaceAll('/', '.')}`)
  }
  return {
    deliver: (user, mailbox, mails) => deliver(folderOf(user, mailbox), mails, owner),
    resetUidValidity: (user, mailbox) => resetUidValidity(folderOf(user, mailbox), owner),
    files: (user, mailbox) =>
      ['cur', 'new'].flatMap(kind =>
        readdirSync(path.join(folderOf(user, mailbox), kind)).map(file => `${kind}/${file}`),
      ),
  }
}

function handTo(owner: number | undefined, file: string): void {
  if (owner !== undefined) chownSync(file, owner, owner)
}

/** As Maildir demands: written into tmp, then renamed into new. */
function deliver(folder: string, mails: readonly Buffer[], owner: number | undefined): string[] {
  makeMaildir(folder, owner)
  return mails.map(mail => {
    const name = `${Math.floor(Date.now() / 1000)}.${delivered++}_${randomBytes(4).toString('hex')}.localhost,S=${mail.length}`
    const draft = path.join(folder, 'tmp', name)
    writeFileSync(draft, mail, { mode: 0o600 })
    handTo(owner, draft)
    renameSync(draft, path.join(folder, 'new', name))
    return name
  })
}

/** Counts up, so that mails of one second keep their order. */
let delivered = 1_000_000

function makeMaildir(folder: string, owner: number | undefined): void {
  const kinds = ['tmp', 'new', 'cur'].map(kind => path.join(folder, kind))
  for (const part of [path.dirname(folder), folder, ...kinds]) {
    if (existsSync(part)) continue
    mkdirSync(part, { mode: 0o700 })
    handTo(owner, part)
  }
}

/** Under the lock of Dovecot, which may have the mailbox open and would write down what it remembers. */
function resetUidValidity(folder: string, owner: number | undefined): void {
  const list = path.join(folder, 'dovecot-uidlist')
  const unlock = lock(`${list}.lock`)
  try {
    const before = /V(\d+)/.exec(existsSync(list) ? readFileSync(list, 'utf8') : '')?.[1] ?? '1'
    for (const file of readdirSync(folder).filter(name => /^dovecot(?!-uidlist\.lock)/.test(name)))
      rmSync(path.join(folder, file), { recursive: true })
    writeFileSync(list, `3 V${Number(before) + 1} N1 G${randomBytes(16).toString('hex')}\n`)
    handTo(owner, list)
  } finally {
    unlock()
  }
}

const lockWithinMs = 10_000

function lock(file: string): () => void {
  const deadline = Date.now() + lockWithinMs
  for (;;) {
    try {
      writeFileSync(file, '', { flag: 'wx' })
      return () => rmSync(file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || Date.now() > deadline) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}

/** RFC 3501 §5.1.3: how mailbox names are written on disk. */
function toModifiedUtf7(name: string): string {
  return name.replace(/&/g, '&-').replace(/[^\x20-\x7e]+/g, run => {
    const bytes = Buffer.from(run, 'utf16le').swap16()
    return `&${bytes.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`
  })
}
