// A mail that is fetched again, because its transaction failed or its process died, is not kept twice: its place in the batch that was kept is
// found again by its UID and its hash, read, and used. This process remembers what it kept; what an earlier one left is looked for once an hour.

import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import { ServiceError } from '../../errors/errors.ts'
import type { RawLocation } from '../../model/mail.ts'
import { findUnusedBatches } from '../raw/raw-leftovers.ts'
import type { RawIndexEntry, RawMail, RawStore } from '../raw/raw-store.ts'

const maxRemembered = 20_000
const searchEveryMs = 3_600_000
/** Days that are searched, the newest first. */
const searchedDays = 30

/** The store, with an `archive` that writes nothing twice. */
export function archiveOnce(db: Knex, raw: RawStore): RawStore {
  const archived = new Map<string, RawLocation>()
  let searchedAt = Number.NEGATIVE_INFINITY
  const remember = (mail: Identity, place: RawLocation): void => {
    archived.set(keyOf(mail), place)
    for (const oldest of archived.keys()) {
      if (archived.size <= maxRemembered) return
      archived.delete(oldest)
    }
  }
  const search = async (): Promise<void> => {
    if (performance.now() - searchedAt < searchEveryMs) return
    searchedAt = performance.now()
    for await (const { batch, entry } of findUnusedMails(db, raw)) {
      const { offset, size, sha256 } = entry
      remember(entry, { batch, offset, size, sha256 })
    }
  }
  return {
    ...raw,
    async archive(mails, { again = false } = {}) {
      if (again) await search()
      const found = await Promise.all(mails.map(mail => findKept(raw, mail, archived.get(keyOf(mail)))))
      const fresh = mails.filter((_, i) => found[i] === undefined)
      const places = fresh.length === 0 ? [] : await raw.archive(fresh)
      for (const [i, mail] of fresh.entries()) if (places[i] !== undefined) remember(mail, places[i])
      const written = places.values()
      return found.map(place => place ?? (written.next().value as RawLocation))
    },
  }
}

type Identity = Pick<RawMail, 'accountId' | 'mailbox' | 'uidValidity' | 'uid'>

function keyOf({ accountId, mailbox, uidValidity, uid }: Identity): string {
  return `${accountId} ${uidValidity} ${uid} ${mailbox}`
}

/** The place, if the same bytes lie there and can be read. */
async function findKept(
  raw: RawStore,
  { source }: RawMail,
  place: RawLocation | undefined,
): Promise<RawLocation | undefined> {
  if (place === undefined || place.size !== source.length) return undefined
  if (createHash('sha256').update(source).digest('hex') !== place.sha256) return undefined
  return await raw.read(place).then(
    () => place,
    () => undefined,
  )
}

/** The mails of the latest batches that have no rows. A batch that cannot be read is passed over: doctor names it. */
async function* findUnusedMails(db: Knex, raw: RawStore): AsyncIterable<{ batch: string; entry: RawIndexEntry }> {
  const days = await Array.fromAsync(raw.days())
  for (const day of days.slice(-searchedDays)) {
    for (const batch of await findUnusedBatches(db, raw, day)) {
      const entries = await raw.index(batch).catch(error => {
        if (error instanceof ServiceError && error.code === 'raw.damaged') return []
        throw error
      })
      yield* entries.map(entry => ({ batch, entry }))
    }
  }
}
