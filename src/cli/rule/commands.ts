// `letterlock rule …`: options and help.
import type { Command } from 'commander'
import { examples } from '../terminal.ts'

const load = () => import('./rule.ts')

export function addRuleCommands(rule: Command): void {
  addAdd(rule)
  addLists(rule)
  addSwitches(rule)
}

function addAdd(rule: Command): void {
  rule
    .command('add')
    .argument('<name>', 'what `source list` shows as the reason, as no-spam')
    .description('adds a rule: conditions, all of which must hold, and what happens then')
    .option('--from <pattern>', 'the sender’s address')
    .option('--to <pattern>', 'some address in To or Cc')
    .option('--not-to <pattern>', 'no address in To or Cc: what was not written to us')
    .option('--subject <pattern>', 'the subject')
    .option('--header <field>', 'a field of the header, as "X-Spam-Flag: yes"')
    .option('--kind <kind>', 'human, auto-generated, auto-reply, bounce, feedback-report, list or loop')
    .option('--sender <verdict>', 'what the mail server says of the sender: pass, fail, none or unknown')
    .option('--min-size <size>', 'bytes of the mail, at least; as 500K or 10M')
    .option('--drop', 'no ticket: the mail ends as ignored, its original is kept')
    .option('--hold', 'quarantine: it waits for `letterlock quarantine retry`')
    .option('--tag <tag>', 'a tag for its ticket; the rules after it are asked as well')
    .option('--account <account>', 'only for this account, by id or address (default: every account)')
    .option('--position <n>', 'rules are asked in this order', '100')
    .addHelpText(
      'after',
      `${examples(
        "letterlock rule add no-spam --from '*@spam.example' --drop",
        "letterlock rule add flagged --header 'X-Spam-Flag: yes' --hold",
        "letterlock rule add not-ours --not-to 'support*@example.com' --account support@example.com --drop",
        'letterlock rule add large --min-size 10M --hold --position 10',
        "letterlock rule add vip --from '*@big-customer.example' --tag vip --position 1",
      )}\n
In a pattern * stands for anything, everything else for itself, in capital letters or not. It must fit the whole: '*invoice*' finds the word anywhere.`,
    )
    .action(async (name: string, _, command: Command) => (await load()).addRule(name, command.optsWithGlobals()))
}

function addLists(rule: Command): void {
  rule
    .command('list')
    .description('all rules, in the order in which they are asked')
    .option('--json', 'one object a line')
    .addHelpText('after', examples('letterlock rule list', 'letterlock rule list --json | jq .name'))
    .action(async (_, command: Command) => (await load()).listRules(command.optsWithGlobals()))
  rule
    .command('test')
    .argument('<file>', 'a raw mail')
    .description('which rules would hold for a mail, and why; changes nothing')
    .option('--account <account>', 'as a mail of this account, by id or address (default: only rules of every account)')
    .option('--json', 'one object a rule, in their order')
    .addHelpText(
      'after',
      examples('letterlock rule test odd.eml', 'letterlock rule test odd.eml --account support@example.com --json'),
    )
    .action(async (file: string, _, command: Command) => (await load()).testRules(file, command.optsWithGlobals()))
}

function addSwitches(rule: Command): void {
  rule
    .command('enable')
    .argument('<name>')
    .description('has it asked again')
    .addHelpText('after', examples('letterlock rule enable no-spam'))
    .action(async (name: string, _, command: Command) =>
      (await load()).setRuleEnabled(name, true, command.optsWithGlobals()),
    )
  rule
    .command('disable')
    .argument('<name>')
    .description('keeps it, and no longer asks it')
    .addHelpText('after', examples('letterlock rule disable no-spam'))
    .action(async (name: string, _, command: Command) =>
      (await load()).setRuleEnabled(name, false, command.optsWithGlobals()),
    )
  rule
    .command('remove')
    .argument('<name>')
    .description('removes it; what it decided stays as it is')
    .option('--yes', 'does not ask')
    .addHelpText('after', examples('letterlock rule remove no-spam', 'letterlock rule remove no-spam --yes'))
    .action(async (name: string, _, command: Command) => (await load()).deleteRule(name, command.optsWithGlobals()))
}
