// Which ticket a mail finds, as short stories: what comes in, and what becomes of it. Tickets are numbered in the order in which they are
// opened; `-> 1` is the ticket that a new one links to. The words in the second column say where it is known to go wrong.
import { expect, test } from 'vitest'
import { type Step, type StoryMail, type StorySettings, tell } from '../support/threads.ts'

const anna = 'Anna <anna@example.org>'
const bob = 'Bob <bob@example.net>'
const carl = 'carl@example.edu'
const eve = 'Eve <eve@evil.example>'
const first = { id: 'a@x', from: anna, subject: 'Teapot broken' }
const autoReply = ['Auto-Submitted: auto-replied']
const fromServer = 'Mail Delivery System <mailer-daemon@mx.example.org>'

/** A delivery report with the header of the original. */
function bounce(
  original: string,
  recipient: string,
  status = '5.1.1',
): { headers: string[]; body: string; from: string } {
  return {
    from: fromServer,
    headers: ['MIME-Version: 1.0', 'Content-Type: multipart/report; report-type=delivery-status; boundary=r'],
    body: [
      '--r',
      '',
      'Your mail could not be delivered.',
      '--r',
      'Content-Type: message/delivery-status',
      '',
      'Reporting-MTA: dns; mx.example.org',
      '',
      `Final-Recipient: rfc822; ${recipient}`,
      'Action: failed',
      `Status: ${status}`,
      '--r',
      'Content-Type: text/rfc822-headers',
      '',
      original,
      '--r--',
    ].join('\r\n'),
  }
}

function attached(type: string, header: string): { headers: string[]; body: string } {
  return {
    headers: ['MIME-Version: 1.0', `Content-Type: multipart/mixed; boundary=m`],
    body: ['--m', '', 'see below', '--m', `Content-Type: ${type}`, '', header, '', 'words', '--m--'].join('\r\n'),
  }
}

/** A mail whose From a list has rewritten. */
function throughList(person: string): StoryMail {
  const headers = ['List-Id: <users.list.example>', 'List-Post: <mailto:users@list.example>', `Reply-To: ${person}`]
  return { from: '"Somebody via Users" <users@list.example>', to: 'users@list.example', headers }
}

interface Row {
  title: string
  steps: Step[]
  ends: string[]
  settings?: StorySettings
}

