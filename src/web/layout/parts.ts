// The pieces that pages are made of: times, badges, tables, pages of a list, forms.
import type { FastifyReply } from 'fastify'
import type { PageHint } from '../../errors/hints.ts'
import { csrfField } from '../security/csrf.ts'
import { attributes, type Content, type Html, html } from './html.ts'

/** `2026-11-24 10:00` in UTC, as the commands print it; the whole when the pointer rests on it. Nothing for null but a dash. */
export function time(date: Date | null): Html {
  if (date === null) return html`<span class="none">–</span>`
  const iso = date.toISOString()
  return html`<time datetime="${iso}" title="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`
}

export type Tone = 'good' | 'bad' | 'warn' | 'busy' | 'plain'

/** A word that stands out; it never says by its colour alone what it means. */
export function badge(text: string, tone: Tone = 'plain'): Html {
  return html`<span class="badge ${tone}">${text}</span>`
}

/** A sentence of ours in which `commands` stand between backticks. */
export function prose(text: string): Html {
  return html`${text.split('`').map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : part))}`
}

/** What a failure says on a page, with what is to be typed on the server where no page does it: a text for `prose`. */
export function hintText({ text, commands }: PageHint): string {
  return [text, ...commands.map(({ words, command }) => `${words}: \`${command}\`.`)].join(' ')
}

/** The same with links to the pages that help. */
export function hintParts(hint: PageHint): Html {
  const links = hint.links.map(({ href, words }) => html` <a href="${href}">${words}</a>`)
  return html`${prose(hintText(hint))}${links}`
}

export interface Column<T> {
  title: string
  cell(row: T): Content
  /** Numbers stand on the right. */
  align?: 'right'
}

/** On a narrow screen each row becomes a block in which every value bears its column's title. */
export function table<T>(options: {
  caption: string
  columns: readonly Column<T>[]
  rows: readonly T[]
  /** What stands there where there are none. */
  empty: string
}): Html {
  const { caption, columns, rows, empty } = options
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`
  return html`<table>
<caption class="unseen">${caption}</caption>
<thead><tr>${columns.map(({ title, align }) => html`<th scope="col"${attributes({ class: align })}>${title}</th>`)}</tr></thead>
<tbody>
${rows.map(
  row => html`<tr>${columns.map(
    ({ title, cell, align }) =>
      html`<td data-title="${title}"${attributes({ class: align })}><div>${cell(row)}</div></td>`,
  )}</tr>
`,
)}</tbody>
</table>`
}

/** Newer and older part of a list that is paged by key; undefined where there is none. */
export function pager(links: { newer: string | undefined; older: string | undefined }): Html {
  const { newer, older } = links
  if (newer === undefined && older === undefined) return html``
  return html`<nav class="pager" aria-label="Pages">${
    newer !== undefined && html`<a rel="prev" href="${newer}">← Newer</a>`
  } ${older !== undefined && html`<a rel="next" href="${older}">Older →</a>`}</nav>`
}

/** A form that changes something, with its token. */
export function form(reply: FastifyReply, action: string, body: Content, options: { class?: string } = {}): Html {
  return html`<form method="post" action="${action}"${attributes(options)}>${csrfField(reply)}${body}</form>`
}

/** A form that is one button. `danger`: it takes something away. */
export function actionButton(
  reply: FastifyReply,
  action: string,
  label: string,
  options: { hidden?: Readonly<Record<string, string | number>>; danger?: boolean; name?: string } = {},
): Html {
  const fields = Object.entries(options.hidden ?? {}).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )
  const kind = options.danger === true ? 'danger' : undefined
  return form(
    reply,
    action,
    html`${fields}<button${attributes({ class: kind, 'aria-label': options.name })}>${label}</button>`,
    { class: 'inline' },
  )
}

export interface Field {
  name: string
  label: string
  type?: 'text' | 'password' | 'email' | 'number'
  /** Never of a secret. */
  value?: string | number
  hint?: string
  /** What is wrong with it. */
  fault?: string | undefined
  required?: boolean
  autocomplete?: string
}

/** A label, its input, what it is for, and what is wrong with it. */
export function field({ name, label, type = 'text', value, hint, fault, required, autocomplete }: Field): Html {
  const id = `field-${name}`
  const about = [hint !== undefined && `${id}-hint`, fault !== undefined && `${id}-fault`].filter(Boolean).join(' ')
  const input = attributes({
    id,
    name,
    type,
    value: type === 'password' ? undefined : value,
    required: required === true,
    autocomplete,
    'aria-invalid': fault !== undefined && 'true',
    'aria-describedby': about === '' ? undefined : about,
    autocapitalize: 'none',
    spellcheck: 'false',
  })
  return html`<div class="field"><label for="${id}">${label}</label>
<input${input}>
${hint !== undefined && html`<p class="hint" id="${id}-hint">${hint}</p>`}${
  fault !== undefined && html`<p class="fault" id="${id}-fault">${fault}</p>`
}</div>`
}

/** `checked`: as it was sent, where the form is shown again. */
export function checkbox(options: {
  name: string
  label: Content
  value?: string
  checked?: boolean
  required?: boolean
}): Html {
  const { name, label, value = 'yes', checked, required } = options
  return html`<label class="check"><input${attributes({
    type: 'checkbox',
    name,
    value,
    checked: checked === true,
    required: required === true,
  })}> <span>${label}</span></label>`
}

/** The fields of a form that was sent: texts alone, the last where a name comes twice. */
export function fieldsOf(body: unknown): Readonly<Record<string, string>> {
  if (body === null || typeof body !== 'object') return {}
  const pairs = Object.entries(body).map(([name, value]) => [name, Array.isArray(value) ? value.at(-1) : value])
  return Object.fromEntries(pairs.filter((pair): pair is [string, string] => typeof pair[1] === 'string'))
}
