// PURE. Columns that hold JSON, read with the shape that we write. Others can write to the database, and a text may have been cut at the
// column's end: a value that makes no sense spoils itself, and never the list, the page or the batch of mail that it stands in.
import { z } from 'zod'
import type { Address, Bounce } from '../../model/parsed-message.ts'
import type { SenderVerdict } from '../../model/sender-verdict.ts'

/** The value of a JSON column; `instead` where it is NULL, no JSON or of another shape. */
function readJson<T>(json: string | null, shape: z.ZodType<T>, instead: T): T {
  if (json === null) return instead
  try {
    const read = shape.safeParse(JSON.parse(json))
    return read.success ? read.data : instead
  } catch {
    return instead
  }
}

const address = z.object({ name: z.string(), address: z.string() })
const people = z.array(address)
const texts = z.array(z.string())
/** Older rows do not tell delays from failures. */
const bounce = z.object({ recipients: texts, statuses: texts, delayed: z.boolean().default(false) }).nullable()
const flashes = z.array(z.object({ tone: z.enum(['good', 'bad']), text: z.string() }))
const detail = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))

/** `messages.to_json`, `cc_json`. */
export function readPeople(json: string | null): Address[] {
  return readJson(json, people, [])
}

/** `tickets.tags_json`. */
export function readTags(json: string | null): string[] {
  return readJson(json, texts, [])
}

/** `messages.bounce_json`. */
export function readBounce(json: string | null): Bounce | null {
  return readJson(json, bounce, null)
}

/** `sessions.flash_json`. */
export function readFlashes(json: string | null): z.infer<typeof flashes> {
  return readJson(json, flashes, [])
}

/** `audit_log.detail_json`; the log says where it is none of ours. */
export function readDetail(json: string | null): z.infer<typeof detail> {
  return readJson(json, detail, { unreadable: true })
}

const names = z.array(z.string().max(255)).max(50).nullable()

/** `accounts.authserv_ids`; null where nobody said. */
export function readAuthservIds(json: string | null): string[] | null {
  return readJson(json, names, null)
}

const senderVerdict = z
  .object({
    verdict: z.enum(['pass', 'fail', 'none', 'unknown']),
    method: z.enum(['dmarc', 'dkim', 'arc']).nullable(),
    domain: z.string().nullable(),
    aligned: z.boolean(),
    from: z.string().nullable(),
    policy: z.enum(['none', 'quarantine', 'reject']).nullable(),
  })
  .nullable()

/** `messages.auth_json`; null where nobody was asked. */
export function readSenderVerdict(json: string | null): SenderVerdict | null {
  return readJson(json, senderVerdict, null)
}

const param = z.union([z.string(), z.number(), z.boolean(), z.array(z.string()), z.array(z.number())])
const cause = z
  .object({ code: z.string(), params: z.record(z.string(), param), said: z.string().optional() })
  .nullable()

/** `accounts.cause_json`. */
export function readCause(json: string | null): z.infer<typeof cause> {
  return readJson(json, cause, null)
}
