// Hints are written for people at a terminal: on pages none may speak of an option.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { pageWords } from '../../src/web/pages/accounts/words.ts'

const setIt = '`letterlock account set 17 --password-stdin`'

/** All texts in the source that name an option of a command. */
function hintsIn(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const quoted = [...text.matchAll(/'((?:[^'\\\n]|\\.)*)'/g)].map(([, words = '']) => words)
  const templates = [...text.matchAll(/`((?:[^`\\]|\\`)*)`/g)].map(([, words = '']) =>
    words
      .replaceAll('\\`', '`')
      .replace(/\$\{setIt\}/g, setIt)
      .replace(/\$\{[^}]*\}/g, '17'),
  )
  return [...quoted, ...templates].filter(words => / --[a-z]/.test(words) && !setIt.includes(words.replace('ID', '17')))
}

const files = ['src/fetch/imap-errors.ts', 'src/fetch/login-errors.ts', 'src/vault/secrets/open-secret.ts']

test.each(files.flatMap(hintsIn))('%s', hint => {
  const left = pageWords(hint, 17).match(/--[a-z-]+/g) ?? []
  // There is no page yet for this one.
  expect(left.filter(option => option !== '--oauth')).toEqual([])
})

test('there are such hints, and what stands around a reason is left out', () => {
  expect(files.flatMap(hintsIn).length).toBeGreaterThan(10)
  expect(pageWords('account 3: the server has no such mailbox (STATUS): create it on the server', 3)).toBe(
    'The server has no such mailbox: create it on the server.',
  )
  expect(
    pageWords('the sealed password is another account’s: set it again with `letterlock account set 3 --ask-password`'),
  ).toBe('The sealed password is another account’s: type it again under “Edit”.')
  expect(pageWords('set the password again with `letterlock account set 3 --ask-password`, or accept it')).toBe(
    'Set the password again under “Edit”, or accept it.',
  )
  expect(pageWords('the account needs OAuth: `letterlock account set ID --oauth PROVIDER`', 3)).toBe(
    'The account needs OAuth: `letterlock account set 3 --oauth PROVIDER`.',
  )
})
