// Well-known providers, to have a form filled in by one, and what it wants.

import { type WellKnown, wellKnown } from '../../../discovery/well-known-providers.ts'
import { type Html, html } from '../../layout/html.ts'
import { prose, table } from '../../layout/parts.ts'

/** `chosen` says what it wants. */
export function providerSection(chosen: WellKnown | undefined): Html {
  return html`<section><h2>Well-known providers</h2>
<ul class="choices">${wellKnown.map(
    ({ id, name }) =>
      html`<li><a class="choice" href="/accounts/new?provider=${id}"${id === chosen?.id && html` aria-current="true"`}>${name}</a></li>
`,
  )}</ul>
${chosen === undefined ? html`<p class="hint">Choose one to have its server filled in, or fill in your own below.</p>` : providerNote(chosen)}
<details><summary>All of them in a table</summary>${providerTable()}</details></section>`
}

function providerTable(): Html {
  return table<WellKnown>({
    caption: 'Well-known providers',
    empty: '',
    rows: wellKnown,
    columns: [
      { title: 'Provider', cell: ({ name }) => name },
      { title: 'Host', cell: ({ host }) => host },
      { title: 'Port', cell: ({ port }) => `${port}, TLS` },
      { title: 'Wants', cell: ({ wants, oauth }) => (oauth && wants !== 'OAuth 2' ? `${wants}, or OAuth 2` : wants) },
    ],
  })
}

function providerNote({ host, port, wants, note, oauth }: WellKnown): Html {
  const command = oauth && `letterlock account add ADDRESS --oauth ${oauth} --client-id ID`
  return html`<dl class="facts"><dt>Server</dt><dd>${host}, port ${port}, TLS</dd>
<dt>Wants</dt><dd>${wants === 'app password' ? 'an app password' : wants === 'password' ? 'the password' : 'OAuth 2'}. ${note}</dd>
${command !== undefined && html`<dt>With OAuth 2</dt><dd>${prose(`run \`${command}\` on the server; docs/oauth.md has the steps.`)}</dd>`}</dl>`
}
