// Mails that became no ticket: why, what they say, and another try. Whoever is signed in may look and save the original; to try again is for
// admins.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { MessageError, OperationError, ServiceError } from '../../../errors/errors.ts'
import {
  exportQuarantined as exportOne,
  listQuarantine,
  retryQuarantined as retry,
  showQuarantined as show,
} from '../../../operations/quarantine.ts'
import { decodeText, parseHeaders } from '../../../parse/mime/headers.ts'
import type { SourceDetail, SourceView } from '../../../store/ingest/source-rows.ts'
import { NotFound } from '../../failures.ts'
import { type Content, type Html, html } from '../../layout/html.ts'
import { page } from '../../layout/layout.ts'
import { actionButton, fieldsOf, pager, prose, table, time } from '../../layout/parts.ts'
import { goTo } from '../../security/session.ts'
import { depsOf, type Site, sessionOf, siteOf, userActor } from '../../site.ts'
import { toId } from '../people/self.ts'
import { reasonWords, retried } from './reasons.ts'

const rowsAtOnce = 50

export async function showQuarantine(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  const { before = '' } = fieldsOf(request.query)
  const beforeId = /^[1-9]\d{0,14}$/.test(before) ? Number(before) : undefined
  const found = await listQuarantine.run(depsOf(request), userActor(request), { beforeId, limit: rowsAtOnce + 1 })
  const shown = found.slice(0, rowsAtOnce)
  return await page(reply, {
    title: 'Quarantine',
    section: 'quarantine',
    body: html`<p>Messages that could not become tickets. You can read, download or retry them.</p>
${table<SourceView>({
  caption: 'Mails in quarantine, the latest first',
  empty: beforeId === undefined ? 'There is no mail in quarantine.' : 'There are no older ones.',
  rows: shown,
  columns: [
    { title: 'Mail', cell: ({ id }) => html`<a href="/quarantine/${id}">Mail ${id}</a>` },
    { title: 'Received', cell: ({ receivedAt }) => time(receivedAt) },
    { title: 'Account', cell: ({ account, mailbox }) => html`${account} <small>${mailbox}</small>` },
    { title: 'Why', cell: ({ reason }) => reasonWords(reason).what },
    { title: 'Size', cell: ({ size }) => bytes(size), align: 'right' },
  ],
})}
${pager({
  newer: beforeId === undefined ? undefined : '/quarantine',
  older: found.length > rowsAtOnce ? `/quarantine?before=${shown.at(-1)?.id}` : undefined,
})}`,
  })
}

/** `900 B`, `12 kB` or `3.4 MB`. */
function bytes(size: number): string {
  if (size < 1_000) return `${size} B`
  if (size < 1_000_000) return `${Math.round(size / 1_000)} kB`
  return `${(size / 1_000_000).toFixed(1)} MB`
}

export async function showQuarantined(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  const site = siteOf(request)
  const source = await quarantinedOf(request)
  const { what, next } = reasonWords(source.reason)
  const kept = source.place === null ? undefined : await readKept(site, source)
  return await page(reply, {
    title: `Mail ${source.id} in quarantine`,
    section: 'quarantine',
    body: html`<section><h2>${what}</h2>
<p>${prose(next)}</p>
<div class="actions">${
      sessionOf(request).user.role === 'admin' &&
      actionButton(
        reply,
        `/quarantine/${source.id}/retry`,
        source.retryAt === null ? 'Try it again' : 'Try it once more',
      )
    }${source.place !== null && html` <a class="button" href="/quarantine/${source.id}/original" download>Save the original</a>`}</div>
${source.retryAt !== null && html`<p class="hint">It was asked for again at ${time(source.retryAt)}; where it has to be fetched, that happens with the next poll.</p>`}</section>
<section><h2>Where it is from</h2>
<dl class="facts">${fact('Account', source.account)}${fact('Mailbox', source.mailbox)}${fact('Received', time(source.receivedAt))}${fact(
      'Size',
      bytes(source.size),
    )}${fact('Kept', kept === undefined ? 'nothing' : source.complete ? 'all of it' : 'its header')}${fact('Reason', html`<code>${source.reason}</code>`)}</dl></section>
${kept}`,
  })
}

function fact(name: string, value: Content): Html {
  return html`<dt>${name}</dt><dd>${value}</dd>`
}

/** The quarantined mail that a request is about. Throws NotFound. */
async function quarantinedOf(request: FastifyRequest): Promise<SourceDetail> {
  return await show.run(depsOf(request), userActor(request), { mail: mailOf(request) }).catch(notFound)
}

