// Sample mail of a small shop: what a helpdesk gets in a week, with the oddities that mail has. Each mailbox's mails are in the order
// in which they came.
import { crc32, deflateSync } from 'node:zlib'
import iconv from 'iconv-lite'

export interface DemoMailbox {
  user: string
  address: string
  mails: Buffer[]
}

interface Draft {
  id: string
  from: string
  to: string
  subject: string
  /** Minutes before now. */
  ago: number
  headers?: readonly string[]
  type?: string
  encoding?: string
  body: string | Buffer
}

/** The sample mailboxes, dated back from `now`. */
export function demoMailboxes(now: Date): DemoMailbox[] {
  const build = (draft: Draft): Buffer => toMail(draft, now)
  return [
    { user: 'support', address: 'support@shop.example', mails: supportMails().map(build) },
    { user: 'billing', address: 'billing@shop.example', mails: [...billingMails().map(build), brokenMail(now)] },
    { user: 'nihon', address: 'support@shop.example.jp', mails: japaneseMails().map(build) },
  ]
}

/** One more mail for the first mailbox; the number makes it another one each time. */
export function nextDemoMail(number: number, now: Date): Buffer {
  const [name, subject, body] = newQuestions[number % newQuestions.length] as [string, string, string]
  const from = `${name} <${name.toLowerCase().replace(/\W+/g, '.')}@customers.example>`
  const draft = { id: `new-${number}-${now.getTime()}@customers.example`, from, to: 'support@shop.example', ago: 0 }
  return toMail(
    { ...draft, subject: `${subject} (order ${48_000 + number})`, body: `${body}\n\nRegards\n${name}\n` },
    now,
  )
}

const newQuestions: readonly [string, string, string][] = [
  [
    'Olga Petrova',
    'Where is my parcel?',
    'The tracking page has said "on its way" since Monday. Can you see where it is?',
  ],
  ['Tom Baker', 'Wrong size', 'I ordered the jacket in L and got an S. How do I send it back?'],
  [
    'Aylin Kaya',
    'Voucher does not work',
    'The code from your letter is refused with "expired", but it says end of December.',
  ],
  ['Jean Martin', 'Change of address', 'We moved last week. Please send what is still open to our new place.'],
  ['Ines Costa', 'Missing part', 'The lamp came without its screws. Everything else is lovely.'],
]

const plain = 'text/plain; charset=utf-8'

function toMail(draft: Draft, now: Date): Buffer {
  const date = new Date(now.getTime() - draft.ago * 60_000)
  const head = [
    `Return-Path: <${/<([^>]+)>/.exec(draft.from)?.[1] ?? ''}>`,
    `Date: ${date.toUTCString().replace('GMT', '+0000')}`,
    `From: ${draft.from}`,
    `To: ${draft.to}`,
    `Subject: ${draft.subject}`,
    ...(draft.id === '' ? [] : [`Message-ID: <${draft.id}>`]),
    ...(draft.headers ?? []),
    'MIME-Version: 1.0',
    `Content-Type: ${draft.type ?? plain}`,
    `Content-Transfer-Encoding: ${draft.encoding ?? '8bit'}`,
    '',
    '',
  ]
  const body = typeof draft.body === 'string' ? Buffer.from(draft.body.replace(/\r?\n/g, '\r\n')) : draft.body
  return Buffer.concat([Buffer.from(head.join('\r\n')), body])
}

const reply = (ids: readonly string[]) => [
  `In-Reply-To: <${ids.at(-1)}>`,
  `References: ${ids.map(id => `<${id}>`).join(' ')}`,
]

