// One mail of a conversation: the new words first; what it quotes, how its sender made it, and what came with it when they are asked for.
import { entryOf } from '../../../errors/catalogue.ts'
import type { HtmlNotes } from '../../../model/parsed-message.ts'
import type { HtmlReading } from '../../../operations/read-html.ts'
import type { Attachment, Excerpt, Message } from '../../../store/tickets/conversation.ts'
import { type Content, type Html, html } from '../../layout/html.ts'
import { badge, time } from '../../layout/parts.ts'
import { plainLine, safeFileName } from './download-headers.ts'
import { sandboxOf } from './mail-html.ts'
import { flagWords, kindBadge, people, person, senderWarning, sizeOf, subjectOf } from './words.ts'

interface Options {
  /** What became of its HTML. */
  reading: HtmlReading | undefined
  links: 'blocked' | 'allowed'
}

export function messageArticle(ticket: { id: number }, message: Message, options: Options): Html {
  const { id, from, date, createdAt, kind, reply, text, quotes, bounce, attachments } = message
  const path = `/tickets/${ticket.id}/messages/${id}`
  return html`<article class="message ${kind}" id="message-${id}" aria-labelledby="from-${id}">
<header><h2 id="from-${id}">${person(from)}</h2> ${kindBadge(kind)} <a class="when" href="#message-${id}">${time(date ?? createdAt)}</a></header>
${senderWarning(message.authentication)}
${bounce !== null && bounced(bounce)}
${words(reply, path)}
${attachments.length > 0 && fileList(ticket.id, attachments)}
${quotes && html`<details><summary>Show quoted</summary>${words(text, path)}</details>`}
<details${options.links === 'allowed' && html` open`}><summary>Show original</summary>
${facts(message)}
${original(message, path, options)}
<p class="actions"><a class="button" href="${path}/original">Download the original (.eml, ${sizeOf(message.source.size)})</a></p>
</details>
</article>`
}

function bounced({ recipients, statuses, delayed }: NonNullable<Message['bounce']>): Html {
  const shown = people(recipients.map(address => ({ name: '', address })))
  return html`<p class="flash bad">Not delivered ${delayed && 'yet '}to ${recipients.length === 0 ? 'somebody' : shown}${
    statuses.length > 0 && [': ', statuses.slice(0, 20).map(status => html`<code>${plainLine(status)}</code> `)]
  }</p>`
}

function words({ text, cut }: Excerpt, path: string): Html {
  if (text.trim() === '') return html`<p class="none">(empty message)</p>`
  return html`<div class="words" dir="auto">${text.trim()}</div>
${cut && html`<p class="hint">This is only the beginning. <a href="${path}/text" target="_blank" rel="noopener">Show the full text</a></p>`}`
}

function facts({ to, cc, date, createdAt, subject, messageId, source }: Message): Html {
  const rows: (readonly [string, Content])[] = [
    ['Subject', html`<bdi>${subjectOf(subject)}</bdi>`],
    ['To', to.length > 0 && people(to)],
    ['Cc', cc.length > 0 && people(cc)],
    ['Sent', time(date)],
    ['Received', time(createdAt)],
    ['Message-ID', messageId !== '' && html`<code>${plainLine(messageId)}</code>`],
    ['Mailbox', html`<bdi>${plainLine(source.mailbox)}</bdi> of ${source.account}, UID ${source.uid}`],
  ]
  return html`<dl class="facts">${rows
    .filter(([, value]) => value !== false)
    .map(
      ([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>
`,
    )}</dl>`
}

/** As its sender made it, or why that cannot be shown. */
function original(message: Message, path: string, { reading, links }: Options): Content {
  switch (reading?.state) {
    case 'shown':
      return frame(message, path, links, reading.notes)
    case 'late':
      return html`<p class="hint">This message takes long to prepare; its warnings are not known yet.</p>
${frame(message, path, links, null)}`
    case 'failed':
      return html`<p class="flash warn">The original cannot be shown: ${entryOf(reading.failure.code).title.toLowerCase()} (<code>${reading.failure.code}</code>). Its text is above.</p>`
    default:
      return null
  }
}

/** The frame is asked for when it is looked at. What a button asks for comes into the frame alone. `htmlNotes` null: not known yet. */
function frame({ id }: Message, path: string, links: Options['links'], htmlNotes: HtmlNotes | null): Html {
  const query = links === 'allowed' ? '?links=allowed' : ''
  const remote = htmlNotes === null ? '' : ` (${htmlNotes.remoteImages})`
  return html`${htmlNotes?.flags.map(
    flag => html`<p class="flash warn">${flagWords[flag] ?? flag}</p>
`,
  )}
<div class="actions">
${
  htmlNotes?.remoteImages !== 0 &&
  html`<form method="get" action="${path}/html" target="mail-${id}"><input type="hidden" name="images" value="allowed">${
    links === 'allowed' && html`<input type="hidden" name="links" value="allowed">`
  }<button>Load remote images${remote}</button></form>`
}
${links === 'blocked' && html`<a class="button" href="?links=${id}#message-${id}">Enable links</a>`}
${
  htmlNotes !== null &&
  htmlNotes.trackingPixels > 0 &&
  html`<span class="hint">${htmlNotes.trackingPixels} tracking ${
    htmlNotes.trackingPixels === 1 ? 'image was' : 'images were'
  } removed.</span>`
}
</div>
<iframe class="mail" name="mail-${id}" title="Mail ${id} as its sender made it" sandbox="${sandboxOf(links)}" src="${path}/html${query}" loading="lazy" referrerpolicy="no-referrer"></iframe>`
}

const maxPreviews = 12
const largestPreview = 5_000_000
/** Before its bytes prove it. */
const seemsPicture = /^image\/(png|jpe?g|pjpeg|gif|webp)$/

/** Nobody sends more by hand; all of them are in the original. */
const maxFiles = 100

function fileList(ticketId: number, all: readonly Attachment[]): Html {
  const files = all.slice(0, maxFiles)
  const pictures = files.filter(({ contentType, size }) => seemsPicture.test(contentType) && size <= largestPreview)
  const previewed = new Set(pictures.slice(0, maxPreviews))
  return html`<ul class="files" aria-label="Attachments">
${files.map((file, i) => {
  const name = safeFileName(file.filename, `attachment-${i + 1}`)
  const path = `/tickets/${ticketId}/files/${file.id}`
  return html`<li>${
    previewed.has(file) && html`<img src="${path}/picture" alt="" loading="lazy">`
  }<a href="${path}" download="${name}"><bdi>${name}</bdi></a> <span class="hint">${sizeOf(file.size)}</span>${
    file.inline && html` ${badge('in the mail')}`
  }</li>
`
})}</ul>
${all.length > maxFiles && html`<p class="hint">and ${all.length - maxFiles} more in the original</p>`}`
}
