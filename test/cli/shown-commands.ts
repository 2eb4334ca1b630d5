// The commands that README and docs show, and what is wrong with one by the program's own options and arguments.
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { createProgram } from '../../src/cli/program.ts'

export interface ShownCommand {
  /** `README.md: letterlock ticket list`. */
  where: string
  args: string[]
  /** In a block: to be typed as it stands. Within a sentence arguments may be left out. */
  isBlock: boolean
}

const root = path.resolve(import.meta.dirname, '../..')

/** Those of `letterlock`, each once a page. */
export function shownCommands(): ShownCommand[] {
  const found = pages().flatMap(({ page, blocks, spans }) => [
    ...blocks.flatMap(block => commandsIn(block)).map(line => ({ page, line, isBlock: true })),
    ...spans.flatMap(span => commandsIn(span)).map(line => ({ page, line, isBlock: false })),
  ])
  const shown = found.map(({ page, line, isBlock }) => ({
    where: `${page}: letterlock ${line}`,
    args: toWords(line),
    isBlock,
  }))
  return [...new Map(shown.map(command => [`${command.where} ${command.isBlock}`, command])).values()]
}

/** Names of `npm run …`, `npm start` and `npm test`, as they are shown. */
export function shownScripts(): string[] {
  const text = pages()
    .flatMap(({ blocks, spans }) => [...blocks, ...spans])
    .join('\n')
  return [...text.matchAll(/\bnpm (?:run (?:-s )?([\w:]+)|(start|test)\b)/g)].map(([, run, own]) => run ?? own ?? '')
}

function pages(): { page: string; blocks: string[]; spans: string[] }[] {
  return ['README.md', 'CONTRIBUTING.md', ...globSync('docs/{*,decisions/*}.md', { cwd: root }).sort()].map(page => {
    const text = readFileSync(path.join(root, page), 'utf8')
    const fenced = [...text.matchAll(/^( *)```(\w*)\n(.*?)^\1```/gms)]
    const blocks = fenced.flatMap(([, , language = '', block = '']) =>
      /^(sh|console|)$/.test(language) ? [block] : [],
    )
    const spans = [...text.replace(/^ *```.*?^ *```/gms, '').matchAll(/`([^`]+)`/g)].map(([, span = '']) => span)
    return { page, blocks, spans }
  })
}

const before =
  /^(?:\$ )?(?:runuser -u letterlock -- )?(?:npx )?letterlock(?:-admin(?: --root)?)? +(?=[a-z-])([^|]+|[^|]+ \|.*)$/

/** What follows `letterlock`, without redirections, pipes and remarks. */
function commandsIn(text: string): string[] {
  const lines = text.replace(/\\\n\s*/g, '').split('\n')
  return lines.flatMap(line => before.exec(line.trim())?.[1] ?? []).map(line => line.replace(/\s+(#|[|<>]).*$/, ''))
}

/** `[--admin]` is what may be given: it has to exist as well. */
function toWords(line: string): string[] {
  const words = line.match(/'[^']*'|"[^"]*"|[^\s'"]+/g) ?? []
  return words
    .map(word => word.replace(/^(['"])(.*)\1$/, '$2').replace(/^\[(.*)\]$/, '$1'))
    .filter(word => word !== '…' && word !== '--help' && word !== '--version')
}

/** Undefined where it is as the program has it. */
export function faultOf({ args, isBlock }: ShownCommand): string | undefined {
  const { command, rest } = find(createProgram(), args)
  const { operands, unknown } = command.parseOptions(rest)
  if (unknown.length > 0) return `unknown: ${unknown.join(' ')}`
  if (command.commands.length > 0 && operands.length > 0) return `no such command: ${operands[0]}`
  const least = command.registeredArguments.filter(({ required }) => required).length
  const most = command.registeredArguments.some(({ variadic }) => variadic)
    ? Infinity
    : command.registeredArguments.length
  if (isBlock && operands.length < least) return 'an argument is missing'
  return operands.length > most ? 'too many arguments' : undefined
}

/** `ticket show`. */
export function nameOf({ args }: ShownCommand): string {
  const { path: name } = find(createProgram(), args)
  return name.join(' ')
}

function find(
  command: Command,
  args: readonly string[],
  name: string[] = [],
): { command: Command; rest: string[]; path: string[] } {
  const [first, ...rest] = args
  const next = command.commands.find(child => child.name() === first)
  return next === undefined ? { command, rest: [...args], path: name } : find(next, rest, [...name, next.name()])
}