function supportMails(): Draft[] {
  const to = 'support@shop.example'
  const anna = 'Anna Berg <anna.berg@customers.example>'
  const luis = '=?utf-8?Q?Luis_Garc=C3=ADa?= <luis@customers.example>'
  return [
    {
      id: 'a1@customers.example',
      from: anna,
      to,
      ago: 9000,
      subject: 'Teapot arrived broken',
      body: 'Hello,\n\nthe blue teapot of order 47110 came in three pieces. The box looked fine.\nCan you send another one?\n\nAnna Berg\n',
    },
    {
      id: 'a2@customers.example',
      from: anna,
      to,
      ago: 8900,
      subject: 'Re: Teapot arrived broken',
      headers: reply(['a1@customers.example']),
      ...withPhoto(),
    },
    {
      id: 'l1@customers.example',
      from: luis,
      to,
      ago: 8500,
      subject: '=?utf-8?B?wr9Qw7NsaXphIGRlIGdhcmFudMOtYT8=?=',
      body: 'Buenos días:\n\n¿Cuánto dura la garantía de la cafetera? No lo encuentro en la caja.\n\nUn saludo,\nLuis\n',
    },
    {
      id: 'a3@customers.example',
      from: anna,
      to,
      ago: 8000,
      subject: 'Re: Teapot arrived broken',
      headers: reply(['a1@customers.example', 'a2@customers.example']),
      body: 'It came today, whole this time. Thank you!\n\nOn Thu, 19 Nov 2026 at 19:34, Support <support@shop.example> wrote:\n> Another teapot is on its way to you.\n',
    },
    {
      id: 'm1@customers.example',
      from: 'Mehmet Demir <mehmet@customers.example>',
      to,
      ago: 7600,
      subject: 'Login impossible',
      body: 'Since the new web page I cannot sign in. It says "unknown address", but your newsletter reaches me.\n-- \nMehmet\n',
    },
    {
      id: 'h1@partners.example',
      from: 'Parcel Partner <info@partners.example>',
      to,
      ago: 7000,
      subject: 'New labels from December',
      headers: ['List-Id: partner news <news.partners.example>', 'List-Unsubscribe: <mailto:off@partners.example>'],
      type: 'text/html; charset=utf-8',
      body: newsletter(
        'New labels from December',
        'Please print the new labels from 1 December on. The old ones are accepted until the end of January.',
      ),
    },
    {
      id: 'w1@customers.example',
      from: 'Jürgen Groß <juergen@customers.example>'.replace('Jürgen Groß', '=?windows-1252?Q?J=FCrgen_Gro=DF?='),
      to,
      ago: 6500,
      subject: '=?windows-1252?Q?R=FCckgabe_=96_Gr=F6=DFe_pa=DFt_nicht?=',
      type: 'text/plain; charset=windows-1252',
      body: iconv.encode(
        'Guten Tag,\r\n\r\ndie Schuhe – Größe 43 – passen nicht. Kostet die Rückgabe etwas? Ich zahlte 79 €.\r\n\r\nJürgen Groß\r\n',
        'windows-1252',
      ),
    },
    {
      id: 'o1@customers.example',
      from: anna,
      to,
      ago: 6000,
      subject: 'Automatic reply: Your parcel',
      headers: ['Auto-Submitted: auto-replied', 'X-Auto-Response-Suppress: All', ...reply(['a1@customers.example'])],
      body: 'I am out of the office until Monday and read no mail.\n',
    },
    {
      id: 's1@forms.shop.example',
      from: 'Contact form <no-reply@forms.shop.example>',
      to,
      ago: 5500,
      subject: 'Contact form: opening hours',
      headers: ['Auto-Submitted: auto-generated', 'Reply-To: Kim Lee <kim@customers.example>'],
      body: 'Name: Kim Lee\nQuestion: Is your shop in the station open on Sundays?\n',
    },
    {
      id: 'x1@customers.example',
      from: 'Xavier Roux <xavier@customers.example>',
      to,
      ago: 5000,
      subject: 'Two questions',
      ...alternative(
        'Is there gift wrapping? And can you deliver before Friday?',
        '<p>Is there <b>gift wrapping</b>?</p><p>And can you deliver before <i>Friday</i>?</p><script>alert("no")</script><img src="http://tracker.example/x.gif">',
      ),
    },
    {
      id: 'x2@customers.example',
      from: 'Xavier Roux <xavier@customers.example>',
      to,
      ago: 4900,
      subject: 'Re: Two questions',
      headers: reply(['x1@customers.example']),
      body: 'Saturday would do, too.\n\nXavier\n\n-----Original Message-----\nFrom: Xavier Roux\nSent: Monday\nTo: support\nSubject: Two questions\n\nIs there gift wrapping?\n',
    },
    {
      id: 'g1@customers.example',
      from: '=?utf-8?Q?Gr=C3=A9ta_Nov=C3=A1k?= <greta@customers.example>',
      to,
      ago: 4800,
      subject: '=?utf-8?B?8J+OgSBHaWZ0IGZvciBteSBzaXN0ZXI=?=',
      headers: ['Cc: =?utf-8?Q?Petr_Nov=C3=A1k?= <petr@customers.example>', 'Importance: high'],
      ...alternative(
        'Can you put a card into the parcel? 🎁\n\nGréta\n',
        '<p>Can you put a <b>card</b> into the parcel? 🎁</p><p>Gréta</p>',
      ),
    },
    {
      id: 'g2@customers.example',
      from: '=?utf-8?Q?Gr=C3=A9ta_Nov=C3=A1k?= <greta@customers.example>',
      to,
      ago: 4700,
      subject: '=?utf-8?B?UmU6IPCfjoEgR2lmdCBmb3IgbXkgc2lzdGVy?=',
      headers: reply(['g1@customers.example']),
      body: 'The card should say "Happy birthday".\n\n-- \nGréta Nováková\nPrague\n\nDne 20. 11. 2026 napsala Gréta Nováková:\n> Can you put a card into the parcel?\n',
    },
    {
      id: 'f1@partners.example',
      from: 'Parcel Partner <service@partners.example>',
      to,
      ago: 4600,
      subject: 'Fwd: damaged parcel',
      ...forwarded(
        'This reached us by mistake, it is for you.\n',
        'From: Uwe Kern <uwe@customers.example>\nTo: service@partners.example\nSubject: damaged parcel\nMessage-ID: <u1@customers.example>\nContent-Type: text/plain; charset=utf-8\n\nMy parcel is wet, and so are the books in it.\n',
      ),
    },
    {
      id: 'n1@supplier.example',
      from: 'Tea Supplier <news@supplier.example>',
      to,
      ago: 4550,
      subject: '=?utf-8?Q?Winter_teas_=E2=80=93_20_%_until_Friday?=',
      headers: ['List-Unsubscribe: <https://supplier.example/off>', 'Precedence: bulk'],
      type: 'text/html; charset=utf-8',
      encoding: 'base64',
      body: base64(Buffer.from(newsletter('Winter teas', 'Ginger, cinnamon, orange: 20 % off until Friday.'))),
    },
    {
      id: '',
      from: 'scanner@office.example',
      to,
      ago: 4500,
      subject: 'Scan',
      headers: ['X-Note: a device that writes no Message-ID'],
      ...withAttachment(
        'One page was scanned.\n',
        'scan.txt',
        'text/plain',
        Buffer.from('Delivery note 47110\r\n1 teapot, blue\r\n'),
      ),
    },
  ]
}

