// Who did what.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type AuditRow, findAudit } from '../../../store/people/audit.ts'
import { html } from '../../layout/html.ts'
import { page } from '../../layout/layout.ts'
import { fieldsOf, pager, table, time } from '../../layout/parts.ts'
import { siteOf } from '../../site.ts'

const rowsAtOnce = 100

export async function showAudit(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  const { before } = fieldsOf(request.query)
  const beforeId = before !== undefined && /^\d{1,15}$/.test(before) ? Number(before) : undefined
  const rows = await findAudit(siteOf(request).db, {
    ...(beforeId === undefined ? {} : { beforeId }),
    limit: rowsAtOnce + 1,
  })
  const shown = rows.slice(0, rowsAtOnce)
  return await page(reply, {
    title: 'Audit log',
    section: 'audit',
    body: html`<p>What users and commands did, and every step of encryption. It contains ids and names, never passwords.</p>
${table<AuditRow>({
  caption: 'Actions, newest first',
  empty: 'There are no entries yet.',
  rows: shown,
  columns: [
    { title: 'When', cell: ({ at }) => time(at) },
    { title: 'Who', cell: ({ actor }) => actor },
    { title: 'What', cell: ({ action }) => html`<code>${action}</code>` },
    { title: 'Account', cell: ({ accountId }) => accountId ?? '', align: 'right' },
    {
      title: 'More',
      cell: ({ detail }) =>
        Object.entries(detail).map(([name, value]) => html`<span class="pair">${name} <b>${String(value)}</b></span> `),
    },
  ],
})}
${pager({
  newer: beforeId === undefined ? undefined : '/server/audit',
  older: rows.length > rowsAtOnce ? `/server/audit?before=${shown.at(-1)?.id}` : undefined,
})}`,
  })
}
