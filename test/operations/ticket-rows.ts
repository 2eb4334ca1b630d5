import { closeTicket, listTickets, reopenTicket, showTicket } from '../../src/operations/tickets.ts'
import type { Row, Scene } from './scene.ts'

const oneTicket = async ({ addTicket }: Scene): Promise<object> => ({ ticket: String(await addTicket()) })

export const ticketRows: readonly Row[] = [
  {
    operation: listTickets,
    command: {
      name: 'ticket list',
      fields: {
        ...{ status: '--status', account: '--account', limit: '--limit' },
        ...{ kind: 'a page filters by it', before: 'a page begins there', after: 'a page ends there' },
      },
    },
    web: { route: 'GET /tickets' },
    input: () => ({ status: 'open', limit: 10 }),
    audits: [],
  },
  {
    operation: showTicket,
    command: {
      name: 'ticket show',
      fields: {
        ticket: '<ticket>',
        ...{ before: 'a page begins there', limit: 'a page ends there', maxCharacters: 'a page shows beginnings' },
        html: '--json',
      },
    },
    web: { route: 'GET /tickets/:ticket' },
    input: oneTicket,
    audits: [],
  },
  {
    operation: closeTicket,
    command: { name: 'ticket close', fields: { ticket: '<ticket>' } },
    web: { route: 'POST /tickets/:ticket/close' },
    input: oneTicket,
  },
  {
    operation: reopenTicket,
    command: { name: 'ticket reopen', fields: { ticket: '<ticket>' } },
    web: { route: 'POST /tickets/:ticket/reopen' },
    async input(scene) {
      const id = await scene.addTicket()
      await scene.deps.db('tickets').where({ id }).update({ status: 'closed' })
      return { ticket: String(id) }
    },
  },
]