const conversations: Row[] = [
  {
    title: 'a first mail opens a ticket',
    steps: [first],
    ends: ['created 1 new'],
  },
  {
    title: 'a reply of its sender joins it',
    steps: [first, { id: 'b@x', from: anna, inReplyTo: 'a@x' }],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'in one batch, too',
    steps: [[first, { id: 'b@x', from: anna, inReplyTo: 'a@x' }, { from: anna, inReplyTo: 'b@x' }]],
    ends: ['created 1 new', 'appended 1 reference', 'appended 1 reference'],
  },
  {
    title: 'References alone do',
    steps: [first, { from: anna, references: ['other@x', 'a@x'] }],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'only the oldest of the references is known',
    steps: [first, { from: anna, inReplyTo: 'z@x', references: ['a@x', 'y@x', 'z@x'] }],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'a reply with another subject joins it all the same',
    steps: [first, { from: anna, inReplyTo: 'a@x', subject: 'By the way' }],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'the same subject without a reference is another ticket',
    steps: [first, { from: anna, subject: 'Re: Teapot broken' }],
    ends: ['created 1 new', 'created 2 new'],
  },
  {
    title: 'the same subject of somebody else is another ticket',
    steps: [first, { from: bob, subject: 'Teapot broken' }],
    ends: ['created 1 new', 'created 2 new'],
  },
  {
    title: 'two conversations of one person stay two',
    steps: [
      first,
      { id: 'p@x', from: anna, subject: 'Pan broken' },
      { from: anna, inReplyTo: 'p@x' },
      { from: anna, inReplyTo: 'a@x' },
    ],
    ends: ['created 1 new', 'created 2 new', 'appended 2 reference', 'appended 1 reference'],
  },
  {
    title: 'what is answered counts more than what was referred to before',
    steps: [first, { id: 'p@x', from: anna }, { from: anna, inReplyTo: 'a@x', references: ['a@x', 'p@x'] }],
    ends: ['created 1 new', 'created 2 new', 'appended 1 reference'],
  },
  {
    title: 'without In-Reply-To the newest reference counts',
    steps: [first, { id: 'p@x', from: anna }, { from: anna, references: ['a@x', 'p@x'] }],
    ends: ['created 1 new', 'created 2 new', 'appended 2 reference'],
  },
  {
    title: 'one who was in Cc answers',
    steps: [
      { ...first, headers: [`Cc: ${bob}`] },
      { from: bob, inReplyTo: 'a@x' },
    ],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'one who was in To beside us answers',
    steps: [
      { ...first, to: `support@example.com, ${bob}` },
      { from: bob, inReplyTo: 'a@x' },
    ],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'one whom a participant takes along later answers',
    steps: [
      first,
      { id: 'b@x', from: anna, inReplyTo: 'a@x', headers: [`Cc: ${carl}`] },
      { from: carl, inReplyTo: 'b@x' },
    ],
    ends: ['created 1 new', 'appended 1 reference', 'appended 1 reference'],
  },
  {
    title: 'Reply-To differs from From, and the answer comes from there',
    steps: [
      { ...first, headers: ['Reply-To: anna@home.example'] },
      { from: 'anna@home.example', inReplyTo: 'a@x' },
    ],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'an address in another case is the same person',
    steps: [first, { from: 'ANNA@Example.ORG', inReplyTo: 'a@x' }],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'a forward of a participant that refers to the ticket joins it',
    steps: [first, { from: anna, inReplyTo: 'a@x', subject: 'Fwd: Teapot broken' }],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'a mail with another one attached is about itself (mis-threaded forwards)',
    steps: [first, { from: anna, ...attached('message/rfc822', 'Message-ID: <a@x>\r\nSubject: [{token 1}]') }],
    ends: ['created 1 new', 'created 2 new'],
  },
  {
    title: 'the same mail to two accounts is a ticket in each',
    steps: [
      { ...first, body: 'same' },
      { ...first, body: 'same', account: 2 },
    ],
    ends: ['created 1 new', 'created 2 new'],
  },
  {
    title: 'and each has its own replies',
    steps: [
      first,
      { ...first, account: 2 },
      { from: anna, inReplyTo: 'a@x', account: 2 },
      { from: anna, inReplyTo: 'a@x' },
    ],
    ends: ['created 1 new', 'created 2 new', 'appended 2 reference', 'appended 1 reference'],
  },
  {
    title: 'a reference to a mail of another account leads nowhere',
    steps: [
      { ...first, account: 2 },
      { from: anna, inReplyTo: 'a@x' },
    ],
    ends: ['created 1 new', 'created 2 new'],
  },
  {
    title: 'the very same bytes again are a duplicate',
    steps: [
      { ...first, body: 'same' },
      { ...first, body: 'same' },
    ],
    ends: ['created 1 new', 'duplicate content'],
  },
  {
    title: 'the same Message-ID with other words is another mail',
    steps: [first, { ...first, body: 'other words' }],
    ends: ['created 1 new', 'created 2 new'],
  },
  {
    title: 'mails without a Message-ID are no family',
    steps: [{ from: anna }, { from: anna }],
    ends: ['created 1 new', 'created 2 new'],
  },
  {
    title: 'an answer to an answer of the helpdesk',
    steps: [first, { answers: 1, id: 'out@helpdesk' }, { from: anna, inReplyTo: 'out@helpdesk' }],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'somebody whom only the helpdesk wrote to, and named',
    steps: [first, { answers: 1, id: 'out@helpdesk', to: carl }, { from: carl, inReplyTo: 'out@helpdesk' }],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'a mailing list: who writes to the list takes part, who only reads it does not',
    steps: [
      { ...first, to: 'users@list.example', headers: ['List-Id: <users.list.example>', 'Cc: support@example.com'] },
      { from: anna, inReplyTo: 'a@x', headers: ['List-Id: <users.list.example>'] },
      { from: eve, inReplyTo: 'a@x', headers: ['List-Id: <users.list.example>'] },
    ],
    ends: ['created 1 new', 'appended 1 reference', 'created 2 stranger-reference -> 1'],
  },
  {
    title: 'a list that puts itself into From: the person behind it takes part, others who write through it do not',
    steps: [
      { id: 'l@x', ...throughList('anna@example.org') },
      { inReplyTo: 'l@x', ...throughList('anna@example.org') },
      { from: anna, inReplyTo: 'l@x' },
      { inReplyTo: 'l@x', ...throughList('eve@evil.example') },
    ],
    ends: ['created 1 new', 'appended 1 reference', 'appended 1 reference', 'created 2 stranger-reference -> 1'],
  },
  {
    title: 'a web form opens a ticket, and the customer named in Reply-To answers',
    steps: [
      {
        id: 'f@x',
        from: 'form@shop.example',
        headers: ['Reply-To: anna@example.org', 'Auto-Submitted: auto-generated'],
      },
      { from: anna, inReplyTo: 'f@x' },
    ],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'each mail of a web form is a ticket of its own',
    steps: [1, 2, 3].map(() => ({ from: 'no-reply@shop.example', subject: 'Contact form' })),
    ends: ['created 1 new', 'created 2 new', 'created 3 new'],
  },
  {
    title: 'monitoring that refers to its own alarm goes on in its ticket',
    steps: [
      { id: 'alarm@x', from: 'nagios@example.org', headers: ['Auto-Submitted: auto-generated'] },
      { from: 'nagios@example.org', references: ['alarm@x'], headers: ['Auto-Submitted: auto-generated'] },
    ],
    ends: ['created 1 new', 'appended 1 reference'],
  },
]

const numbers: Row[] = [
  {
    title: 'the reference of a ticket in the subject proves nothing (follow-up injection)',
    steps: [first, { from: eve, subject: 'Re: [LL-0110-0001] Teapot broken' }],
    ends: ['created 1 new', 'created 2 new'],
  },
  {
    title: 'not even of one who takes part',
    steps: [first, { from: anna, subject: 'Re: LL-0110-0001' }],
    ends: ['created 1 new', 'created 2 new'],
  },
  {
    title: 'nor do numbers as other helpdesks write them',
    steps: [
      first,
      ...['[#1]', 'Ticket#1', '[example.com #1]'].map(tag => ({ from: anna, subject: `Re: ${tag} Teapot` })),
    ],
    ends: ['created 1 new', 'created 2 new', 'created 3 new', 'created 4 new'],
  },
  {
    title: 'an order number that is a ticket’s by chance',
    steps: [first, { from: anna, subject: 'order 1' }],
    ends: ['created 1 new', 'created 2 new'],
  },
]

