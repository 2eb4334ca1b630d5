// Programs that are missing: one exact command.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { findPrograms } from '../../src/embedded/programs.ts'
import { exitCodeOf } from '../../src/errors/errors.ts'

const options = { progress: () => {}, signal: new AbortController().signal }

test('where nothing is in the path, all that is missing is named with one command, and the exit code is 1', async () => {
  const empty = mkdtempSync(path.join(tmpdir(), 'letterlock-empty-'))
  const programs = ['setpriv', 'mariadbd', 'mariadb-install-db', 'redis-server', 'dovecot'] as const
  const error = await findPrograms(programs, { ...options, searchPath: empty }).catch(reason => reason)
  expect(error).toMatchObject({
    code: 'embedded.programs_missing',
    message:
      'programs are missing that the embedded servers need: setpriv, mariadbd, mariadb-install-db, redis-server, dovecot',
    hint: expect.stringContaining(
      '`sudo apt-get install --no-install-recommends util-linux mariadb-server-core mariadb-client redis-tools dovecot-imapd`',
    ),
  })
  expect(exitCodeOf(error)).toBe(1)
  rmSync(empty, { recursive: true })
})

test('an empty path, or one of relative folders, finds nothing in the working directory', async () => {
  for (const searchPath of ['', '.', 'bin:']) {
    await expect(findPrograms(['flock'], { ...options, searchPath })).rejects.toMatchObject({
      code: 'embedded.programs_missing',
    })
  }
})

test('the system’s folders are searched even where $PATH does not name them', async () => {
  const before = process.env.PATH
  process.env.PATH = '/nonexistent'
  try {
    expect(await findPrograms(['flock'], options)).toEqual({ flock: expect.stringMatching(/^\/.*\/flock$/) })
  } finally {
    process.env.PATH = before
  }
})
