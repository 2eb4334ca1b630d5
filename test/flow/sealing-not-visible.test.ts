// A command whose user does not see the key that the daemon holds, as where systemd gives it to the service alone: the key was called lost,
// and whoever followed the hints gave up a good one.

import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { sentencesForCommand } from '../../src/errors/hints.ts'
import { keyPathsOf } from '../../src/vault/keys/keyring.ts'
import { readStatus } from '../../src/vault/sealing/status.ts'
import { keyToGiveUp, planRotation } from '../../src/vault/sealing/switches.ts'
import { letterlock } from '../cli/letterlock.ts'
import { createWorld, until } from '../support/daemon.ts'
import { insertPaused, untilAction, writeKey } from '../support/sealing.ts'

test('a key that the daemon holds and a command does not see is not lost, and nothing is made, moved or given up for it', async () => {
  await using world = await createWorld()
  await insertPaused(world.db, 2)
  const given = path.join(world.directory, 'given', 'encryption-key.bin')
  mkdirSync(path.dirname(given), { mode: 0o700 })
  writeKey(given)
  const daemon = await world.start({ LETTERLOCK_ENCRYPTION_KEY_FILE: given })
  await untilAction(world.db, 'encryption.on')

  const place = keyPathsOf(path.join(world.directory, 'encryption-key.bin'), {})
  const status = await readStatus(world.db, place, new Date())
  expect(status).toMatchObject({ state: 'on', unreadable: 0 })
  expect(status.problems.map(({ code }) => code)).toEqual(['key_file.not_visible', 'backup.unproven'])
  const words = status.problems.map(problem => sentencesForCommand(problem)).join(' ')
  expect(words).toContain('not visible to this user')
  expect(words).not.toMatch(/recover|chown|is lost/)
  for (const refused of [() => planRotation(status, place), () => keyToGiveUp(status)])
    expect(refused).toThrow('the key is not visible to this user')
  const env = {
    LETTERLOCK_DATABASE_URL: world.config.database.url,
    LETTERLOCK_DATA_DIRECTORY: world.directory,
  }
  const recover = await letterlock(['encryption', 'recover'], { env })
  expect(recover).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('not visible to this user') })
  expect(readdirSync(world.directory).filter(name => name.startsWith('encryption-key.'))).toEqual([])

  // The control: a key that the daemon does not hold either is missing.
  rmSync(given)
  daemon.lookAtKeys()
  await until(async () => (await readStatus(world.db, place, new Date())).state === 'locked')
})