const signed: Row[] = [
  {
    title: 'a token in the subject, of an unknown address',
    steps: [first, { from: carl, subject: 'Re: Teapot broken [{token 1}]' }],
    ends: ['created 1 new', 'appended 1 token'],
  },
  {
    title: 'in lower case',
    steps: [first, { from: carl, subject: '[{lower 1}] hello' }],
    ends: ['created 1 new', 'appended 1 token'],
  },
  {
    title: 'read aloud: O for 0, I and l for 1',
    steps: [first, { from: carl, subject: '[{confused 1}]' }],
    ends: ['created 1 new', 'appended 1 token'],
  },
  {
    title: 'not in brackets it is none',
    steps: [first, { from: carl, subject: '{token 1}' }],
    ends: ['created 1 new', 'created 2 new'],
  },
  {
    title: 'in a plus-address in To',
    steps: [first, { from: carl, to: 'support+{lower 1}@example.com' }],
    ends: ['created 1 new', 'appended 1 token'],
  },
  {
    title: 'in a plus-address in Cc',
    steps: [first, { from: carl, to: bob, headers: ['Cc: "Support" <support+{token 1}@example.com>'] }],
    ends: ['created 1 new', 'appended 1 token'],
  },
  {
    title: 'in the Message-ID that is answered',
    steps: [first, { from: carl, inReplyTo: '{token 1}.2@helpdesk.example' }],
    ends: ['created 1 new', 'appended 1 token'],
  },
  {
    title: 'in References, however long they are',
    steps: [
      first,
      { from: carl, references: [...Array.from({ length: 300 }, (_, i) => `${i}@x`), '{lower 1}.1@helpdesk.example'] },
    ],
    ends: ['created 1 new', 'appended 1 token'],
  },
  {
    title: 'in the text it says nothing: texts are quoted and passed on',
    steps: [first, { from: carl, body: 'see [{token 1}]' }],
    ends: ['created 1 new', 'created 2 new'],
  },
  {
    title: 'who came by a token takes part from then on',
    steps: [first, { id: 'c@x', from: carl, subject: '[{token 1}]' }, { from: carl, inReplyTo: 'c@x' }],
    ends: ['created 1 new', 'appended 1 token', 'appended 1 reference'],
  },
  {
    title: 'a token counts more than references',
    steps: [first, { id: 'p@x', from: anna }, { from: anna, inReplyTo: 'p@x', subject: '[{token 1}]' }],
    ends: ['created 1 new', 'created 2 new', 'appended 1 token'],
  },
  {
    title: 'of two tokens in References the newer one counts',
    steps: [first, { id: 'p@x', from: anna }, { from: carl, references: ['{token 1}@h', '{token 2}@h'] }],
    ends: ['created 1 new', 'created 2 new', 'appended 2 token'],
  },
  {
    title: 'a forged token opens a ticket',
    steps: [first, { from: eve, subject: '[{forged 1}]' }],
    ends: ['created 1 new', 'created 2 forged-token'],
  },
  {
    title: 'a token of another installation is forged',
    steps: [first, { from: eve, subject: '[{other 1}]' }],
    ends: ['created 1 new', 'created 2 forged-token'],
  },
  {
    title: 'a forged token in a plus-address and in References',
    steps: [first, { from: eve, to: 'support+{forged 1}@example.com', references: ['{forged 1}@h'] }],
    ends: ['created 1 new', 'created 2 forged-token'],
  },
  {
    title: 'a forged token beside a stranger’s reference: both are said',
    steps: [first, { from: eve, subject: '[{forged 1}]', inReplyTo: 'a@x' }],
    ends: ['created 1 new', 'created 2 forged-token -> 1'],
  },
  {
    title: 'a garbled token does not shut out who takes part',
    steps: [first, { from: anna, subject: '[{forged 1}]', inReplyTo: 'a@x' }],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'a right token beside a forged one counts',
    steps: [first, { from: carl, subject: '[{forged 1}] [{token 1}]' }],
    ends: ['created 1 new', 'appended 1 token'],
  },
  {
    title: 'a token of another account’s ticket leads nowhere, and is no forgery',
    steps: [
      { ...first, account: 2 },
      { from: anna, subject: '[{token 1}]' },
    ],
    ends: ['created 1 new', 'created 2 new'],
  },
  {
    title: 'nobody is called a forger while the secret cannot be opened',
    steps: [first, { from: carl, subject: '[{token 1}]' }, { from: anna, subject: '[{token 1}]', inReplyTo: 'a@x' }],
    ends: ['created 1 new', 'created 2 new', 'appended 1 reference'],
    settings: { locked: true },
  },
]