function billingMails(): Draft[] {
  const to = 'billing@shop.example'
  const ada = 'Ada Okafor <ada@firm.example>'
  return [
    {
      id: 'i1@firm.example',
      from: ada,
      to,
      ago: 8800,
      subject: 'Invoice 2026-0815 is wrong',
      ...withAttachment(
        'Dear billing,\n\nplease see line 3: we ordered two, not twenty.\n\nAda Okafor\n',
        'Rechnung Nr. 2026–0815 (geprüft).pdf',
        'application/pdf',
        samplePdf,
      ),
    },
    {
      id: 'i2@firm.example',
      from: 'Ben Okafor <ben@firm.example>',
      to: `${to}, ${ada}`,
      ago: 8700,
      subject: 'Re: Invoice 2026-0815 is wrong',
      headers: reply(['i1@firm.example']),
      body: 'And our address changed, please see below.\n\nBen\n',
    },
    {
      id: 'i3@firm.example',
      from: ada,
      to,
      ago: 8600,
      subject: 'Re: Invoice 2026-0815 is wrong',
      headers: reply(['i1@firm.example']),
      body: 'Any news? Our auditors ask.\n\nAda\n',
    },
    {
      id: 'd1@mx.shop.example',
      from: 'Mail Delivery System <MAILER-DAEMON@mx.shop.example>',
      to,
      ago: 8000,
      subject: 'Undelivered Mail Returned to Sender',
      headers: ['Auto-Submitted: auto-replied'],
      ...deliveryReport(),
    },
    {
      id: 'p1@bank.example',
      from: 'Bank <statements@bank.example>',
      to,
      ago: 7000,
      subject: 'Your statement of November',
      headers: ['Auto-Submitted: auto-generated'],
      ...withAttachment(
        'Your statement is attached.\n',
        'statement.csv',
        'text/csv',
        Buffer.from('day;amount\r\n2026-11-02;120,00\r\n2026-11-09;79,00\r\n'),
      ),
    },
    {
      id: 'r1@customers.example',
      from: 'Rosa Lind <rosa@customers.example>',
      to,
      ago: 6000,
      subject: 'Reminder though I paid',
      type: 'text/plain; charset=utf-8; format=flowed',
      body: 'I paid on the second of November, here is what my bank says: \n120 euros to your account. Why do I get a reminder?\n\nRosa\n',
    },
    {
      id: 'q1@customers.example',
      from: 'Quentin <quentin@customers.example>',
      to,
      ago: 5000,
      subject: 'VAT number on the invoice',
      encoding: 'quoted-printable',
      body: 'Bonjour,=0D=0A=0D=0Apouvez-vous ajouter notre num=C3=A9ro de TVA =C3=A0 la facture=\n 47200 ?=0D=0A',
    },
    {
      id: 'v1@firm.example',
      from: 'Accounting <accounting@other-firm.example>',
      to: `"Billing, shop" <${to}>, undisclosed-recipients:;`,
      ago: 4500,
      subject: 'Two documents',
      ...multipart('mixed', [
        { head: utf8Part, body: 'Please find both attached.\n' },
        {
          head: [
            'Content-Type: application/pdf',
            'Content-Transfer-Encoding: base64',
            "Content-Disposition: attachment; filename*0*=utf-8''Bestellung%20;\r\n filename*1*=und%20Lieferschein.pdf",
          ],
          body: base64(samplePdf),
        },
        {
          head: [
            'Content-Type: image/png; name="=?utf-8?Q?Unterschrift_M=C3=BCller.png?="',
            'Content-Transfer-Encoding: base64',
            'Content-Disposition: attachment',
          ],
          body: base64(samplePng),
        },
      ]),
    },
    {
      id: 'e1@customers.example',
      from: 'Eva <eva@customers.example>',
      to,
      ago: 4200,
      subject: '',
      body: 'I forgot the subject. Can I pay by instalments?\n',
    },
    {
      id: 't1@customers.example',
      from: 'Theo <theo@customers.example>',
      to,
      ago: 4000,
      subject: 'Receipt, please',
      ...alternative(
        'Please send me a receipt.',
        '<div style="font-family:Arial">Please send me a <b>receipt</b>.</div>',
      ),
    },
  ]
}

