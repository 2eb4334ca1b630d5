// `letterlock completion SHELL`: prints a script that completes commands and options, made from the commands themselves, and addresses of
// accounts and references of tickets, which the script asks the program for (`--words accounts`). What is none of these (files,
// folders) is left to the shell.
import type { Command } from 'commander'
import type { GlobalOptions } from './connect.ts'
import { print } from './terminal.ts'

const wordLists = ['accounts', 'tickets'] as const
type Shell = 'bash' | 'zsh' | 'fish'
type WordList = (typeof wordLists)[number]

/** The script for bash, zsh or fish. */
export function completionScript(program: Command, shell: Shell): string {
  const words = wordsOf(program, [])
  if (shell === 'fish') return fish(words)
  return shell === 'bash' ? bash(words) : zsh(words)
}

/** A word a line. A shell that completes shows no errors, so there are none: without a database there are no words. */
export async function printWords(list: WordList, options: GlobalOptions): Promise<void> {
  const { withDatabase } = await import('./connect.ts')
  const { findAccountAddresses, findTicketPage } = await import('../store/tickets/ticket-list.ts')
  const words = await withDatabase(options, async db =>
    list === 'accounts'
      ? await findAccountAddresses(db, maxWords)
      : (await findTicketPage(db, {}, { limit: maxWords })).tickets.map(({ ref }) => ref),
  ).catch(() => [])
  for (const word of words) await print(word)
}

const maxWords = 100

interface Words {
  path: string[]
  next: string[]
  options: string[]
  /** What its first argument names. */
  list: WordList | undefined
}

function wordsOf(command: Command, path: string[]): Words[] {
  const next = command.commands.map(sub => sub.name()).filter(name => name !== 'help')
  const options = [...command.options.flatMap(option => option.long ?? []), '--help']
  const [first] = command.registeredArguments
  const list = wordLists.find(name => name === `${first?.name()}s`)
  return [{ path, next, options, list }, ...command.commands.flatMap(sub => wordsOf(sub, [...path, sub.name()]))]
}

/** Sets `commands`, `options` and `list` by the words before the cursor; the same text in bash and zsh, where `path` means something else. */
function choices(words: readonly Words[]): string {
  const paths = words.filter(({ path }) => path.length > 0).map(({ path }) => `"${path.join(' ')}"`)
  const cases = words.map(
    ({ path, next, options, list = '' }) =>
      `    "${path.join(' ')}") commands="${next.join(' ')}" options="${options.join(' ')}" list="${list}";;`,
  )
  return `    case "\${at:+$at }$word" in
      ${paths.join('|')}) at="\${at:+$at }$word";;
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  [[ $prev == --account ]] && list=accounts
  [[ $cur == -* ]] && commands="$options"
  [[ $cur != -* && -n $list ]] && commands="$(letterlock completion bash --words $list 2>/dev/null)"`
}

function bash(words: readonly Words[]): string {
  return `_letterlock() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" at="" word commands="" options="" list=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
${choices(words)}
  COMPREPLY=($(compgen -W "$commands" -- "$cur"))
}
complete -o bashdefault -o default -F _letterlock letterlock
`
}

function zsh(words: readonly Words[]): string {
  return `#compdef letterlock
_letterlock() {
  local cur="\${words[CURRENT]}" prev="\${words[CURRENT-1]}" at="" word commands="" options="" list=""
  for word in "\${words[@]:1:$((CURRENT - 2))}"; do
${choices(words)}
  if [[ -n $commands ]]; then compadd -- \${=commands}; else _files; fi
}
if [ "$funcstack[1]" = _letterlock ]; then _letterlock "$@"; else compdef _letterlock letterlock; fi
`
}

function fish(words: readonly Words[]): string {
  const lines = words.flatMap(({ path, next, options, list }) => {
    const seen = path.map(name => `__fish_seen_subcommand_from ${name}`)
    const condition = path.length === 0 ? '__fish_use_subcommand' : seen.join('; and ')
    const undecided =
      path.length === 0 ? condition : `${condition}; and not __fish_seen_subcommand_from ${next.join(' ')}`
    return [
      ...next.map(name => `complete -c letterlock -f -n '${undecided}' -a ${name}`),
      ...(list === undefined
        ? []
        : [
            `complete -c letterlock -f -n '${condition}' -a '(letterlock completion fish --words ${list} 2>/dev/null)'`,
          ]),
      ...options.map(option => complete(condition, option)),
    ]
  })
  return `${lines.join('\n')}\n`
}

/** An option that names an account completes its address. */
function complete(condition: string, option: string): string {
  const line = `complete -c letterlock -n '${condition}' -l ${option.slice(2)}`
  return option === '--account' ? `${line} -x -a '(letterlock completion fish --words accounts 2>/dev/null)'` : line
}