const strangers: Row[] = [
  {
    title: 'a stranger’s reference opens a ticket that links',
    steps: [first, { from: eve, inReplyTo: 'a@x' }],
    ends: ['created 1 new', 'created 2 stranger-reference -> 1'],
  },
  {
    title: 'a reference to nothing opens a ticket',
    steps: [first, { from: eve, inReplyTo: 'nothing@x', references: ['none@x'] }],
    ends: ['created 1 new', 'created 2 new'],
  },
  {
    title: 'a stranger does not get in by his second mail',
    steps: [
      first,
      { id: 'e@x', from: eve, inReplyTo: 'a@x' },
      { from: eve, inReplyTo: 'a@x', references: ['a@x', 'e@x'] },
    ],
    ends: ['created 1 new', 'created 2 stranger-reference -> 1', 'appended 2 reference'],
  },
  {
    title: 'a stranger does not get in by calling his mail an automatic answer first',
    steps: [first, { id: 'e@x', from: eve, inReplyTo: 'a@x', headers: autoReply }, { from: eve, inReplyTo: 'a@x' }],
    ends: ['created 1 new', 'appended 1 auto-reply', 'created 2 stranger-reference -> 1'],
  },
  {
    title: 'nor by writing as a list where lists open nothing',
    steps: [
      first,
      { from: eve, inReplyTo: 'a@x', headers: ['List-Id: <l.evil.example>'] },
      { from: eve, inReplyTo: 'a@x' },
    ],
    ends: ['created 1 new', 'ignored list', 'created 2 stranger-reference -> 1'],
    settings: { opening: 'human' },
  },
  {
    title: 'a mail without a sender is a stranger’s',
    steps: [first, { from: '', inReplyTo: 'a@x' }],
    ends: ['created 1 new', 'created 2 stranger-reference -> 1'],
  },
  {
    title: 'an id that is in the ticket of one and of another leads each to his own',
    steps: [
      first,
      { id: 's@x', from: eve, inReplyTo: 'a@x' },
      { ...first, from: eve },
      { from: eve, inReplyTo: 'a@x' },
    ],
    ends: ['created 1 new', 'created 2 stranger-reference -> 1', 'created 3 new', 'appended 3 reference'],
  },
  {
    title: 'References that are broken: no brackets, line ends, commas, words',
    steps: [first, { from: anna, headers: ['References: garbage <broken@x, "a@x"\r\n\t<>  <a@x>,<a@x>'] }],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'References of ten thousand ids, the newest of them known',
    steps: [first, { from: anna, references: [...Array.from({ length: 10_000 }, (_, i) => `${i}@x`), 'a@x'] }],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'a mail that refers to itself',
    steps: [{ ...first, inReplyTo: 'a@x', references: ['a@x'] }],
    ends: ['created 1 new'],
  },
  {
    title: 'two mails that refer to each other are one conversation',
    steps: [
      { ...first, inReplyTo: 'b@x' },
      { id: 'b@x', from: anna, inReplyTo: 'a@x' },
    ],
    ends: ['created 1 new', 'appended 1 reference'],
  },
]

const closed: Row[] = [
  {
    title: 'an answer to a closed ticket opens it again',
    steps: [first, { close: 1 }, { from: anna, inReplyTo: 'a@x' }],
    ends: ['created 1 new', 'appended 1 reference'],
  },
  {
    title: 'or a new one that links to it',
    steps: [first, { close: 1 }, { from: anna, inReplyTo: 'a@x' }],
    ends: ['created 1 new', 'created 2 closed -> 1'],
    settings: { closed: 'new' },
  },
  {
    title: 'by a token likewise',
    steps: [first, { close: 1 }, { from: carl, subject: '[{token 1}]' }],
    ends: ['created 1 new', 'created 2 closed -> 1'],
    settings: { closed: 'new' },
  },
  {
    title: 'an answer in the new ticket stays there, though it refers to the closed one and bears its token',
    steps: [
      first,
      { close: 1 },
      { id: 'n@x', from: anna, subject: '[{token 1}]', inReplyTo: 'a@x' },
      { from: anna, subject: '[{token 1}]', inReplyTo: 'n@x', references: ['a@x', 'n@x'] },
    ],
    ends: ['created 1 new', 'created 2 closed -> 1', 'appended 2 reference'],
    settings: { closed: 'new' },
  },
  {
    title: 'an automatic answer does not open a closed ticket, and no new one either',
    steps: [first, { close: 1 }, { from: anna, inReplyTo: 'a@x', headers: autoReply }],
    ends: ['created 1 new', 'appended 1 auto-reply'],
    settings: { closed: 'new' },
  },
  {
    title: 'a stranger does not open a closed ticket',
    steps: [first, { close: 1 }, { from: eve, inReplyTo: 'a@x' }],
    ends: ['created 1 new', 'created 2 stranger-reference -> 1'],
  },
  {
    title: 'a ticket that was opened again in a batch is open for the next mail of it',
    steps: [
      first,
      { close: 1 },
      [
        { from: anna, inReplyTo: 'a@x' },
        { from: anna, references: ['a@x'] },
      ],
    ],
    ends: ['created 1 new', 'appended 1 reference', 'appended 1 reference'],
  },
]