function japaneseMails(): Draft[] {
  const to = 'support@shop.example.jp'
  const sato = `${jisWord('佐藤 花子')} <sato@customers.example.jp>`
  const jis = { type: 'text/plain; charset=ISO-2022-JP', encoding: '7bit' }
  return [
    {
      id: 'j1@customers.example.jp',
      from: sato,
      to,
      ago: 8000,
      subject: jisWord('注文についての質問'),
      ...jis,
      body: toJis('お世話になっております。\r\n\r\n先週注文した急須はいつ届きますか。\r\n\r\n佐藤\r\n'),
    },
    {
      id: 'j2@customers.example.jp',
      from: sato,
      to,
      ago: 7900,
      subject: `Re: ${jisWord('注文についての質問')}`,
      headers: reply(['j1@customers.example.jp']),
      ...jis,
      body: toJis('今日届きました。ありがとうございます。\r\n'),
    },
    {
      id: 'j3@customers.example.jp',
      from: '=?utf-8?B?55Sw5Lit?= <tanaka@customers.example.jp>',
      to,
      ago: 7000,
      subject: '=?utf-8?B?6aCY5Y+O5pu444Gu5a6b5ZCN?=',
      body: '領収書の宛名を会社名に変更できますか。\n\n田中\n',
    },
    {
      id: 'j4@customers.example.jp',
      from: 'Suzuki <suzuki@customers.example.jp>',
      to,
      ago: 6000,
      subject: '=?shift_jis?B?ldSVaYLJgsKCooLE?=',
      type: 'text/plain; charset=shift_jis',
      body: iconv.encode('サイズが合わないので返品したいです。\r\n', 'shift_jis'),
    },
    {
      id: 'j5@customers.example.jp',
      from: 'Yamada <yamada@customers.example.jp>',
      to,
      ago: 5000,
      subject: 'HTML',
      type: 'text/html; charset=utf-8',
      body: '<html><body><p>色は<b>青</b>と<b>白</b>のどちらがありますか。</p></body></html>\n',
    },
    {
      id: 'j6@customers.example.jp',
      from: 'Mori <mori@customers.example.jp>',
      to,
      ago: 4000,
      subject: '=?utf-8?B?5YaZ55yf44KS6YCB44KK44G+44GZ?=',
      ...withPhoto(),
    },
    {
      id: 'j7@customers.example.jp',
      from: '=?utf-8?B?6auY5qmL?= <takahashi@customers.example.jp>',
      to,
      ago: 3000,
      subject: '=?utf-8?B?6KaL56mN5pu444KS44GK6aGY44GE44GX44G+44GZ?=',
      ...withAttachment(
        '急須を十個、見積書をお願いします。\n\n高橋\n',
        '見積依頼.csv',
        'text/csv',
        Buffer.from('急須,10\r\n'),
      ),
    },
  ]
}

