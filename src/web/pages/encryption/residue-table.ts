// Where plaintext copies may lie: a row for each place, with what clears it.
import type { Residue } from '../../../vault/residue/residue.ts'
import { doers, inWords, type ResidueReport } from '../../../vault/residue/residue-report.ts'
import { sentence } from '../../failures.ts'
import { type Html, html } from '../../layout/html.ts'
import { badge, prose, type Tone, table, time } from '../../layout/parts.ts'

const tones: Record<Residue['state'], Tone> = { clean: 'good', dirty: 'bad', unknown: 'warn' }

export function copiesTable({ residues, plaintextHorizon }: ResidueReport): Html {
  return html`<p><b>Plaintext horizon:</b> ${inWords(plaintextHorizon)}</p>
${table<Residue>({
  caption: 'Places in the order in which they are cleared',
  empty: '',
  rows: residues,
  columns: [
    { title: 'Place', cell: ({ place }) => place.replace('-', ' ') },
    { title: 'State', cell: ({ state }) => badge(state, tones[state]) },
    { title: 'Why, and what clears it', cell: reason },
  ],
})}`
}

function reason({ why, until, statements, who }: Residue): Html {
  return html`<p>${prose(sentence(why))}${until !== null && html` It goes by itself by ${time(until)}.`}</p>${
    statements.length > 0 && html`<p>${sentence(doers[who])}</p><pre>${statements.join('\n')}</pre>`
  }`
}
