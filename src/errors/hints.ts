// PURE. Failures in words, for each surface: the log and the terminal get a message and a hint that names the command; pages get text and links.
import { type Code, entryOf, type Failure } from './catalogue.ts'
import { type Params, sentence } from './entry.ts'
import { type PageLink, type Remedy, remedyCommand, remedyPage, remedyWords } from './remedy.ts'

type Known = Failure<Code> & { readonly because?: readonly Failure<Code>[] | undefined }

/** What happened, to which thing: in lower case and without a full stop, with the step that failed. It names no command. */
export function messageOf({ code, params }: Failure<Code>): string {
  const { during, elsewhere } = params
  const step = typeof during === 'string' ? ` (${during})` : ''
  return `${entryOf(code).explain(params)}${step}${elsewhere === true ? ', as for another account a moment ago' : ''}`
}

/** What a person can do, as data; the first is the usual one. */
export function remediesOf({ code, params }: Failure<Code>): readonly Remedy[] {
  return entryOf(code).remedies?.(params) ?? []
}

/** What to do, for a terminal or the JSON field `hint`: advice, then the command. Undefined where there is nothing to do. */
export function hintForCommand(failure: Known): string | undefined {
  const { because = [] } = failure
  const own = [adviceOf(failure), commandsOf(because.length > 0 ? [] : remediesOf(failure))]
  const text = [...own, ...because.map(reason => sentencesForCommand(reason))].filter(part => part !== '').join(' ')
  return text === '' ? undefined : text
}

/**
 * What happened and what to do, where no message stands beside the hint. `account`: it stands with this account, so that it is not named
 * again but in commands.
 */
export function sentencesForCommand(failure: Known, about: { account?: unknown } = {}): string {
  const shown = about.account === undefined ? failure : { ...failure, params: withoutAccount(failure.params) }
  return [sentence(messageOf({ code: failure.code, params: shown.params })), hintForCommand(failure)]
    .filter(Boolean)
    .join(' ')
}

/** The sentences of a page, with its links. What no page does yet is a command to run on the server. */
export interface PageHint {
  /** What happened, and what to do beyond the links. */
  text: string
  links: readonly (PageLink & { remedy: Remedy })[]
  commands: readonly { words: string; command: string }[]
}

/** `account`: the page is about this account, so that it is not named again. */
export function hintForPage(failure: Known, about: { account?: number | undefined } = {}): PageHint {
  const { because = [] } = failure
  const shown = about.account === undefined ? failure : { ...failure, params: withoutAccount(failure.params) }
  const reasons = because.map(reason => hintForPage(reason, about))
  const remedies = because.length > 0 ? [] : remediesOf(failure)
  const links = remedies.flatMap(remedy => {
    const link = remedyPage(remedy)
    return link === undefined ? [] : [{ ...link, remedy }]
  })
  const commands = remedies
    .filter(remedy => remedyPage(remedy) === undefined)
    .map(remedy => ({ words: sentence(remedyWords(remedy)).slice(0, -1), command: remedyCommand(remedy) }))
  const text = [sentence(entryOf(shown.code).explain(shown.params)), adviceOf(shown)]
  return {
    text: [...text, ...reasons.map(reason => reason.text)].filter(part => part !== '').join(' '),
    links: [...links, ...reasons.flatMap(reason => reason.links)],
    commands: [...commands, ...reasons.flatMap(reason => reason.commands)],
  }
}

function withoutAccount({ account: _, ...params }: Params): Params {
  return params
}

function adviceOf({ code, params }: Failure<Code>): string {
  return entryOf(code).advise?.(params) ?? ''
}

/** ``Enter the password again: `…`, or sign in with OAuth: `…`.`` */
function commandsOf(remedies: readonly Remedy[]): string {
  const parts = remedies.map(remedy => `${remedyWords(remedy)}: \`${remedyCommand(remedy)}\``)
  return sentence(parts.join(', or '))
}