/** The id in the address. Throws NotFound for what is none. */
function mailOf(request: FastifyRequest): number {
  return toId((request.params as { id: string }).id)
}

/** A page of a mail that is no longer in quarantine is gone. */
function notFound(error: unknown): never {
  const gone = error instanceof OperationError && /^source\.not_(found|quarantined)$/.test(error.code)
  throw gone ? new NotFound() : error
}

const shownHeaderBytes = 32_768
const shownTextCharacters = 20_000
/** What is larger is not taken apart for a look. */
const parsedBytes = 5_000_000

/** What the mail says, as text and nothing else. */
async function readKept(site: Site, { place, reason, complete }: SourceDetail): Promise<Html> {
  if (place === null) return html``
  let source: Buffer
  try {
    source = await site.raw.read(place)
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    return html`<section><h2>What it says</h2><p>Its bytes cannot be read: <code>${error.code}</code>. The log on the server says more.</p></section>`
  }
  const end = endOfHeader(source)
  const block = source.subarray(0, Math.min(end, shownHeaderBytes))
  const text = complete ? await textOf(site, source, reason, end) : undefined
  return html`<section><h2>Header</h2>${mainFields(block)}
<details><summary>All of it</summary><pre>${visible(block.toString('latin1'))}</pre></details></section>
${text !== undefined && html`<section><h2>Text</h2><pre>${text}</pre></section>`}`
}

function endOfHeader(source: Buffer): number {
  const head = source.toString('latin1', 0, 8 * shownHeaderBytes)
  return /\r{0,9}\n\r{0,9}\n|\r\r(?!\r{0,9}\n)/.exec(head)?.index ?? source.length
}

function mainFields(block: Buffer): Html {
  const headers = parseHeaders(block)
  const shown = ['from', 'to', 'subject', 'date'].filter(name => headers.first(name) !== '')
  if (shown.length === 0) return html``
  return html`<dl class="facts">${shown.map(name =>
    fact(`${name.charAt(0).toUpperCase()}${name.slice(1)}`, visible(decoded(headers.first(name)).slice(0, 1_000))),
  )}</dl>`
}

/** What cannot be decoded may be why the mail is here: it is shown as it came. */
function decoded(field: string): string {
  try {
    return decodeText(field)
  } catch {
    return field
  }
}

/** Its text where it can be told, else the beginning of its bytes. */
async function textOf(site: Site, source: Buffer, reason: string, end: number): Promise<string> {
  const start = source.subarray(end, end + shownTextCharacters).toString('latin1')
  if (reason === 'unparseable' || reason === 'parse_timeout' || source.length > parsedBytes)
    return visible(start.trimStart())
  try {
    return cut((await site.parse(source)).text)
  } catch (error) {
    if (!(error instanceof MessageError)) throw error
    return visible(start.trimStart())
  }
}

function cut(text: string): string {
  return text.length <= shownTextCharacters ? text : `${text.slice(0, shownTextCharacters)} …`
}

/** Characters that cannot be seen, or turn the reading order round, by their numbers. */
function visible(text: string): string {
  return text
    .replace(/\r\n/g, '\n')
    .replace(/[^\P{C}\n\t]/gu, character => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** A name and a type that no browser opens by itself. */
export async function exportQuarantined(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const mail = mailOf(request)
  const bytes = await exportOne.run(depsOf(request), userActor(request), { mail }).catch(notFound)
  return await reply
    .header('content-type', 'message/rfc822')
    .header('content-disposition', `attachment; filename="quarantine-${mail}.eml"`)
    .header('content-security-policy', "default-src 'none'; sandbox")
    .header('cache-control', 'no-store')
    .send(bytes)
}

export async function retryQuarantined(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const mail = mailOf(request)
  const { result, reason, ticket } = await retry.run(depsOf(request), userActor(request), { mail }).catch(notFound)
  if (result === 'quarantined')
    return await goTo(request, reply, `/quarantine/${mail}`, {
      tone: 'bad',
      text: `The message stays in quarantine. ${reasonWords(reason).what}`,
    })
  const text = retried.get(result) ?? `Mail ${mail}: ${result}.`
  const at = result === 'pending' ? `/quarantine/${mail}` : '/quarantine'
  return await goTo(request, reply, at, {
    tone: 'good',
    text: ticket === null ? text : `${text} It is in ticket ${ticket}.`,
  })
}
