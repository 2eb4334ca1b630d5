// The package in a Debian that boots, as an operator lives with it: four commands from nothing to the first ticket, a key, a crash, a daemon that
// stands still, a reload and a reboot. Then, unless TEST_SYSTEM is `core` (so does `.ci/run`): upgrades with mail on its way, going back, going away,
// and the tarball. The steps build on each other; a table of them is printed at the end.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { containersImpossible, journalSays, type System, startSystem } from './container.ts'

const root = path.resolve(import.meta.dirname, '../..')
const isCore = process.env.TEST_SYSTEM === 'core'
const impossible = containersImpossible()
if (impossible !== null) process.stderr.write(`skipped: ${impossible}\n`)

describe.skipIf(impossible !== null)('the package', () => {
  const now = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version as string
  const next = `${now}+next`
  const arch = process.arch === 'arm64' ? 'arm64' : 'amd64'
  const packed = `/root/letterlock_${now}_${arch}.deb`
  const builds = mkdtempSync(path.join(tmpdir(), 'letterlock-builds-'))
  const [install = '', setup = '', add = '', list = ''] = firstCommands(arch)
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

  /** Builds the package and the tarball; returns the path without the ending. */
  const build = (version: string, folder: string): string => {
    const out = path.join(builds, folder)
    const args = ['systemd/package/build.ts', '--version', version, '--out', out]
    execFileSync('src/node.sh', [...args, ...(isCore ? ['--deb-only'] : [])], { cwd: root, stdio: 'pipe' })
    return path.join(out, `letterlock_${version}_${arch}`)
  }

  beforeAll(async () => {
    const begun = performance.now()
    const current = build(now, 'now')
    const builtMs = performance.now() - begun
    system = await startSystem({
      suite: 'trixie',
      packages: ['ca-certificates', 'dovecot-imapd', ...(isCore ? [] : ['lintian', 'man-db', 'zsh', 'fish'])],
      offered: ['mariadb-server', 'redis-server'],
    })
    system.copyIn(`${current}.deb`, packed)
    system.copyIn(path.join(import.meta.dirname, 'dovecot.conf'), '/etc/dovecot/dovecot.conf')
    await system.run(
      'useradd --home-dir /srv/mail mailbox && install -d -o mailbox -g mailbox /srv/mail /srv/mail/cur /srv/mail/new /srv/mail/tmp && systemctl restart dovecot',
    )
    steps.push({ name: 'build', seen: path.basename(current), ms: builtMs })
    steps.push({ name: 'boot', seen: 'Debian 13', ms: performance.now() - begun - builtMs })
  })

  afterAll(async () => {
    await system?.[Symbol.asyncDispose]()
    rmSync(builds, { recursive: true, force: true })
    const lines = steps.map(
      ({ name, seen, ms }) => `${name.padEnd(58)} ${(ms / 1_000).toFixed(1).padStart(6)} s  ${seen}`,
    )
    process.stdout.write(`\nThe package in Debian 13:\n${lines.join('\n')}\n`)
  })

  /** What a shell makes of the beginning of a line when somebody presses Tab. */
  const complete = async (shell: Shell, line: string): Promise<string> =>
    await system.run(completions[shell], { env: { LINE: line } })

  /** The first page's command, for the server that is here. */
  const addAccount = async (): Promise<string> => {
    const ours = `${add.replace('imap.example.com', '127.0.0.1')} --security cleartext --every 5s --password-stdin`
    return (await system.run(ours, { input: 'secret-7788' })).split('\n')[0] ?? ''
  }

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

  const subjectsSeen = async (): Promise<string[]> =>
    (await system.attempt("mariadb letterlock -N -e 'SELECT subject FROM tickets'")).stdout.split('\n').filter(Boolean)

  const untilSeen = (subject: string): Promise<boolean> => until(async () => (await subjectsSeen()).includes(subject))

  const mainPid = async (): Promise<string> => (await system.run('systemctl show -P MainPID letterlock')).trim()
  const installed = async (): Promise<string> => (await system.run('dpkg-query -W letterlock | cut -f 2')).trim()

  step(`1. ${install}`, async () => {
    const said = await system.run(`cd /root && ${install.replace('apt install', 'apt-get install -y')} 2>&1`, {
      timeoutMs: 600_000,
    })
    expect(said).toContain('The next step: letterlock setup')
    expect(await system.attempt('systemctl is-enabled letterlock')).toMatchObject({ stdout: 'disabled\n' })
    return 'nothing is enabled before it is configured'
  })

  step(`2. ${setup}`, async () => {
    const said = await system.attempt(setup, { timeoutMs: 300_000 })
    expect(said).toMatchObject({ status: 0, stdout: expect.stringContaining('next: letterlock account add') })
    const password = await system.run('cat /etc/letterlock/database-password')
    expect(await system.run('stat -c "%a %U %G" /etc/letterlock/database-password')).toBe('640 root letterlock\n')
    expect(await system.attempt(setup, { timeoutMs: 300_000 })).toMatchObject({ status: 0 })
    expect(await system.run('cat /etc/letterlock/database-password')).toBe(password)
    expect(await system.run('systemctl is-enabled letterlock; systemctl is-active letterlock')).toBe(
      'enabled\nactive\n',
    )
    return 'the doctor finds no fault; a second setup changes nothing'
  })

  step(`3. ${add}`, async () => {
    await deliver(['The first ticket'])
    return await addAccount()
  })

  step(`4. ${list}`, async () => {
    await untilSeen('The first ticket')
    expect(await system.run(list)).toContain('The first ticket')
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

  step('reload', async () => {
    const pid = await mainPid()
    const settings = '/etc/letterlock/letterlock.toml'
    await system.run(
      `cp -p ${settings} /root/settings; printf '\n[log]\nlevel = "debug"\n' >>${settings}; systemctl reload letterlock`,
    )
    const said = await journalSays(system, 'reloaded')
    expect(said).toBe('reloaded, log.level\n')
    await system.run(`cp -p /root/settings ${settings}; systemctl reload letterlock`)
    expect(await mainPid()).toBe(pid)
    return `${said.trim()}; the same process`
  })

  step('a process that is stopped starves the watchdog', async () => {
    const pid = await mainPid()
    await system.run(`kill -STOP ${pid}`)
    const said = await journalSays(system, 'Watchdog timeout')
    await deliver(['After the watchdog'])
    await untilSeen('After the watchdog')
    expect(await mainPid()).not.toBe(pid)
    return said.trim()
  })

  step('reboot', async () => {
    await system.reboot()
    await deliver(['After the reboot'])
    await untilSeen('After the reboot')
    return 'mail comes in, nobody did anything'
  })

  step('unit as installed', async () => {
    const units =
      'letterlock.service letterlock@2.service letterlock.slice letterlock-backup.service letterlock-backup.timer'
    expect(await system.attempt(`systemd-analyze verify ${units}`)).toEqual({ status: 0, stdout: '', stderr: '' })
    const exposure = await system.run('systemd-analyze security --no-pager letterlock.service | tail -n 1')
    expect(Number(/(\d+\.\d+)/.exec(exposure)?.[1])).toBeLessThanOrEqual(1.3)
    return exposure.replace(/^\W+/, '').trim()
  })

  if (isCore) return

  step('upgrade while mail comes in', async () => {
    system.copyIn(`${build(next, 'next')}.deb`, '/root/next.deb')
    const subjects = Array.from({ length: 200 }, (_, i) => `Upgrade ${i}`)
    await deliver(subjects)
    await system.run('apt-get install -y /root/next.deb 2>&1', { timeoutMs: 300_000 })
    expect(await installed()).toBe(next)
    const seen = async () => (await subjectsSeen()).filter(subject => subject.startsWith('Upgrade')).sort()
    await until(async () => (await seen()).length >= 200)
    expect(await seen()).toEqual(subjects.sort())
    return '200 mails, 200 tickets'
  })

  step('lintian', async () => {
    const { stdout, stderr } = await system.attempt(`lintian --fail-on error ${packed}`, {
      timeoutMs: 600_000,
    })
    expect(`${stdout}${stderr}`).not.toMatch(/^E: /m)
    return `no errors, ${stdout.split('\n').filter(line => line.startsWith('W: ')).length} warnings`
  })

  step('manual as installed', async () => {
    expect(await system.run('man -P cat letterlock.toml')).toContain('max_bytes')
    const pages = await system.run('man -P cat letterlock-ticket-list letterlock-backup letterlock')
    expect(pages).toContain('letterlock ticket list [options]')
    return `${(await system.run("dpkg -L letterlock | grep -c '/man/man[15]/'")).trim()} pages`
  })

  step('completion in bash, zsh and fish', async () => {
    const completed = { command: 'list', account: 'support@example.com' }
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      expect(await complete(shell, 'letterlock ticket li')).toContain(completed.command)
      expect(await complete(shell, 'letterlock account show sup')).toContain(completed.account)
    }
    return Object.values(completed).join(', ')
  })

  step('back to the version before', async () => {
    await system.run(`apt-get install -y --allow-downgrades ${packed} 2>&1`, { timeoutMs: 300_000 })
    expect(await installed()).toBe(now)
    await deliver(['With the older version'])
    await untilSeen('With the older version')
    return 'the schema allows it'
  })

  step('back across a schema that does not allow it', async () => {
    await system.run('apt-get install -y /root/next.deb 2>&1', { timeoutMs: 300_000 })
    await system.run("mariadb letterlock -e 'UPDATE schema_version SET version = 99, compatible_from = 99'")
    const refused = await system.attempt(`apt-get install -y --allow-downgrades ${packed} 2>&1`, {
      timeoutMs: 300_000,
    })
    expect(refused.status).not.toBe(0)
    expect(refused.stdout).toContain(`letterlock ${now} cannot work on the schema of the database`)
    expect(await installed()).toBe(next)
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
    await system.run('apt-get install -y /root/next.deb 2>&1 && letterlock setup', { timeoutMs: 600_000 })
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

  step('the tarball, as on another distribution', async () => {
    system.copyIn(path.join(builds, 'now', `letterlock_${now}_${arch}.tar.gz`), '/root')
    const commands = blocks('docs/install.md').find(block => block.startsWith('tar -xzf'))
    await system.run(`cd /root && ${commands?.replaceAll('\n', ' && ')}`, { timeoutMs: 600_000 })
    expect(await system.attempt('dpkg-query -W letterlock')).toMatchObject({ status: 1 })
    await addAccount()
    await deliver(['With the tarball'])
    await untilSeen('With the tarball')
    return 'mail comes in'
  })

  step('a second build', async () => {
    const [first, again] = [path.join(builds, 'now', `letterlock_${now}_${arch}`), build(now, 'again')]
    for (const ending of ['.deb', '.tar.gz'])
      expect(readFileSync(again + ending).equals(readFileSync(first + ending))).toBe(true)
    return 'the same bytes'
  })
})

type Shell = 'bash' | 'zsh' | 'fish'

/** Each prints what `$LINE` is completed to, with the completion that the package installed. */
const completions: Readonly<Record<Shell, string>> = {
  bash: `bash -c '. /usr/share/bash-completion/completions/letterlock
    COMP_WORDS=($LINE) COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _letterlock; echo "\${COMPREPLY[@]}"'`,
  // Only an interactive zsh completes: it has a terminal, and Ctrl-G prints the line as it is then.
  zsh: `zsh -f <<'X'
zmodload zsh/zpty
export TERM=xterm
zpty shell zsh -f -i
zpty -w shell 'autoload -Uz compinit; compinit -u; show() { print; print -r -- "<$BUFFER>"; zle kill-whole-line }; zle -N show; bindkey "^G" show; print ready'
zpty -r shell said '*ready*ready*'
zpty -w -n shell "$LINE"$'\\t\\a'
zpty -r shell said '*<*>*'
print -r -- "$said"
X`,
  fish: `fish -c 'complete --do-complete "$LINE"'`,
}

/** The blocks of commands of a page. */
function blocks(page: string): string[] {
  const text = readFileSync(path.join(root, page), 'utf8')
  return [...text.matchAll(/^```\n(.*?)\n```$/gms)].map(([, block = '']) => block)
}

/** From nothing to the first ticket, on the manual's first page; it names amd64. */
function firstCommands(arch: string): string[] {
  const block = blocks('README.md').find(block => block.startsWith('apt install ./letterlock'))
  return (block ?? '').replace('amd64', arch).split('\n')
}