const reply = { id: 'b@x', from: bob, to: 'anna@example.org, support@example.com', inReplyTo: 'a@x' }
const late: Row[] = [
  {
    title: 'a reply before its parent',
    steps: [reply, first],
    ends: ['created 1 new', 'appended 1 awaited'],
  },
  {
    title: 'in one batch',
    steps: [[reply, first]],
    ends: ['created 1 new', 'appended 1 awaited'],
  },
  {
    title: 'three generations in the wrong order, each of which names only its parent',
    steps: [{ id: 'c@x', from: anna, inReplyTo: 'b@x', headers: [`Cc: ${bob}`] }, reply, first],
    ends: ['created 1 new', 'appended 1 awaited', 'appended 1 awaited'],
  },
  {
    title: 'three generations in one batch',
    steps: [[{ id: 'c@x', from: anna, inReplyTo: 'b@x', headers: [`Cc: ${bob}`] }, reply, first]],
    ends: ['created 1 new', 'appended 1 awaited', 'appended 1 awaited'],
  },
  {
    title: 'the late parent’s sender does not take part, but wrote to the one who answered',
    steps: [
      { id: 'b@x', from: bob, inReplyTo: 'a@x' },
      { ...first, headers: [`Cc: ${bob}`] },
    ],
    ends: ['created 1 new', 'appended 1 awaited'],
  },
  {
    title: 'the late parent’s sender has nothing to do with who answered: two tickets that link',
    steps: [{ id: 'b@x', from: bob, inReplyTo: 'a@x' }, first, { from: anna, inReplyTo: 'a@x' }],
    ends: ['created 1 new', 'created 2 new', 'appended 2 reference'],
  },
  {
    title: 'that we were written to does not make a parent: everybody writes to us',
    steps: [
      { id: 'b@x', from: 'support@example.com', to: carl, inReplyTo: 'a@x' },
      { ...first, from: eve },
    ],
    ends: ['created 1 new', 'created 2 new'],
  },
  {
    title: 'two tickets wait for the same parent: it goes into the first in which its sender takes part',
    steps: [reply, { id: 'd@x', from: carl, to: 'anna@example.org, support@example.com', inReplyTo: 'a@x' }, first],
    ends: ['created 1 new', 'created 2 new', 'appended 1 awaited'],
  },
  {
    title: 'a late parent that refers to a ticket goes there',
    steps: [first, { id: 'c@x', from: anna, inReplyTo: 'm@x' }, { id: 'm@x', from: anna, inReplyTo: 'a@x' }],
    ends: ['created 1 new', 'created 2 new', 'appended 1 reference'],
  },
  {
    title: 'a late parent with a token goes where that says',
    steps: [first, { id: 'c@x', from: anna, inReplyTo: 'm@x' }, { id: 'm@x', from: anna, subject: '[{token 1}]' }],
    ends: ['created 1 new', 'created 2 new', 'appended 1 token'],
  },
  {
    title: 'a late automatic answer joins without opening anything',
    steps: [reply, { id: 'a@x', from: anna, headers: autoReply }],
    ends: ['created 1 new', 'appended 1 auto-reply'],
  },
  {
    title: 'of another account nothing is awaited',
    steps: [reply, { ...first, account: 2 }],
    ends: ['created 1 new', 'created 2 new'],
  },
]

