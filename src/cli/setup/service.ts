// The service: enabled and started, and looked at as its own user, which sees what the daemon sees.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Config } from '../../config/config.ts'
import { CommandError } from '../../errors/errors.ts'
import { findLiveWorkers } from '../../store/accounts/leases.ts'
import { openDatabase } from '../../store/db/database.ts'
import { runDoctor } from '../doctor/doctor.ts'
import { remark } from '../terminal.ts'

const unit = 'letterlock.service'

/** Starts it now and at every boot; one that runs is restarted with the new settings. Resolves once it works, or after a minute. */
export async function startService(config: Config): Promise<void> {
  if (!existsSync('/run/systemd/system') || spawnSync('systemctl', ['cat', unit]).status !== 0) {
    remark(`systemd or ${unit} is not here: start the daemon with \`letterlock run\``)
    return
  }
  for (const args of [['daemon-reload'], ['enable', unit], ['restart', unit]]) {
    const { status, stderr } = spawnSync('systemctl', ['--quiet', ...args], { encoding: 'utf8' })
    if (status !== 0)
      throw new CommandError(
        `systemctl ${args.join(' ')} failed: ${stderr.trim()}`,
        `see why: journalctl -u ${unit} -n 20`,
      )
  }
  await untilItWorks(config)
  remark('the service runs, and starts at every boot')
}

/** A daemon is there when its row is. Whatever keeps it from coming, the doctor says. */
async function untilItWorks({ database }: Config): Promise<void> {
  const db = openDatabase(database.url, database)
  try {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await wait(250))
      if ((await findLiveWorkers(db)).length > 0) return
  } finally {
    await db.destroy()
  }
}

/** Resolves to its exit code. */
export async function doctorAsService(file: string): Promise<0 | 1> {
  const hasUser = process.getuid?.() === 0 && spawnSync('id', ['letterlock']).status === 0
  if (!hasUser) return await runDoctor({ config: file })
  const program = path.resolve(import.meta.dirname, '../../letterlock')
  const args = ['-u', 'letterlock', '--', program, 'doctor', '--config', file]
  return spawnSync('runuser', args, { stdio: ['ignore', 'inherit', 'inherit'] }).status === 0 ? 0 : 1
}
