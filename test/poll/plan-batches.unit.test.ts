import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planBatches } from '../../src/poll/batch/plan-batches.ts'

const limits = { messages: 10, bytes: 1_000_000, maxBytes: 5_000_000 }
const receivedAt = new Date(0)

const listing = fc
  .uniqueArray(
    fc.record({
      uid: fc.integer({ min: 1, max: 5000 }),
      size: fc.integer({ min: 0, max: 9_000_000 }),
      wanted: fc.boolean(),
    }),
    {
      selector: meta => meta.uid,
      maxLength: 200,
    },
  )
  .map(metas => metas.sort((a, b) => a.uid - b.uid).map(meta => ({ ...meta, receivedAt })))

test('every wanted mail is in exactly one batch, in order, and the last batch passes everything listed', () => {
  fc.assert(
    fc.property(listing, listed => {
      const batches = planBatches(listed, meta => (meta as (typeof listed)[number]).wanted, limits)
      expect(batches.flatMap(batch => batch.uids)).toEqual(listed.filter(meta => meta.wanted).map(meta => meta.uid))
      expect(batches.at(-1)?.lastUid).toBe(listed.at(-1)?.uid)
    }),
  )
})

test('no batch has more mails or bytes than allowed, unless one mail alone is larger', () => {
  fc.assert(
    fc.property(listing, listed => {
      const sizes = new Map(listed.map(meta => [meta.uid, meta.size > limits.maxBytes ? 65_536 : meta.size]))
      for (const { uids } of planBatches(listed, () => true, limits)) {
        const bytes = uids.reduce((sum, uid) => sum + (sizes.get(uid) ?? 0), 0)
        expect(uids.length).toBeLessThanOrEqual(limits.messages)
        expect(uids.length === 1 || bytes <= limits.bytes).toBe(true)
      }
    }),
  )
})

test('the cursor never passes a mail that a later batch holds', () => {
  fc.assert(
    fc.property(listing, listed => {
      const batches = planBatches(listed, () => true, limits)
      for (const [i, batch] of batches.entries())
        expect(batches[i + 1]?.uids[0] ?? Number.POSITIVE_INFINITY).toBeGreaterThan(batch.lastUid)
    }),
  )
})
