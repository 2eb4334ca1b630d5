// `letterlock completion SHELL`: prints a script that completes commands and options, made from the commands themselves.
import type { Command } from 'commander'
import { CommandError } from '../errors.ts'

/** The script for bash, zsh or fish. */
export function completionScript(program: Command, shell: string): string {
  const words = wordsOf(program, [])
  if (shell === 'bash') return bash(words)
  if (shell === 'zsh') return `autoload -U +X bashcompinit && bashcompinit\n${bash(words)}`
  if (shell === 'fish') return fish(words)
  throw new CommandError(`no completion for ${shell}`, 'there is bash, zsh and fish', 2)
}

interface Words {
  path: string[]
  next: string[]
  options: string[]
}

function wordsOf(command: Command, path: string[]): Words[] {
  const next = command.commands.map(sub => sub.name()).filter(name => name !== 'help')
  const options = [...command.options.flatMap(option => option.long ?? []), '--help']
  return [{ path, next, options }, ...command.commands.flatMap(sub => wordsOf(sub, [...path, sub.name()]))]
}

function bash(words: readonly Words[]): string {
  const cases = words.map(
    ({ path, next, options }) => `    "${path.join(' ')}") words="${[...next, ...options].join(' ')}";;`,
  )
  return `_letterlock() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ $word == -* ]] || path="\${path:+$path }$word"; done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [[ -n $words ]] || COMPREPLY=($(compgen -f -- "$cur"))
}
complete -o bashdefault -o default -F _letterlock letterlock
`
}

function fish(words: readonly Words[]): string {
  const lines = words.flatMap(({ path, next, options }) => {
    const condition =
      path.length === 0
        ? '__fish_use_subcommand'
        : path.map(name => `__fish_seen_subcommand_from ${name}`).join('; and ')
    return [
      ...next.map(name => `complete -c letterlock -f -n '${condition}' -a ${name}`),
      ...options.map(option => `complete -c letterlock -n '${condition}' -l ${option.slice(2)}`),
    ]
  })
  return `${lines.join('\n')}\n`
}
