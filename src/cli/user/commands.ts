// `letterlock user …`: options and help.
import type { Command } from 'commander'
import { examples } from '../terminal.ts'

const load = () => import('./user.ts')

export function addUserCommands(user: Command): void {
  user
    .command('add')
    .argument('<name>', 'the name to sign in with')
    .description('add a person who may sign in to the web interface; asks for the password')
    .option(
      '--admin',
      'make the person an admin, who also manages accounts, encryption and users (default: an agent, who reads tickets)',
    )
    .option('--password-stdin', 'read the password from standard input')
    .addHelpText(
      'after',
      examples('letterlock user add ada --admin', 'printf %s "$PASSWORD" | letterlock user add grace --password-stdin'),
    )
    .action(async (name: string, _, command: Command) => (await load()).addUser(name, command.optsWithGlobals()))
  user
    .command('list')
    .description('list who may sign in, and when they last did')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', examples('letterlock user list', 'letterlock user list --json | jq -r .name'))
    .action(async (_, command: Command) => (await load()).listUsers(command.optsWithGlobals()))
  user
    .command('passwd')
    .argument('<name>')
    .description('set a new password, and sign the person out everywhere')
    .option('--password-stdin', 'read the password from standard input')
    .addHelpText('after', examples('letterlock user passwd ada'))
    .action(async (name: string, _, command: Command) => (await load()).setPassword(name, command.optsWithGlobals()))
  user
    .command('remove')
    .argument('<name>')
    .description('remove a person; their sessions end at once')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('letterlock user remove ada', 'letterlock user remove ada --yes'))
    .action(async (name: string, _, command: Command) => (await load()).removeUser(name, command.optsWithGlobals()))
}
