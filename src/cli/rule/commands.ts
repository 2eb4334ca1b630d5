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
    .argument('<name>', 'the reason that `source list` shows, for example no-spam')
    .description('add a rule: conditions, all of which must match, and an action')
    .option('--from <pattern>', 'the sender’s address')
    .option('--to <pattern>', 'an address in To or Cc')
    .option('--not-to <pattern>', 'no address in To or Cc matches: the mail was not written to you')
    .option('--subject <pattern>', 'the subject')
    .option('--header <field>', 'a header field, for example "X-Spam-Flag: yes"')
    .option('--kind <kind>', 'human, auto-generated, auto-reply, bounce, feedback-report, list or loop')
    .option('--sender <verdict>', 'the verdict of the mail server about the sender: pass, fail, none or unknown')
    .option('--min-size <size>', 'the minimum size of the mail, for example 500K or 10M')
    .option('--drop', 'open no ticket: the outcome is ignored, and the original stays stored')
    .option('--hold', 'put the mail into quarantine, until `letterlock quarantine retry`')
    .option('--tag <tag>', 'tag the ticket; later rules are checked as well')
    .option('--account <account>', 'only for this account, by id or address (default: all accounts)')
    .option('--position <n>', 'the place in the order in which rules are checked', '100')
    .addHelpText(
      'after',
      `${examples(
        "letterlock rule add no-spam --from '*@spam.example' --drop",
        "letterlock rule add flagged --header 'X-Spam-Flag: yes' --hold",
        "letterlock rule add not-ours --not-to 'support*@example.com' --account support@example.com --drop",
        'letterlock rule add large --min-size 10M --hold --position 10',
        "letterlock rule add vip --from '*@big-customer.example' --tag vip --position 1",
      )}\n
In a pattern, * matches anything; everything else matches itself, in upper or lower case. A pattern must match the whole value: '*invoice*' finds the word anywhere.`,
    )
    .action(async (name: string, _, command: Command) => (await load()).addRule(name, command.optsWithGlobals()))
}

function addLists(rule: Command): void {
  rule
    .command('list')
    .description('list all rules, in the order in which they are checked')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', examples('letterlock rule list', 'letterlock rule list --json | jq .name'))
    .action(async (_, command: Command) => (await load()).listRules(command.optsWithGlobals()))
  rule
    .command('test')
    .argument('<file>', 'the file with the raw mail')
    .description('show which rules match a mail, and why; changes nothing')
    .option(
      '--account <account>',
      'test as mail of this account, by id or address (default: only rules for all accounts)',
    )
    .option('--json', 'print one JSON object a rule, in their order')
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
    .description('enable a rule again')
    .addHelpText('after', examples('letterlock rule enable no-spam'))
    .action(async (name: string, _, command: Command) =>
      (await load()).setRuleEnabled(name, true, command.optsWithGlobals()),
    )
  rule
    .command('disable')
    .argument('<name>')
    .description('disable a rule without removing it')
    .addHelpText('after', examples('letterlock rule disable no-spam'))
    .action(async (name: string, _, command: Command) =>
      (await load()).setRuleEnabled(name, false, command.optsWithGlobals()),
    )
  rule
    .command('remove')
    .argument('<name>')
    .description('remove a rule; what it decided stays as it is')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('letterlock rule remove no-spam', 'letterlock rule remove no-spam --yes'))
    .action(async (name: string, _, command: Command) => (await load()).deleteRule(name, command.optsWithGlobals()))
}
