// `letterlock user …`: options and help.
import type { Command } from 'commander'
import { examples } from '../terminal.ts'

const load = () => import('./user.ts')

export function addUserCommands(user: Command): void {
  user
    .command('add')
    .argument('<name>', 'what the person signs in with')
    .description('adds a person who may sign in to the web interface; asks for the password')
    .option('--admin', 'may also run accounts, encryption and users (default: an agent, who reads tickets)')
    .option('--password-stdin', 'reads the password from standard input')
    .addHelpText(
      'after',
      examples('letterlock user add ada --admin', 'printf %s "$PASSWORD" | letterlock user add grace --password-stdin'),
    )
    .action(async (name: string, _, command: Command) => (await load()).addUser(name, command.optsWithGlobals()))
  user
    .command('list')
    .description('who may sign in, and when they last did')
    .option('--json', 'one object a line')
    .addHelpText('after', examples('letterlock user list', 'letterlock user list --json | jq -r .name'))
    .action(async (_, command: Command) => (await load()).listUsers(command.optsWithGlobals()))
  user
    .command('passwd')
    .argument('<name>')
    .description('sets a new password, and signs the person out everywhere')
    .option('--password-stdin', 'reads the password from standard input')
    .addHelpText('after', examples('letterlock user passwd ada'))
    .action(async (name: string, _, command: Command) => (await load()).setPassword(name, command.optsWithGlobals()))
  user
    .command('remove')
    .argument('<name>')
    .description('takes the person’s access away, at once')
    .option('--yes', 'does not ask')
    .addHelpText('after', examples('letterlock user remove ada', 'letterlock user remove ada --yes'))
    .action(async (name: string, _, command: Command) => (await load()).removeUser(name, command.optsWithGlobals()))
}
