// docs/reference/commands.md: every command with its own help.
import type { Command } from 'commander'
import { createProgram } from '../../src/cli/program.ts'

const width = 110

export function commandsPage(): string {
  return [
    '# Commands',
    '',
    'What `letterlock COMMAND --help` prints. In a clone each is `npx letterlock COMMAND`.',
    ...withSubcommands(createProgram()).flatMap(command => [
      '',
      `## ${nameOf(command)}`,
      '',
      '```text',
      helpOf(command),
      '```',
    ]),
    '',
  ].join('\n')
}

/** The program and all commands below it, in the order of the help. */
export function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)]
}

function nameOf(command: Command): string {
  return [command.parent && nameOf(command.parent), command.name()].filter(Boolean).join(' ')
}

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({
    writeOut: part => (text += part),
    getOutHelpWidth: () => width,
    getOutHasColors: () => false,
  })
  command.outputHelp()
  return text.replace(/[ \t]+$/gm, '').trim()
}
