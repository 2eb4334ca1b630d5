// Where plaintext copies may lie: a row for each place, with what clears it.
import type { Residue } from '../../vault/residue.ts'
import { doers, inWords, type ResidueReport } from '../../vault/residue-report.ts'
import { sentence } from '../failures.ts'
import { type Html, html } from '../html.ts'
import { badge, prose, type Tone, table, time } from '../parts.ts'

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
    { title: 'Why', cell: ({ why }) => prose(sentence(why)) },
    { title: 'Gone by itself', cell: ({ until }) => until !== null && time(until) },
    { title: 'What clears it', cell: whatClears },
  ],
})}`
}

function whatClears({ statements, who }: Residue): Html | false {
  if (statements.length === 0) return false
  return html`${sentence(doers[who])}<pre tabindex="0">${statements.join('\n')}</pre>`
}