const automatic: Row[] = [
  {
    title: 'an automatic answer to a ticket joins it',
    steps: [first, { from: anna, inReplyTo: 'a@x', headers: autoReply }],
    ends: ['created 1 new', 'appended 1 auto-reply'],
  },
  {
    title: 'an automatic answer to nothing is ignored (out of office opens tickets)',
    steps: [{ from: anna, subject: 'Out of office', headers: autoReply }],
    ends: ['ignored auto-reply'],
  },
  {
    title: 'unless configured',
    steps: [{ from: anna, headers: autoReply }],
    ends: ['created 1 new'],
    settings: { opening: 'human,auto-reply' },
  },
  {
    title: 'an automatic answer by a token',
    steps: [first, { from: carl, subject: 'Automatic reply: [{token 1}] Teapot', headers: autoReply }],
    ends: ['created 1 new', 'appended 1 auto-reply'],
  },
  {
    title: 'a bounce names the original only in what is attached',
    steps: [
      first,
      { answers: 1, id: 'out@h' },
      bounce('Message-ID: <out@h>\r\nSubject: Re: Teapot', 'anna@example.org'),
    ],
    ends: ['created 1 new', 'appended 1 bounce'],
  },
  {
    title: 'a bounce of an answer whose id nobody noted, but which answered a mail of the ticket',
    steps: [first, bounce('Message-ID: <unknown@h>\r\nReferences: <a@x>', 'anna@example.org')],
    ends: ['created 1 new', 'appended 1 bounce'],
  },
  {
    title: 'a bounce of an answer with a token in its subject',
    steps: [first, bounce('Message-ID: <unknown@h>\r\nSubject: Re: [{token 1}] Teapot', 'anna@example.org')],
    ends: ['created 1 new', 'appended 1 bounce'],
  },
  {
    title: 'a bounce of an old server that quotes the original in its text',
    steps: [
      first,
      {
        from: fromServer,
        subject: 'failure notice',
        body: 'Hi. This is the qmail-send program.\r\nI was not able to deliver your message to the following addresses.\r\n\r\n<anna@example.org>:\r\n550 5.1.1 user unknown\r\n\r\n--- Below this line is a copy of the message.\r\n\r\nReturn-Path: <support@example.com>\r\nReceived: from h\r\nMessage-ID: <out@h>\r\nReferences: <q@x>\r\n <a@x>\r\nSubject: Re: Teapot\r\n\r\nHello',
      },
    ],
    ends: ['created 1 new', 'appended 1 bounce'],
  },
  {
    title: 'an automatic answer that brings the original along',
    steps: [
      first,
      { answers: 1, id: 'out@h' },
      {
        from: carl,
        ...attached('message/rfc822', 'Message-ID: <out@h>'),
        headers: ['Auto-Submitted: auto-replied', 'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=m'],
      },
    ],
    ends: ['created 1 new', 'appended 1 auto-reply'],
  },
  {
    title: 'a bounce of a mail that is not ours is ignored',
    steps: [first, bounce('Message-ID: <newsletter@h>', 'anna@example.org')],
    ends: ['created 1 new', 'ignored bounce'],
  },
  {
    title: 'a bounce opens a ticket where configured, and joins where it can',
    steps: [first, bounce('Message-ID: <other@h>', 'z@example.org'), bounce('Message-ID: <a@x>', 'anna@example.org')],
    ends: ['created 1 new', 'created 2 new', 'appended 1 reference'],
    settings: { opening: 'human,bounce' },
  },
  {
    title: 'a feedback report finds the ticket of the mail that it is about',
    steps: [
      first,
      { answers: 1, id: 'out@h' },
      {
        from: 'fbl@provider.example',
        headers: ['MIME-Version: 1.0', 'Content-Type: multipart/report; report-type=feedback-report; boundary=r'],
        body: '--r\r\n\r\nabuse\r\n--r\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n--r\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <out@h>\r\n\r\nhello\r\n--r--',
      },
    ],
    ends: ['created 1 new', 'appended 1 feedback-report'],
  },
  {
    title: 'a mail that goes in circles is ignored, or joins',
    steps: [
      first,
      { from: anna, headers: ['X-Loop: yes'] },
      { from: anna, inReplyTo: 'a@x', headers: Array.from({ length: 60 }, (_, i) => `Received: from h${i}`) },
    ],
    ends: ['created 1 new', 'ignored loop', 'appended 1 loop'],
  },
  {
    title: 'a person who asks about a bounce opens a ticket',
    steps: [{ from: anna, subject: 'Fwd: Undelivered Mail Returned to Sender', body: 'what does it mean?' }],
    ends: ['created 1 new'],
  },
  {
    title: 'auto-generated mail opens nothing where that is configured, and joins only what its sender takes part in',
    steps: [
      first,
      { from: 'form@shop.example', headers: ['Auto-Submitted: auto-generated'] },
      { from: 'form@shop.example', inReplyTo: 'a@x', headers: ['Auto-Submitted: auto-generated'] },
      { from: anna, inReplyTo: 'a@x', headers: ['Auto-Submitted: auto-generated'] },
    ],
    ends: ['created 1 new', 'ignored auto-generated', 'ignored auto-generated', 'appended 1 auto-generated'],
    settings: { opening: 'human,list' },
  },
  {
    title: 'our own mail comes back by a copy to ourselves',
    steps: [first, { answers: 1, id: 'out@h' }, { id: 'out@h', from: 'support@example.com', inReplyTo: 'a@x' }],
    ends: ['created 1 new', 'ignored own-mail'],
  },
  {
    title: 'our own mail whose Message-ID bears a token comes back',
    steps: [
      first,
      { close: 1 },
      { id: '{token 1}.5@h', from: 'Support <Support@example.com>', subject: '[{token 1}]' },
    ],
    ends: ['created 1 new', 'ignored own-mail'],
  },
  {
    title: 'our own mail of another account’s ticket comes back',
    steps: [
      { ...first, account: 2 },
      { id: '{token 1}.5@h', from: 'sales@example.com' },
    ],
    ends: ['created 1 new', 'ignored own-mail'],
  },
  {
    title: 'a mail of one of our own accounts that nobody knows is a mail like others',
    steps: [{ id: 'i@x', from: 'sales@example.com' }],
    ends: ['created 1 new'],
  },
  {
    title: 'a stranger who takes a known Message-ID for his mail is not taken for us',
    steps: [first, { answers: 1, id: 'out@h' }, { id: 'out@h', from: eve }],
    ends: ['created 1 new', 'created 2 new'],
  },
]

const flood = (count: number, change: (i: number) => object = () => ({})): Step[] =>
  Array.from({ length: count }, (_, i) => ({ from: eve, subject: `mail ${i}`, minute: 1, ...change(i) }))
const created = (count: number, from = 1): string[] =>
  Array.from({ length: count }, (_, i) => `created ${from + i} new`)
const times = (count: number, end: string): string[] => Array.from({ length: count }, () => end)
const hold = { ticketsPerHour: 3, sameSubject: 3 }

