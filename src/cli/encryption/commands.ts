// `letterlock encryption …`: options and help.
import type { Command } from 'commander'
import { commandContext } from '../command-context.ts'
import { examples } from '../terminal.ts'

const load = () => import('./encryption.ts')

export function addEncryptionCommands(encryption: Command): void {
  addLooks(encryption)
  addSwitches(encryption)
  addBackup(encryption)
  addRepairs(encryption)
}

function addLooks(encryption: Command): void {
  encryption
    .command('status')
    .description('how encryption stands, and what to do')
    .option('--json', 'as an object')
    .addHelpText('after', examples('letterlock encryption status', 'letterlock encryption status --json | jq .state'))
    .action(async (_, command: Command) => (await load()).showStatus(command.optsWithGlobals()))
  encryption
    .command('verify')
    .description('opens every sealed password, and names the accounts of those that do not open (exit code 1)')
    .option('--json', 'as an object')
    .addHelpText('after', examples('letterlock encryption verify'))
    .action(async (_, command: Command) => {
      commandContext().exitCode = await (await load()).verify(command.optsWithGlobals())
    })
  encryption
    .command('audit')
    .description('where copies of plaintext passwords may still lie, and how they go')
    .option('--scrub', 'rebuilds the table and overwrites the logs of the database, as far as the rights go')
    .option('--dry-run', 'only says what --scrub would do')
    .option('--yes', 'does not ask before --scrub')
    .option('--json', 'as an object')
    .addHelpText('after', examples('letterlock encryption audit', 'letterlock encryption audit --scrub'))
    .action(async (_, command: Command) => (await import('./audit.ts')).auditResidue(command.optsWithGlobals()))
}

function addSwitches(encryption: Command): void {
  encryption
    .command('enable')
    .description('makes a key file and seals every password')
    .option('--i-accept-key-loss', 'who loses the key file loses the sealed passwords')
    .option('--i-have-a-key-backup', 'a secure way of backing up the key file is prepared')
    .option('--json', 'prints the state at the end as an object')
    .addHelpText(
      'after',
      `
A terminal asks for both acknowledgements. Who puts a key file in place by hand needs neither:
  (umask 077; head -c 32 /dev/urandom > encryption-key.bin)    in the data directory
${examples('letterlock encryption enable', 'letterlock encryption enable --i-accept-key-loss --i-have-a-key-backup')}`,
    )
    .action(async (_, command: Command) => (await load()).enable(command.optsWithGlobals()))
  encryption
    .command('rotate')
    .description('makes a new key, reseals every password under it and retires the old one')
    .option('--yes', 'does not ask')
    .option('--dry-run', 'only says what would be done')
    .option('--json', 'prints the state at the end as an object')
    .addHelpText('after', examples('letterlock encryption rotate'))
    .action(async (_, command: Command) => (await load()).rotate(command.optsWithGlobals()))
  encryption
    .command('disable')
    .description('puts every password back in plaintext; needs a proof of access to the server’s files')
    .option('--yes', 'does not ask')
    .option('--dry-run', 'only says what would be done')
    .option('--json', 'prints the state at the end as an object')
    .addHelpText('after', examples('letterlock encryption disable', 'letterlock encryption disable --yes'))
    .action(async (_, command: Command) => (await load()).disable(command.optsWithGlobals()))
}

function addBackup(encryption: Command): void {
  encryption
    .command('backup')
    .description('proves that a copy of the key file is one (the mail is backed up by `letterlock backup`)')
    .requiredOption('--verify <file>', 'the copy')
    .option('--json', 'as an object')
    .addHelpText('after', examples('letterlock encryption backup --verify /media/usb/encryption-key.bin'))
    .action(async (_, command: Command) => (await load()).verifyBackup(command.optsWithGlobals()))
}

function addRepairs(encryption: Command): void {
  encryption
    .command('recover')
    .description(
      'when the key is lost for good: lists the accounts to re-enter; with the lost key’s id, goes on with a new key',
    )
    .option('--old-key-id <id>', 'the lost key, as `encryption status` shows it')
    .option('--yes', 'does not ask')
    .option('--json', 'as an object')
    .addHelpText(
      'after',
      examples('letterlock encryption recover', 'letterlock encryption recover --old-key-id 1c24c9422600865d'),
    )
    .action(async (_, command: Command) => (await import('./repair.ts')).recoverKey(command.optsWithGlobals()))
  encryption
    .command('confirm-state')
    .description(
      'when the database says of keys what this host does not believe: puts it right, or (--database) takes it as right',
    )
    .option('--database', 'an older backup was restored, and the keys of that time are to be used again')
    .option('--yes', 'does not ask')
    .option('--dry-run', 'only says what would be done')
    .option('--json', 'as an object')
    .addHelpText(
      'after',
      examples('letterlock encryption confirm-state', 'letterlock encryption confirm-state --database'),
    )
    .action(async (_, command: Command) => (await import('./repair.ts')).confirmKeyStates(command.optsWithGlobals()))
  encryption
    .command('accept-destination')
    .argument('<account>', 'id or address')
    .description('lets a sealed password be sent to the server and user that its account has now')
    .option('--yes', 'does not ask')
    .option('--json', 'as an object')
    .addHelpText('after', examples('letterlock encryption accept-destination 7'))
    .action(async (which: string, _, command: Command) =>
      (await import('./repair.ts')).acceptNewDestination(which, command.optsWithGlobals()),
    )
}
