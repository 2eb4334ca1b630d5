// `letterlock ticket …`: options and help.
import type { Command } from 'commander'
import { examples } from '../terminal.ts'

const load = () => import('./ticket.ts')

export function addTicketCommands(ticket: Command): void {
  ticket
    .command('list')
    .description('list the newest tickets')
    .option('--json', 'print one JSON object a line')
    .option('--account <address>', 'only of this account')
    .option('--status <status>', 'only tickets with this status: open or closed')
    .option('--limit <n>', 'the maximum number to list', '100')
    .addHelpText(
      'after',
      examples('letterlock ticket list', 'letterlock ticket list --status open --account support@example.com'),
    )
    .action(async (_, command: Command) => (await load()).listTickets(command.optsWithGlobals()))
  ticket
    .command('show')
    .argument('<ticket>', 'id or LL-…')
    .description('show one ticket with its messages')
    .option('--json', 'print a JSON object')
    .option('--raw', 'write an original mail, byte for byte')
    .option('--message <n>', 'the message that --raw writes (default: the first)')
    .option('--attachment <n>', 'write the attachment with this number, byte for byte')
    .addHelpText(
      'after',
      examples(
        'letterlock ticket show LL-7K3F-Q2MD',
        'letterlock ticket show 12 --attachment 1 > invoice.pdf',
        'letterlock ticket show 12 --raw --message 2 > reply.eml',
      ),
    )
    .action(async (which: string, _, command: Command) => (await load()).showTicket(which, command.optsWithGlobals()))
  ticket
    .command('close')
    .argument('<ticket>', 'id or LL-…')
    .description('close a ticket; thread.closed decides what a later reply does')
    .addHelpText('after', examples('letterlock ticket close LL-7K3F-Q2MD'))
    .action(async (which: string, _, command: Command) =>
      (await load()).setTicketStatus(which, 'closed', command.optsWithGlobals()),
    )
  ticket
    .command('reopen')
    .argument('<ticket>', 'id or LL-…')
    .description('reopen a ticket')
    .addHelpText('after', examples('letterlock ticket reopen 12'))
    .action(async (which: string, _, command: Command) =>
      (await load()).setTicketStatus(which, 'open', command.optsWithGlobals()),
    )
}
