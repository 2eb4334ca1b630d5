// The package in a Debian that boots, as an operator lives with it: four commands from nothing to the first ticket, a key, a crash, a reboot,
// upgrades with mail on its way, going back, and going away. The steps build on each other; a table of them is printed at the end.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { containersImpossible, type System, startSystem } from './container.ts'

const root = path.resolve(import.meta.dirname, '../..')
const impossible = containersImpossible()
if (impossible !== null) process.stderr.write(`skipped: ${impossible}\n`)

describe.skipIf(impossible !== null)('the package', () => {
  const [before, now] = ['0.0.1', JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version as string]
  const builds = mkdtempSync(path.join(tmpdir(), 'letterlock-builds-'))
  let system: System
  let hasFailed = false
  const steps: { name: string; seen: string; ms: number }[] = []

  /** A step: what was seen stands in the table. */
  const step = (name: string, run: () => Promise<string>): void => {
    test(name, async context => {
      if (hasFailed) context.skip('a step before it failed')
      hasFailed = true
      const begun = performance.now()
      const seen = await run()
      hasFailed = false
      steps.push({ name, seen, ms: performance.now() - begun })
    })
  }

  const build = (version: string, folder: string): string => {
    const out = path.join(builds, folder)
    const args = ['systemd/package/build.ts', '--version', version, '--out', out, '--deb-only']
    execFileSync('src/node.sh', args, { cwd: root, stdio: 'pipe' })
    return path.join(out, `letterlock_${version}_${process.arch === 'arm64' ? 'arm64' : 'amd64'}.deb`)
  }

  beforeAll(async () => {
    const packages = ['ca-certificates', 'dovecot-imapd', 'lintian', 'man-db']
    const [old, current] = [build(before, 'old'), build(now, 'current')]
    system = await startSystem({ suite: 'trixie', packages, offered: ['mariadb-server', 'redis-server'] })
    system.copyIn(old, '/root/old.deb')
    system.copyIn(current, '/root/letterlock.deb')
    system.copyIn(path.join(import.meta.dirname, 'dovecot.conf'), '/etc/dovecot/dovecot.conf')
    await system.run(
      'useradd --home-dir /srv/mail mailbox && install -d -o mailbox -g mailbox /srv/mail /srv/mail/cur /srv/mail/new /srv/mail/tmp && systemctl restart dovecot',
    )
  })

  afterAll(async () => {
    await system?.[Symbol.asyncDispose]()
    rmSync(builds, { recursive: true, force: true })
    const lines = steps.map(
      ({ name, seen, ms }) => `${name.padEnd(58)} ${(ms / 1_000).toFixed(1).padStart(6)} s  ${seen}`,
    )
    process.stdout.write(`\nThe package in Debian 13:\n${lines.join('\n')}\n`)
  })

  /** Puts mails into the mailbox that Dovecot serves. */
  const deliver = async (subjects: readonly string[]): Promise<void> => {
    const script = `set -eu
      while read -r subject; do
        file=$(mktemp -u mail.XXXXXXXXXX)
        printf 'From: Ada <ada@firm.example>\\nTo: support@shop.example\\nSubject: %s\\nMessage-ID: <%s@firm.example>\\nDate: Sun, 29 Nov 2026 10:00:00 +0000\\n\\nHello\\n' "$subject" "$file" >/srv/mail/tmp/$file
        chown mailbox: /srv/mail/tmp/$file
        mv /srv/mail/tmp/$file /srv/mail/new/$file
      done`
    await system.run(script, { input: `${subjects.join('\n')}\n` })
  }

  const subjectsSeen = async (): Promise<string[]> => {
    const { stdout } = await system.attempt('letterlock ticket list --json --limit 1000')
    return stdout
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line).subject as string)
  }

  const untilSeen = (subject: string): Promise<boolean> => until(async () => (await subjectsSeen()).includes(subject))

  const mainPid = async (): Promise<string> => (await system.run('systemctl show -P MainPID letterlock')).trim()
  const installed = async (): Promise<string> => (await system.run('dpkg-query -W letterlock | cut -f 2')).trim()

  step('1. apt install', async () => {
    const said = await system.run(
      'cp /root/old.deb /root/first.deb && apt-get install -y /root/first.deb mariadb-server redis-server 2>&1',
      { timeoutMs: 600_000 },
    )
    expect(said).toContain('The next step: letterlock setup')
    expect(await system.attempt('systemctl is-enabled letterlock')).toMatchObject({ stdout: 'disabled\n' })
    return 'nothing is enabled before it is configured'
  })

  step('2. letterlock setup', async () => {
    const said = await system.attempt('letterlock setup', { timeoutMs: 300_000 })
    expect(said).toMatchObject({ status: 0, stdout: expect.stringContaining('next: letterlock account add') })
    const password = await system.run('cat /etc/letterlock/database-password')
    expect(await system.run('stat -c "%a %U %G" /etc/letterlock/database-password')).toBe('640 root letterlock\n')
    expect(await system.attempt('letterlock setup', { timeoutMs: 300_000 })).toMatchObject({ status: 0 })
    expect(await system.run('cat /etc/letterlock/database-password')).toBe(password)
    expect(await system.run('systemctl is-enabled letterlock; systemctl is-active letterlock')).toBe(
      'enabled\nactive\n',
    )
    return 'the doctor finds no fault; a second setup changes nothing'
  })

  step('3. letterlock account add', async () => {
    await deliver(['The first ticket'])
    const add =
      'letterlock account add support@shop.example --host 127.0.0.1 --security cleartext --every 5s --password-stdin'
    return (await system.run(add, { input: 'secret-7788' })).trim().split('\n')[0] ?? ''
  })

  step('4. letterlock ticket list', async () => {
    await untilSeen('The first ticket')
    return (await subjectsSeen()).join(', ')
  })

  step('a key file is put in place', async () => {
    const key = '/var/lib/letterlock/encryption-key.bin'
    await system.run(
      `head -c 32 /dev/urandom >/root/key && install -o letterlock -g letterlock -m 600 /root/key ${key}`,
    )
    const query =
      "mariadb letterlock -N -e 'SELECT COUNT(*) FROM credentials WHERE plaintext IS NOT NULL OR sealed IS NULL'"
    await until(async () => (await system.run(query)) === '0\n')
    await system.run('letterlock encryption verify')
    return 'every password is sealed, and opens'
  })

  step('kill -9', async () => {
    const pid = await mainPid()
    await system.run(`kill -9 ${pid}`)
    await deliver(['After the crash'])
    await untilSeen('After the crash')
    expect(await mainPid()).not.toBe(pid)
    return 'systemd starts it again, mail comes in'
  })

  step('reboot', async () => {
    await system.reboot()
    await deliver(['After the reboot'])
    await untilSeen('After the reboot')
    return 'mail comes in, nobody did anything'
  })

  step('upgrade while mail comes in', async () => {
    const subjects = Array.from({ length: 200 }, (_, i) => `Upgrade ${i}`)
    await deliver(subjects)
    await system.run('apt-get install -y /root/letterlock.deb 2>&1', { timeoutMs: 300_000 })
    expect(await installed()).toBe(now)
    await until(async () => (await subjectsSeen()).filter(subject => subject.startsWith('Upgrade')).length >= 200)
    expect((await subjectsSeen()).filter(subject => subject.startsWith('Upgrade')).sort()).toEqual(subjects.sort())
    return '200 mails, 200 tickets'
  })

  step('lintian', async () => {
    const { stdout, stderr } = await system.attempt('lintian --fail-on error /root/letterlock.deb', {
      timeoutMs: 600_000,
    })
    expect(`${stdout}${stderr}`).not.toMatch(/^E: /m)
    return `no errors, ${stdout.split('\n').filter(line => line.startsWith('W: ')).length} warnings`
  })

  step('unit and manual as installed', async () => {
    expect(await system.run('systemd-analyze verify letterlock.service 2>&1')).toBe('')
    const exposure = await system.run('systemd-analyze security --no-pager letterlock.service | tail -n 1')
    expect(Number(/(\d+\.\d+)/.exec(exposure)?.[1])).toBeLessThanOrEqual(1.3)
    expect(await system.run('man -P cat letterlock-ticket-list letterlock.toml | head -n 1000')).toContain('max_bytes')
    return exposure.replace(/^\W+/, '').trim()
  })

  step('back to the version before', async () => {
    await system.run('apt-get install -y --allow-downgrades /root/old.deb 2>&1', { timeoutMs: 300_000 })
    expect(await installed()).toBe(before)
    await deliver(['With the older version'])
    await untilSeen('With the older version')
    return 'the schema allows it'
  })

  step('back across a schema that does not allow it', async () => {
    await system.run('apt-get install -y /root/letterlock.deb 2>&1', { timeoutMs: 300_000 })
    await system.run("mariadb letterlock -e 'UPDATE schema_version SET version = 99, compatible_from = 99'")
    const refused = await system.attempt('apt-get install -y --allow-downgrades /root/old.deb 2>&1', {
      timeoutMs: 300_000,
    })
    expect(refused.status).not.toBe(0)
    expect(refused.stdout).toContain(`letterlock ${before} cannot work on the schema of the database`)
    expect(await installed()).toBe(now)
    await system.run(
      "mariadb letterlock -e 'UPDATE schema_version SET version = 1, compatible_from = 1'; letterlock migrate; systemctl restart letterlock",
    )
    await deliver(['After the refusal'])
    await untilSeen('After the refusal')
    return 'refused with the reason, the newer version stays'
  })

  step('remove, and install again', async () => {
    await system.run('apt-get remove -y letterlock 2>&1', { timeoutMs: 300_000 })
    expect(await system.attempt('systemctl is-active letterlock')).toMatchObject({ stdout: 'inactive\n' })
    await system.run('apt-get install -y /root/letterlock.deb 2>&1 && letterlock setup', { timeoutMs: 600_000 })
    await deliver(['After coming back'])
    await untilSeen('After coming back')
    return 'settings, mail and key were kept'
  })

  step('purge', async () => {
    const said = await system.run('apt-get purge -y letterlock 2>&1 </dev/null', { timeoutMs: 300_000 })
    expect(said).toContain('/var/lib/letterlock/encryption-key.bin')
    expect(
      await system.run(
        'cmp /root/key /var/lib/letterlock/encryption-key.bin; ls /etc/letterlock /var/lib/letterlock/raw 2>/dev/null || true',
      ),
    ).toBe('')
    return 'asks nothing, keeps the key and says where'
  })

  step('a second build', async () => {
    const again = build(now, 'again')
    const first = path.join(builds, 'current', path.basename(again))
    expect(readFileSync(again).equals(readFileSync(first))).toBe(true)
    return 'the same bytes'
  })
})