/** A multipart without its closing boundary, a boundary that is never used, raw bytes in the subject, two Froms. */
function brokenMail(now: Date): Buffer {
  const lines = [
    `Date: ${now.toUTCString()}`,
    'From: ',
    'From: "Old Machine" <machine@factory.example',
    'To: billing@shop.example',
    'Subject: Zahlung f\xfcr M\xe4rz',
    'Message-ID: broken@factory.example',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="never-used"',
    '',
    '--another',
    'Content-Type: text/plain; charset=iso-8859-1',
    '',
    'Wir haben f\xfcr M\xe4rz gezahlt, bitte pr\xfcfen.',
    '',
  ]
  return Buffer.from(lines.join('\r\n'), 'latin1')
}

const boundary = '=_letterlock_demo'

function multipart(
  type: string,
  parts: readonly { head: readonly string[]; body: string }[],
): Pick<Draft, 'type' | 'body'> {
  const text = parts
    .map(part => `--${boundary}\r\n${part.head.join('\r\n')}\r\n\r\n${part.body.replace(/\r?\n/g, '\r\n')}\r\n`)
    .join('')
  return { type: `multipart/${type}; boundary="${boundary}"`, body: Buffer.from(`${text}--${boundary}--\r\n`) }
}

const utf8Part = ['Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit']

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/.{76}/g, line => `${line}\r\n`)
}

function withAttachment(text: string, name: string, type: string, bytes: Buffer): Pick<Draft, 'type' | 'body'> {
  const coded = `utf-8''${encodeURIComponent(name)}`
  const head = [
    `Content-Type: ${type}`,
    'Content-Transfer-Encoding: base64',
    `Content-Disposition: attachment; filename*=${coded}`,
  ]
  return multipart('mixed', [
    { head: utf8Part, body: text },
    { head, body: base64(bytes) },
  ])
}

