// `letterlock completion SHELL`: prints a script that completes commands and options, made from the commands themselves. What is
// neither (files, folders) is left to the shell.
import type { Command } from 'commander'

/** The script for bash, zsh or fish. */
export function completionScript(program: Command, shell: 'bash' | 'zsh' | 'fish'): string {
  const words = wordsOf(program, [])
  if (shell === 'fish') return fish(words)
  return shell === 'bash' ? bash(words) : `autoload -U +X bashcompinit && bashcompinit\n${bash(words)}`
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
  const paths = words.filter(({ path }) => path.length > 0).map(({ path }) => `"${path.join(' ')}"`)
  const cases = words.map(
    ({ path, next, options }) =>
      `    "${path.join(' ')}") commands="${next.join(' ')}" options="${options.join(' ')}";;`,
  )
  return `_letterlock() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path="" word commands="" options=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${paths.join('|')}) path="\${path:+$path }$word";;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  [[ $cur == -* ]] && commands="$options"
  COMPREPLY=($(compgen -W "$commands" -- "$cur"))
}
complete -o bashdefault -o default -F _letterlock letterlock
`
}

function fish(words: readonly Words[]): string {
  const lines = words.flatMap(({ path, next, options }) => {
    const seen = path.map(name => `__fish_seen_subcommand_from ${name}`)
    const condition = path.length === 0 ? '__fish_use_subcommand' : seen.join('; and ')
    const undecided =
      path.length === 0 ? condition : `${condition}; and not __fish_seen_subcommand_from ${next.join(' ')}`
    return [
      ...next.map(name => `complete -c letterlock -f -n '${undecided}' -a ${name}`),
      ...options.map(option => `complete -c letterlock -n '${condition}' -l ${option.slice(2)}`),
    ]
  })
  return `${lines.join('\n')}\n`
}
