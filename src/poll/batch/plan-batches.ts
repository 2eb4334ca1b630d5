// PURE. Cuts a list of messages into batches bounded by number and bytes.
import type { MessageMeta } from '../../model/mail.ts'

export interface PlannedBatch {
  uids: number[]
  /** The cursor once the batch is ours: also passes over what was not wanted before the next batch. */
  lastUid: number
  /** What is to be fetched, as the server states it. */
  bytes: number
}

export interface BatchLimits {
  messages: number
  bytes: number
  /** A larger mail counts as its header alone. */
  maxBytes: number
}

const headerBytes = 65_536

/** `listed` ascending; `wanted` is a part of it. Every listed UID is passed by exactly one batch's `lastUid`. */
export function planBatches(
  listed: readonly MessageMeta[],
  wanted: (meta: MessageMeta) => boolean,
  limits: BatchLimits,
): PlannedBatch[] {
  const batches: PlannedBatch[] = []
  let batch: PlannedBatch = { uids: [], lastUid: 0, bytes: 0 }
  for (const meta of listed) {
    if (wanted(meta)) {
      const cost = meta.size > limits.maxBytes ? headerBytes : meta.size
      if (batch.uids.length >= limits.messages || (batch.uids.length > 0 && batch.bytes + cost > limits.bytes)) {
        batches.push(batch)
        batch = { uids: [], lastUid: 0, bytes: 0 }
      }
      batch.uids.push(meta.uid)
      batch.bytes += cost
    }
    batch.lastUid = meta.uid
  }
  return batch.lastUid === 0 ? batches : [...batches, batch]
}
