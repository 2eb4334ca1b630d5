import { expect, test } from 'vitest'
import { setValues } from '../../src/cli/setup/set-values.ts'

const url = { section: 'redis', key: 'url', value: 'redis://127.0.0.1:6379/0' }

test.each([
  ['a new file', '', '[redis]\nurl = "redis://127.0.0.1:6379/0"\n'],
  [
    'a new section comes last',
    '# mine\n[data]\ndirectory = "/srv"\n',
    '# mine\n[data]\ndirectory = "/srv"\n\n[redis]\nurl = "redis://127.0.0.1:6379/0"\n',
  ],
  [
    'a new setting in a section that is there',
    '[redis]\nprefix = "a"\n[log]\n',
    '[redis]\nurl = "redis://127.0.0.1:6379/0"\nprefix = "a"\n[log]\n',
  ],
  [
    'a setting that is there is replaced, and a comment is none',
    '[database]\nurl = "x"\n[redis]\n# url = "old"\nurl = "old" # why\n',
    '[database]\nurl = "x"\n[redis]\n# url = "old"\nurl = "redis://127.0.0.1:6379/0"\n',
  ],
])('%s', (_, before, after) => {
  expect(setValues(before, [url])).toBe(after)
  expect(setValues(after, [url])).toBe(after)
})
