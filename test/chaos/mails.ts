// Mails for the daemon to take in: the same ones for the same seed. Each bears a number in a header of its own, by which those that play
// other clients know it; every other byte is any mail's.
import { createCipheriv, createHash } from 'node:crypto'

export interface Letter {
  bytes: Buffer
  sha256: string
  /** What becomes of it: a message of a ticket, nothing by design, or whatever the parser makes of it. */
  end: 'message' | 'ignored' | 'any'
}

/** The header by which other clients find it in the register. */
export const numberHeader = 'X-Letter-Number'

interface Earlier {
  messageId: string
  from: string
  subject: string
}

/** `account`: mails answer only mails of the same account. */
export function createMails(random: () => number, seed: number): (account: number) => Letter & { number: number } {
  const earlier = new Map<number, Earlier[]>()
  let count = 0
  const write = (number: number, account: number): Pick<Letter, 'bytes' | 'end'> => {
    const kind = random()
    const size = sizeOf(random)
    if (kind < 0.06) return { bytes: junk(random, seed, number, size), end: 'any' }
    const known = earlier.get(account) ?? []
    const parent = kind < 0.25 ? known[Math.floor(random() * known.length)] : undefined
    const automatic = kind > 0.95
    const facts: Earlier = {
      messageId: kind < 0.11 && parent ? parent.messageId : `${number}.${seed}@letters.example`,
      from: parent?.from ?? `Writer ${number} <writer${number}@people${number % 7}.example>`,
      subject: parent ? `Re: ${parent.subject}` : `Letter ${number}`,
    }
    if (!automatic) earlier.set(account, [...known.slice(-50), facts])
    const answers = parent !== undefined && kind >= 0.11 ? parent.messageId : null
    return {
      bytes: toBytes(facts, { number, seed, size, answers, automatic }),
      end: automatic ? 'ignored' : 'message',
    }
  }
  return account => {
    const number = ++count
    const { bytes, end } = write(number, account)
    return { number, bytes, end, sha256: createHash('sha256').update(bytes).digest('hex') }
  }
}

/** Mostly small, some of a megabyte or more. */
function sizeOf(random: () => number): number {
  const kind = random()
  const [from, to] = kind < 0.75 ? [500, 8_000] : kind < 0.94 ? [8_000, 120_000] : [120_000, 1_000_000]
  return Math.round(kind > 0.99 ? 1_000_000 + random() * 3_000_000 : from + random() * (to - from))
}

interface Make {
  number: number
  seed: number
  size: number
  answers: string | null
  automatic: boolean
}

const firstDateMs = Date.UTC(2026, 0, 1)

/** No two have one date: what is known again by Message-ID, Date and From is really the same mail. */
function toBytes(facts: Earlier, { number, seed, size, answers, automatic }: Make): Buffer {
  const boundary = `=_${number}_`
  const content = noise(seed, number, Math.ceil(size * 0.73)).toString('base64')
  const lines = [
    `From: ${facts.from}`,
    'To: support@example.com',
    `Subject: ${facts.subject}`,
    `Date: ${new Date(firstDateMs + number * 1000).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${facts.messageId}>`,
    `${numberHeader}: ${number}`,
    ...(answers === null ? [] : [`In-Reply-To: <${answers}>`, `References: <${answers}>`]),
    ...(automatic ? ['Auto-Submitted: auto-replied'] : []),
    'MIME-Version: 1.0',
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    '',
    `--${boundary}`,
    'Content-Type: text/plain; charset=utf-8',
    '',
    `This is letter ${number}.`,
    `--${boundary}`,
    'Content-Type: application/octet-stream',
    `Content-Disposition: attachment; filename="${number}.bin"`,
    'Content-Transfer-Encoding: base64',
    '',
    ...(content.match(/.{1,76}/g) ?? []),
    `--${boundary}--`,
    '',
  ]
  return Buffer.from(lines.join('\r\n'))
}

/** What no parser likes: noise with and without a header, and many parts that never end. Dovecot serves lines, so lone CR and LF are left out. */
function junk(random: () => number, seed: number, number: number, size: number): Buffer {
  const chaff = noise(seed, number, Math.min(size, 60_000))
    .toString('latin1')
    .replace(/[\0\r\n]/g, '.')
  const head = `${numberHeader}: ${number}\r\n`
  const kind = random()
  if (kind < 0.4) return Buffer.from(`${head}\r\n${chaff}\r\n`, 'latin1')
  if (kind < 0.7) return Buffer.from(`${head}Content-Type: ${chaff}\r\nFrom: ${chaff}\r\n\r\n`, 'latin1')
  const parts = Array.from(
    { length: 200 },
    (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`,
  )
  return Buffer.from(`${head}${parts.join('')}`, 'latin1')
}

/** Bytes that do not repeat, the same ones each time. */
function noise(seed: number, number: number, length: number): Buffer {
  const key = createHash('sha256').update(`${seed}/${number}`).digest()
  return createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16)).update(Buffer.alloc(length))
}
