// The mail of the benchmarks: the same bytes for the same seed. A small mail is text with an HTML alternative, both in base64, 28 kB; every third
// answers another one and quotes it. A large mail has one or two attachments besides, 178 kB on average.

export type MailKind = 'small' | 'large'

/** How many mails a whole mailbox of each kind has: 573 MB and 890 MB. */
export const wholeMailbox: Readonly<Record<MailKind, number>> = { small: 20_000, large: 5_000 }

const textBytes = { small: 5_600, large: 4_000 }
const htmlBytes = { small: 11_000, large: 8_000 }
const attachedBytes = { small: 0, large: 116_000 }

/** Mails one after another; `address`: the account that they are written to. */
export function* benchMails(kind: MailKind, count: number, address: string, seed = 1): Iterable<Buffer> {
  const random = createRandom(seed)
  const sentences = Array.from({ length: 600 }, () => sentence(random))
  const noise = inLines(Buffer.from(Uint32Array.from({ length: 1 << 18 }, random).buffer))
  for (let i = 0; i < count; i++) yield benchMail({ kind, i, address, random, sentences, noise })
}

interface Making {
  kind: MailKind
  i: number
  address: string
  random: () => number
  sentences: readonly string[]
  /** Lines of base64. */
  noise: string
}

function benchMail(making: Making): Buffer {
  const { kind, i, address, random } = making
  const answers = i % 3 === 2
  const text = answers ? answer(making) : paragraphs(making, textBytes[kind]).join('\r\n\r\n')
  const html = toHtml(paragraphs(making, htmlBytes[kind] * 0.8))
  const alternative = [
    part('text/plain; charset=utf-8', inLines(Buffer.from(text)), 'alt'),
    part('text/html; charset=utf-8', inLines(Buffer.from(html)), 'alt'),
    '--alt--\r\n',
  ].join('')
  const files = kind === 'small' ? [] : attachments(making)
  const mixed = [
    '--mix\r\nContent-Type: multipart/alternative; boundary="alt"\r\n\r\n',
    alternative,
    ...files,
    '--mix--\r\n',
  ]
  const domain = address.slice(address.indexOf('@') + 1)
  const head = [
    'Received: from mx.customers.example (mx.customers.example [192.0.2.25]) by mail.bench.example with ESMTPS id 4D2F1; Tue, 24 Nov 2026 10:00:00 +0000',
    `From: Customer ${i % 997} <c${i % 997}@customers.example>`,
    `To: Support <${address}>`,
    `Subject: ${answers ? 'Re: ' : ''}=?utf-8?Q?Gr=C3=BC=C3=9Fe?= ${i} ${making.sentences[random() % 600]?.slice(0, 40).trim()}`,
    `Message-ID: <${i}.${random()}@${domain}>`,
    'Date: Tue, 24 Nov 2026 10:00:00 +0000',
    ...(answers ? [`In-Reply-To: <answered-${i}@${domain}>`, `References: <answered-${i}@${domain}>`] : []),
    'MIME-Version: 1.0',
    files.length === 0
      ? 'Content-Type: multipart/alternative; boundary="alt"'
      : 'Content-Type: multipart/mixed; boundary="mix"',
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${files.length === 0 ? alternative : mixed.join('')}`, 'latin1')
}

/** A few new words above what they answer, as most programs write it. */
function answer(making: Making): string {
  const [first = '', second = '', ...quoted] = paragraphs(making, textBytes[making.kind])
  const lines = quoted.flatMap(paragraph => [...paragraph.split('\r\n'), '']).map(line => `> ${line}`)
  return [
    first,
    '',
    second,
    '',
    '--',
    'Customer',
    '+49 30 1234567',
    '',
    'On Mon, 23 Nov 2026 at 09:00, Support <support@bench.example> wrote:',
    ...lines,
  ].join('\r\n')
}

/** Lines of at most 72 characters. */
function paragraphs({ random, sentences }: Making, bytes: number): string[] {
  const found: string[] = []
  for (let length = 0; length < bytes; ) {
    const words = Array.from({ length: 3 + (random() % 4) }, () => sentences[random() % sentences.length]).join(' ')
    found.push(words.replace(/(.{40,72}) /g, '$1\r\n'))
    length += words.length + 4
  }
  return found
}

function toHtml(paragraphs: readonly string[]): string {
  const rows = paragraphs.map((text, i) =>
    i % 4 === 3
      ? `<table cellpadding="0" style="border-collapse:collapse"><tr><td style="padding:4px;color:#333">${text}</td></tr></table>`
      : `<p class="MsoNormal" style="margin:0 0 12px 0;font-family:Arial,sans-serif;font-size:14px"><span style="color:#1f2937">${text}</span> <a href="https://shop.example/orders/${i}?utm_source=mail">details</a></p>`,
  )
  return `<html><head><meta charset="utf-8"><style>p { margin: 0 } .MsoNormal { color: #000 }</style></head><body>${rows.join('\r\n')}</body></html>`
}

function attachments({ i, random, noise }: Making): string[] {
  const count = 1 + (i % 2)
  return Array.from({ length: count }, (_, n) => {
    const lines = Math.floor((attachedBytes.large / count / 57) * (0.5 + (random() % 1000) / 1000))
    const first = (random() % 8_000) * 78
    const name = `file ${i}-${n}.pdf`
    const own = inLines(Buffer.from(name.padEnd(57)))
    const body = `${own}${noise.slice(first, first + lines * 78)}`
    return part(`application/pdf; name="${name}"\r\nContent-Disposition: attachment`, body, 'mix')
  })
}

/** Base64 in lines of 76 characters. */
function inLines(content: Buffer): string {
  return content.toString('base64').replace(/.{76}/g, '$&\r\n')
}

function part(type: string, body: string, boundary: string): string {
  return `--${boundary}\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\n\r\n${body}\r\n`
}

const vocabulary =
  'the a we you parcel order came on Tuesday and one of cups was broken please send another invoice address größer als erwartet vielen Dank für Ihre schnelle Antwort customer number delivery date changed since last week nothing arrived could tell me what happened refund price color blau très bientôt'.split(
    ' ',
  )

function sentence(random: () => number): string {
  const words = Array.from({ length: 6 + (random() % 12) }, () => vocabulary[random() % vocabulary.length])
  return `${words.join(' ')}.`
}

/** Xorshift: 32 bits, never negative. */
function createRandom(seed: number): () => number {
  let state = seed * 2_654_435_761 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}