const floods: Row[] = [
  { title: 'as many tickets as one may open', steps: flood(3), ends: created(3), settings: { hold } },
  { title: 'one more is held', steps: flood(4), ends: [...created(3), 'quarantined held'], settings: { hold } },
  {
    title: 'in one batch',
    steps: [flood(5) as never],
    ends: [...created(3), ...times(2, 'quarantined held')],
    settings: { hold },
  },
  {
    title: 'others are not held for it',
    steps: [...flood(4), { from: anna, minute: 1 }],
    ends: [...created(3), 'quarantined held', 'created 4 new'],
    settings: { hold },
  },
  {
    title: 'who writes in a ticket opens none',
    steps: [...flood(3), { from: eve, id: 'e@x', subject: '[{token 1}] more', minute: 1 }],
    ends: [...created(3), 'appended 1 token'],
    settings: { hold },
  },
  {
    title: 'an hour later it goes on',
    steps: [...flood(4), { from: eve, subject: 'later', minute: 61 }],
    ends: [...created(3), 'quarantined held', 'created 4 new'],
    settings: { hold },
  },
  {
    title: 'the mails of a weekend that come at once are no flood',
    steps: [flood(10, i => ({ minute: i * 60 })) as never],
    ends: created(10),
    settings: { hold },
  },
  {
    title: 'alarms with one subject, one an hour, that come at once are no loop',
    steps: [flood(10, i => ({ minute: i * 60, subject: 'backup failed' })) as never],
    ends: created(10),
    settings: { hold },
  },
  { title: 'zero is any number', steps: flood(30), ends: created(30), settings: { hold: { ticketsPerHour: 0 } } },
  {
    title: 'a backlog is not held',
    steps: flood(5),
    ends: created(5),
    settings: { hold, cursor: { startBeforeUid: 100 } },
  },
  {
    title: 'what is read again is not held',
    steps: flood(5),
    ends: created(5),
    settings: { hold, cursor: { rereadBeforeUid: 100 } },
  },
  {
    title: 'what an operator releases is not held again',
    steps: flood(5),
    ends: created(5),
    settings: { hold, cursor: { released: true } },
  },
  {
    title: 'the same subject again and again is a loop, whatever stands around it',
    steps: flood(5, i => ({ subject: ['hi', 'Re: hi', 'AW: Re: hi', 'Fwd: hi', '[list] HI'][i] })),
    ends: [...created(3), ...times(2, 'quarantined loop')],
    settings: { hold: { ticketsPerHour: 0, sameSubject: 3 } },
  },
  {
    title: 'a loop in a ticket is cut as well',
    steps: [first, ...flood(5, () => ({ from: anna, inReplyTo: 'a@x', subject: 'pong', minute: 2 }))],
    ends: ['created 1 new', ...times(3, 'appended 1 reference'), ...times(2, 'quarantined loop')],
    settings: { hold },
  },
  {
    title: 'ten minutes later it is none any more',
    steps: [...flood(3, () => ({ subject: 'hi' })), { from: eve, subject: 'hi', minute: 11 }],
    ends: created(4),
    settings: { hold: { ticketsPerHour: 0, sameSubject: 3 } },
  },
  {
    title: 'the bounces of a mailing have one sender and one subject, and are no loop',
    steps: [
      first,
      ...flood(5, i => ({ ...bounce(`Message-ID: <a@x>\r\nX: ${i}`, 'anna@example.org'), subject: 'Undelivered' })),
    ],
    ends: ['created 1 new', ...times(5, 'appended 1 bounce')],
    settings: { hold },
  },
  {
    title: 'mails without a sender are one sender’s',
    steps: flood(4, () => ({ from: '' })),
    ends: [...created(3), 'quarantined held'],
    settings: { hold },
  },
  {
    title: 'a reply to a held mail waits for it, and it joins when it is released',
    steps: [
      { from: anna, to: `support@example.com, ${eve}`, inReplyTo: 'h@x' },
      { id: 'h@x', from: eve },
    ],
    ends: ['created 1 new', 'appended 1 awaited'],
    settings: { hold, cursor: { released: true } },
  },
]

const drop = { name: 'no-spam', conditions: { from: '*@evil.example' }, action: 'drop', tag: null } as const
const keepBack = { name: 'big', conditions: { minBytes: 100_000 }, action: 'hold', tag: null } as const
const tagging = (name: string, conditions: object) => ({ name, conditions, action: 'tag', tag: name }) as const

const rules: Row[] = [
  {
    title: 'a blocked sender',
    steps: [{ from: eve }, { from: anna }],
    ends: ['ignored rule:no-spam', 'created 1 new'],
    settings: { rules: [drop] },
  },
  {
    title: 'not even in his own ticket, nor with a token',
    steps: [first, { from: eve, subject: '[{token 1}]' }],
    ends: ['created 1 new', 'ignored rule:no-spam'],
    settings: { rules: [drop] },
  },
  {
    title: 'what is too big is held',
    steps: [{ from: anna, body: 'x'.repeat(100_000) }],
    ends: ['quarantined rule:big'],
    settings: { rules: [keepBack] },
  },
  {
    title: 'and let in when it is released',
    steps: [{ from: anna, body: 'x'.repeat(100_000) }],
    ends: ['created 1 new'],
    settings: { rules: [keepBack], cursor: { released: true } },
  },
  {
    title: 'the first that drops or holds decides',
    steps: [{ from: eve, body: 'x'.repeat(100_000) }],
    ends: ['quarantined rule:big'],
    settings: { rules: [keepBack, drop] },
  },
  {
    title: 'a rule of another account does not hold here',
    steps: [
      { from: eve, account: 1 },
      { from: eve, account: 2, subject: 'other' },
    ],
    ends: ['created 1 new', 'ignored rule:no-spam'],
    settings: { rules: [{ ...drop, account: 2 }] },
  },
  {
    title: 'accepted recipients: what was not written to us is dropped',
    steps: [
      { from: anna, to: 'undisclosed-recipients:;' },
      { from: anna, headers: ['Cc: SUPPORT+orders@Example.com'], to: carl },
    ],
    ends: ['ignored rule:not-ours', 'created 1 new'],
    settings: {
      rules: [{ name: 'not-ours', conditions: { notTo: 'support*@example.com' }, action: 'drop', tag: null }],
    },
  },
  {
    title: 'a field of the header, decoded, whatever its case; the text is none',
    steps: [
      { from: anna, headers: ['x-spam-flag: =?utf-8?q?YES?='] },
      { from: anna, body: 'X-Spam-Flag: yes\r\n' },
    ],
    ends: ['ignored rule:flag', 'created 1 new'],
    settings: {
      rules: [
        { name: 'flag', conditions: { header: { name: 'X-Spam-Flag', value: 'yes' } }, action: 'drop', tag: null },
      ],
    },
  },
  {
    title: 'kinds',
    steps: [{ from: anna, headers: ['List-Id: <l.example>'] }, { from: anna }],
    ends: ['ignored rule:lists', 'created 1 new'],
    settings: { rules: [{ name: 'lists', conditions: { kind: 'list' }, action: 'drop', tag: null }] },
  },
  {
    title: 'a rule without conditions holds for nothing',
    steps: [{ from: anna }],
    ends: ['created 1 new'],
    settings: { rules: [{ ...drop, conditions: {} }] },
  },
  {
    title: 'our own mail is told before any rule',
    steps: [first, { answers: 1, id: 'out@h' }, { id: 'out@h', from: 'support@example.com' }],
    ends: ['created 1 new', 'ignored own-mail'],
    settings: { rules: [{ ...keepBack, conditions: { from: 'support@*' } }] },
  },
]

