// Manual pages from what the program says of itself: letterlock(1), one for each command, and letterlock.toml(5) from the schema of the settings.
// Nothing is written twice: whoever changes a help text changes the page.
import type { Command } from 'commander'
import { withSubcommands } from '../../test/reference/commands.ts'
import { readSettings } from '../../test/reference/settings.ts'

export interface ManPage {
  /** `letterlock-ticket-list`. */
  name: string
  section: 1 | 5
  text: string
}

interface Edition {
  version: string
  epoch: number
}

/** `letterlock` and every command below it. */
export function commandPages(program: Command, edition: Edition): ManPage[] {
  return withSubcommands(program).map(command => {
    const name = pathOf(command).join('-')
    return { name, section: 1, text: commandPage(command, name, edition) }
  })
}

function commandPage(command: Command, name: string, edition: Edition): string {
  const help = command.createHelp()
  const items = (entries: readonly (readonly [string, string])[]) =>
    entries.map(([term, text]) => `.TP\n\\fB${roff(term)}\\fR\n${roff(text)}`)
  const options = help.visibleOptions(command).map(option => [option.flags, help.optionDescription(option)] as const)
  const given = help.visibleArguments(command).map(argument => [argument.name(), argument.description] as const)
  const below = help
    .visibleCommands(command)
    .map(sub => [pathOf(sub).join(' '), help.subcommandDescription(sub)] as const)
  const others = [command.parent, ...command.commands].flatMap(other => (other === null ? [] : pathOf(other).join('-')))
  return page({ name, section: 1, ...edition }, [
    ['NAME', `${roff(name)} \\- ${roff(command.description())}`],
    ['SYNOPSIS', `\\fB${roff(pathOf(command).join(' '))}\\fR ${roff(command.usage())}`],
    ['ARGUMENTS', ...items(given)],
    ['COMMANDS', ...items(below.filter(([term]) => !term.endsWith(' help')))],
    ['OPTIONS', ...items(options)],
    ['NOTES', ...preformatted(textAfter(command))],
    ['FILES', '.I /etc/letterlock/letterlock.toml'],
    [
      'SEE ALSO',
      [...new Set([...others.map(other => `\\fB${roff(other)}\\fR(1)`), '\\fBletterlock.toml\\fR(5)'])].join(',\n'),
    ],
  ])
}

/** `letterlock.toml(5)`. */
export function settingsPage(edition: Edition): ManPage {
  const name = 'letterlock.toml'
  const sections = readSettings().flatMap(([section, settings]) => [
    `.SS [${section}]`,
    ...settings.map(
      ({ name, standard, allowed, meaning }) =>
        `.TP\n\\fB${roff(name)}\\fR = ${roff(standard)}\n${roff(meaning)}\n.br\nAllowed: ${roff(allowed.replaceAll('`', ''))}.`,
    ),
  ])
  const text = page({ name, section: 5, ...edition }, [
    ['NAME', 'letterlock.toml \\- settings of Letterlock'],
    [
      'DESCRIPTION',
      roff(
        'The file is TOML. It lies in /etc/letterlock; --config and LETTERLOCK_CONFIG name another one. Every setting can also be set in the environment: log.level is LETTERLOCK_LOG_LEVEL. Defaults are shown behind the equals sign.',
      ),
    ],
    ['SETTINGS', ...sections],
    ['SEE ALSO', '\\fBletterlock\\fR(1),\n\\fBletterlock-check\\fR(1)'],
  ])
  return { name, section: 5, text }
}

type Section = [title: string, ...paragraphs: string[]]

/** Sections without a paragraph are left out. */
function page(
  { name, section, version, epoch }: Edition & { name: string; section: number },
  sections: Section[],
): string {
  const date = new Date(epoch * 1_000).toISOString().slice(0, 10)
  return [
    `.TH ${roff(name).toUpperCase()} ${section} ${date} "letterlock ${version}" "Letterlock"`,
    ...sections.filter(({ length }) => length > 1).flatMap(([title, ...paragraphs]) => [`.SH ${title}`, ...paragraphs]),
    '',
  ].join('\n')
}

function pathOf(command: Command): string[] {
  return [...(command.parent === null ? [] : pathOf(command.parent)), command.name()]
}

/** What `addHelpText('after', …)` added: examples, exit codes. */
function textAfter(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: part => (text += part), getOutHelpWidth: () => 80, getOutHasColors: () => false })
  command.outputHelp()
  return text.slice(command.helpInformation().length).trim()
}

function preformatted(text: string): string[] {
  return text === '' ? [] : ['.nf', ...text.split('\n').map(line => roff(line)), '.fi']
}

/** Text as roff: nothing in it is a command, and a hyphen can be copied. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(['.])/gm, '\\&$1')
}