function withPhoto(): Pick<Draft, 'type' | 'body'> {
  return multipart('related', [
    {
      head: ['Content-Type: text/html; charset=utf-8'],
      body: '<p>Here is a photo: <img src="cid:photo@customers.example" alt="photo"></p>',
    },
    {
      head: [
        'Content-Type: image/png; name="photo.png"',
        'Content-Transfer-Encoding: base64',
        'Content-ID: <photo@customers.example>',
        'Content-Disposition: inline; filename="photo.png"',
      ],
      body: base64(samplePng),
    },
  ])
}

function alternative(text: string, html: string): Pick<Draft, 'type' | 'body'> {
  return multipart('alternative', [
    { head: utf8Part, body: text },
    { head: ['Content-Type: text/html; charset=utf-8'], body: html },
  ])
}

function forwarded(text: string, mail: string): Pick<Draft, 'type' | 'body'> {
  return multipart('mixed', [
    { head: utf8Part, body: text },
    { head: ['Content-Type: message/rfc822', 'Content-Disposition: attachment; filename="mail.eml"'], body: mail },
  ])
}

function deliveryReport(): Pick<Draft, 'type' | 'body'> {
  const parts = multipart('report', [
    {
      head: utf8Part,
      body: 'I am sorry to have to inform you that your message could not be delivered.\n\n<gone@firm.example>: user unknown\n',
    },
    {
      head: ['Content-Type: message/delivery-status'],
      body: 'Reporting-MTA: dns; mx.shop.example\n\nFinal-Recipient: rfc822; gone@firm.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 user unknown\n',
    },
    {
      head: ['Content-Type: text/rfc822-headers'],
      body: 'From: billing@shop.example\nTo: gone@firm.example\nSubject: Invoice 2026-0815\nMessage-ID: <out-1@shop.example>\n',
    },
  ])
  return { ...parts, type: `${parts.type}; report-type=delivery-status` }
}

function newsletter(title: string, text: string): string {
  const row = (content: string) => `<tr><td style="padding: 12px; color: #333333">${content}</td></tr>`
  return `<html><head><title>${title}</title><style>td { font-family: Arial }</style></head><body><table width="600">${row(`<h1>${title}</h1>`)}${row(text)}${row('<a href="https://partners.example/off">unsubscribe</a>')}</table></body></html>`
}

/** ISO-2022-JP (RFC 1468): the two bytes of EUC-JP without their high bits, between escapes. */
function toJis(text: string): Buffer {
  const pieces = text.match(/\p{ASCII}+|\P{ASCII}+/gu) ?? []
  return Buffer.concat(
    pieces.map(piece => {
      const bytes = iconv.encode(piece, 'euc-jp')
      if ((bytes[0] ?? 0) < 0x80) return bytes
      return Buffer.concat([
        Buffer.from('\u001b$B'),
        Buffer.from(bytes.map(byte => byte & 0x7f)),
        Buffer.from('\u001b(B'),
      ])
    }),
  )
}

function jisWord(text: string): string {
  return `=?ISO-2022-JP?B?${toJis(text).toString('base64')}?=`
}

const samplePdf = Buffer.from(
  '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj 3 0 obj<</Type/Page/MediaBox[0 0 200 100]/Parent 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n',
)

/** A blue square with a white rim: a PNG of its three chunks. */
function picture(side: number): Buffer {
  const rim = (x: number, y: number) => Math.min(x, y, side - 1 - x, side - 1 - y) < side / 8
  const rows = Array.from({ length: side }, (_, y) => [
    0,
    ...Array.from({ length: side }, (_, x) => (rim(x, y) ? [255, 255, 255] : [40, 90 + y, 200])).flat(),
  ])
  const header = Buffer.from([0, 0, 0, side, 0, 0, 0, side, 8, 2, 0, 0, 0])
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.from(rows.flat()))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(name: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name), data])
  const numbers = Buffer.alloc(8)
  numbers.writeUInt32BE(data.length, 0)
  numbers.writeUInt32BE(crc32(named), 4)
  return Buffer.concat([numbers.subarray(0, 4), named, numbers.subarray(4)])
}

const samplePng = picture(96)