const tables = { conversations, numbers, signed, strangers, closed, late, automatic, floods, rules }

for (const [name, rows] of Object.entries(tables)) {
  test.each(rows.map(row => [row.title, row] as const))(`${name}: %s`, async (_, { steps, ends, settings }) => {
    expect((await tell(steps, settings)).ends).toEqual(ends)
  })
}

test('the table has the scenarios that it should', () => {
  expect(Object.values(tables).flat().length).toBeGreaterThanOrEqual(70)
})

test('what waits for a parent that goes elsewhere links to where it went', async () => {
  const elsewhere = await tell([{ id: 'b@x', from: bob, inReplyTo: 'a@x' }, first])
  expect(elsewhere.world.tickets.map(ticket => ticket.linked)).toEqual([2, null])
  const sibling = await tell([reply, { id: 'd@x', from: carl, to: 'anna@example.org', inReplyTo: 'a@x' }, first])
  expect(sibling.world.tickets.map(ticket => ticket.linked)).toEqual([null, 1])
  const between = await tell([
    first,
    { id: 'c@x', from: anna, inReplyTo: 'm@x' },
    { id: 'm@x', from: anna, inReplyTo: 'a@x' },
  ])
  expect(between.world.tickets.map(ticket => ticket.linked)).toEqual([null, 1])
})

test('the order in which a parent and its reply come does not matter', async () => {
  const stories: Step[][] = [
    [first, { ...reply, to: 'support@example.com' }],
    [{ ...first, headers: [`Cc: ${bob}`] }, reply],
    [first, { id: 'b@x', from: anna, inReplyTo: 'a@x' }],
  ]
  for (const story of stories) {
    const inOrder = (await tell(story)).world.tickets
    const reversed = (await tell(story.toReversed())).world.tickets
    expect(reversed.length).toBe(inOrder.length)
    expect(reversed.filter(ticket => ticket.linked !== null).length).toBe(inOrder.filter(t => t.linked !== null).length)
  }
})

test('an answer that does not open a closed ticket leaves it closed; one that does opens it', async () => {
  const steps: Step[] = [first, { close: 1 }, { from: anna, inReplyTo: 'a@x', headers: autoReply }]
  const { world } = await tell(steps)
  expect(world.ticket(1).closed).toBe(true)
  expect((await tell([...steps, { from: anna, inReplyTo: 'a@x' }])).world.ticket(1).closed).toBe(false)
})

test('a bounce marks whom it could not reach, if he takes part; the mail server does not take part', async () => {
  const { world } = await tell([
    first,
    bounce('Message-ID: <a@x>', 'anna@example.org', '5.7.1'),
    bounce('Message-ID: <a@x>', 'stranger@example.org'),
  ])
  expect([...world.ticket(1).bounced]).toEqual([['anna@example.org', '5.7.1']])
  expect([...world.ticket(1).participants].sort()).toEqual(['anna@example.org', 'support@example.com'])
})

test('tags come in the order of the rules, until one decides, on new tickets and on old ones', async () => {
  const settings = {
    rules: [
      tagging('vip', { from: 'anna@*' }),
      tagging('tea', { subject: '*TEAPOT*' }),
      drop,
      tagging('late', { from: '*' }),
    ],
  }
  const { world } = await tell([first, { from: bob, subject: 'x' }, { from: eve, subject: 'teapot' }], settings)
  expect(world.tickets.map(ticket => ticket.tags)).toEqual([['vip', 'tea', 'late'], ['late']])
  const { world: joined } = await tell(
    [
      { ...first, subject: 'x' },
      { from: anna, inReplyTo: 'a@x', subject: 'my teapot' },
    ],
    settings,
  )
  expect(joined.ticket(1).tags).toEqual(['vip', 'late', 'tea'])
})

test('a mail to thousands makes two hundred participants', async () => {
  const to = Array.from({ length: 3_000 }, (_, i) => `p${i}@example.org`).join(', ')
  const { world } = await tell([{ from: anna, to }])
  expect(world.ticket(1).participants.size).toBe(200)
})
