// `letterlock ticket …`: options and help.
import type { Command } from 'commander'
import { examples } from '../terminal.ts'

const load = () => import('./ticket.ts')

export function addTicketCommands(ticket: Command): void {
  ticket
    .command('list')
    .description('the newest tickets')
    .option('--json', 'one object a line')
    .option('--account <address>', 'of one account')
    .option('--status <status>', 'open or closed')
    .option('--limit <n>', 'how many', '100')
    .addHelpText(
      'after',
      examples('letterlock ticket list', 'letterlock ticket list --status open --account support@example.com'),
    )
    .action(async (_, command: Command) => (await load()).listTickets(command.optsWithGlobals()))
  ticket
    .command('show')
    .argument('<ticket>', 'id or LL-…')
    .description('one ticket with its messages')
    .option('--json', 'as an object')
    .option('--raw', 'writes an original mail, byte for byte')
    .option('--message <n>', 'which message --raw writes (default: the first)')
    .option('--attachment <n>', 'writes the attachment with this number, byte for byte')
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
    .description('opens it again')
    .addHelpText('after', examples('letterlock ticket reopen 12'))
    .action(async (which: string, _, command: Command) =>
      (await load()).setTicketStatus(which, 'open', command.optsWithGlobals()),
    )
}
