// The command that runs others with the service's credentials. systemd is not here: what it would be told is what is looked at.
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readPassword } from '../../src/store/db/database.ts'
import { findCredentialsFile } from '../../src/store/raw/s3-credentials.ts'

let bin: string

beforeAll(() => {
  bin = mkdtempSync(path.join(tmpdir(), 'letterlock-admin-'))
  const script = (name: string, lines: string) => {
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${lines}\n`)
    chmodSync(path.join(bin, name), 0o755)
  }
  script(
    'systemctl',
    `cat <<'EOF'
# /etc/systemd/system/letterlock.service
[Service]
ExecStart=/opt/letterlock/src/letterlock run
User=letterlock
Group=letterlock
Environment=LETTERLOCK_CONFIG=/etc/letterlock/letterlock.toml "A=b c"
#LoadCredential=no:/no
# /etc/systemd/system/letterlock.service.d/override.conf
[Service]
LoadCredentialEncrypted=encryption-key.bin:/etc/letterlock/encryption-key.cred
EOF`,
  )
  script('systemd-run', `printf '%s\\n' "$@"; exit 7`)
})
afterAll(() => rmSync(bin, { recursive: true, force: true }))

const admin = path.resolve(import.meta.dirname, '../../systemd/letterlock-admin')

async function run(...args: string[]): Promise<{ lines: string[]; code: number }> {
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
  const ended = await promisify(execFile)(admin, args, { env }).catch(error => error)
  return { lines: ended.stdout.trim().split('\n'), code: ended.code ?? 0 }
}

test('a command gets the user, the settings and the credentials of the service, in the order of the unit, and its exit code comes back', async () => {
  const { lines, code } = await run('encryption', 'status', '--json')
  expect(code).toBe(7)
  expect(lines.slice(lines.indexOf('User=letterlock') - 1)).toEqual([
    '-p',
    'User=letterlock',
    '-p',
    'Group=letterlock',
    '-p',
    'Environment=LETTERLOCK_CONFIG=/etc/letterlock/letterlock.toml "A=b c"',
    '-p',
    'LoadCredentialEncrypted=encryption-key.bin:/etc/letterlock/encryption-key.cred',
    expect.stringMatching(/\/src\/letterlock$/),
    'encryption',
    'status',
    '--json',
  ])
  const asRoot = (await run('--root', 'encryption', 'backup', '--verify', 'a b')).lines
  expect(asRoot.join('\n')).not.toContain('User=')
  expect(asRoot.slice(-4)).toEqual(['encryption', 'backup', '--verify', 'a b'])
})

test('what systemd gives comes before a file that the configuration names', () => {
  writeFileSync(path.join(bin, 'file'), 'from the file\n')
  for (const name of ['database-password', 's3-credentials']) writeFileSync(path.join(bin, name), 'given\n')
  const before = process.env.CREDENTIALS_DIRECTORY
  process.env.CREDENTIALS_DIRECTORY = bin
  try {
    expect(readPassword(path.join(bin, 'file'), 'database-password')).toBe('given')
    expect(readPassword(path.join(bin, 'file'), 'redis-password')).toBe('from the file')
    expect(findCredentialsFile(path.join(bin, 'file'))).toBe(path.join(bin, 's3-credentials'))
  } finally {
    if (before === undefined) delete process.env.CREDENTIALS_DIRECTORY
    else process.env.CREDENTIALS_DIRECTORY = before
  }
})
