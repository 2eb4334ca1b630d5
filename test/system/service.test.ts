// The unit as an operator meets it, under a real systemd: when a start is over, what `systemctl status` and the journal say, what the
// watchdog notices, what a reload does, and how it stops.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { containersImpossible, journalSays, type System, startSystem } from './container.ts'

const checkout = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')

const setUp = `
useradd --system --home-dir /var/lib/letterlock --shell /usr/sbin/nologin letterlock
mkdir -p /etc/letterlock /etc/systemd/system/letterlock.service.d /etc/systemd/system/letterlock@.service.d
umask 077
echo of-the-database >/etc/letterlock/database-password
echo of-redis >/etc/letterlock/redis-password.plain
head -c 32 /dev/urandom >/etc/letterlock/encryption-key.bin
umask 022
cat >/etc/letterlock/letterlock.toml <<'X'
[database]
url = "mysql://letterlock@localhost/letterlock?socket=/run/mysqld/mysqld.sock"
[redis]
url = "redis://127.0.0.1:6379/0"
[poll]
timeout_seconds = 2
X
mariadb -e "CREATE DATABASE letterlock CHARACTER SET utf8mb4;
  CREATE USER letterlock@localhost IDENTIFIED BY 'of-the-database'; GRANT ALL ON letterlock.* TO letterlock@localhost"
redis-cli config set requirepass of-redis
systemd-creds encrypt --with-key=host --name=redis-password /etc/letterlock/redis-password.plain /etc/letterlock/redis-password.cred
rm /etc/letterlock/redis-password.plain
cp /opt/letterlock/systemd/*.service /opt/letterlock/systemd/*.slice /etc/systemd/system/
for unit in letterlock letterlock@; do
  printf '%s\\n' '[Service]' 'LoadCredential=database-password:/etc/letterlock/database-password' \\
    'LoadCredential=encryption-key.bin:/etc/letterlock/encryption-key.bin' \\
    'LoadCredentialEncrypted=redis-password:/etc/letterlock/redis-password.cred' >/etc/systemd/system/$unit.service.d/secrets.conf
done
systemctl daemon-reload
/opt/letterlock/systemd/letterlock-admin migrate`

describe.skipIf(containersImpossible() !== null)('letterlock.service', () => {
  let system: System
  const status = async (): Promise<string> => await system.run('systemctl show -p StatusText --value letterlock')
  const main = async (): Promise<string> => (await system.run('systemctl show -p MainPID --value letterlock')).trim()
  const journal = (text: string): Promise<string> => journalSays(system, text)

  beforeAll(async () => {
    system = await startSystem({
      packages: ['mariadb-server', 'redis-server', 'dovecot-imapd', 'openssl'],
      shown: { '/opt/letterlock': checkout },
    })
    await system.run(setUp)
  })
  afterAll(async () => await system?.[Symbol.asyncDispose]())

  test('the units are clean, and exposed as little as we say', async () => {
    const units = ['letterlock.service', 'letterlock@.service', 'letterlock.slice'].map(
      name => `/etc/systemd/system/${name}`,
    )
    expect(await system.attempt(`systemd-analyze verify ${units.join(' ')}`)).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    })
    const said = await system.run(
      'systemctl start letterlock && systemd-analyze security --no-pager letterlock | tail -1',
    )
    expect(Number(/level for letterlock.service: ([\d.]+)/.exec(said)?.[1])).toBeLessThanOrEqual(1.3)
  })

  test('a start is over once accounts are polled; secrets come from credentials, plain and encrypted', async () => {
    expect(await system.run('systemctl is-active letterlock; systemctl show -p StatusText --value letterlock')).toBe(
      'active\n0 accounts\n',
    )
    expect(await system.run('/opt/letterlock/systemd/letterlock-admin encryption status')).toContain('on')
  })

  test('the status says how many accounts there are and how many fail', async () => {
    await system.run(`mariadb letterlock -e "INSERT INTO accounts (address, host, port, security) VALUES ('support@example.com', '127.0.0.1', 1, 'cleartext');
      INSERT INTO credentials (account_id, plaintext) VALUES (LAST_INSERT_ID(), 'never asked for')"`)
    await system.run(
      'timeout 60 sh -c \'until systemctl show -p StatusText letterlock | grep -q "1 account, 1 failing"; do sleep 0.2; done\'',
    )
    expect(await status()).toBe('1 account, 1 failing\n')
  })

  test('the journal is asked by priority, account and code', async () => {
    const account = await system.run('journalctl LETTERLOCK_ACCOUNT=1 -o json -n 1')
    const entry = JSON.parse(account)
    expect(entry).toMatchObject({ SYSLOG_IDENTIFIER: 'letterlock', _SYSTEMD_UNIT: 'letterlock.service', PRIORITY: '4' })
    expect(entry.MESSAGE).toMatch(/^poll of account 1 failed: /)
    expect(await system.run(`journalctl -u letterlock -p warning -o cat CODE=${entry.CODE}`)).toContain(entry.MESSAGE)
  })

  test('a failed sign-in is logged for fail2ban', async () => {
    await system.run(`node=$(ls -d /opt/letterlock/node_modules/node-linux-*/bin/node); $node -e '
      const at = "http://127.0.0.1:8025/sign-in"
      const page = await fetch(at)
      const cookie = page.headers.getSetCookie().map(text => text.split(";")[0]).join("; ")
      const token = /name="_csrf" value="([^"]+)"/.exec(await page.text())[1]
      const body = new URLSearchParams({ _csrf: token, name: "eve", password: "guess", to: "/" })
      const answer = await fetch(at, { method: "POST", body, headers: { cookie, origin: "http://127.0.0.1:8025" }, redirect: "manual" })
      if (answer.status !== 401) throw new Error(String(answer.status))' --input-type=module`)
    expect(await journal('wrong name or password at sign-in from 127.0.0.1')).not.toContain('eve')
  })

  test('a reload takes over what it can and says what needs a restart; nonsense changes nothing', async () => {
    const before = await main()
    await system.run(
      'printf "batch_messages = 7\\n[log]\\nlevel = \\"debug\\"\\n" >>/etc/letterlock/letterlock.toml; systemctl reload letterlock',
    )
    expect(await journal('reloaded')).toBe('reloaded, log.level; needs a restart: poll.batch_messages\n')
    await system.run('printf "nonsense = 1\\n" >>/etc/letterlock/letterlock.toml; systemctl reload letterlock')
    expect(await journal('not reloaded')).toContain('log.nonsense')
    await system.run(
      "sed -i '/nonsense/d; /debug/s/debug/info/' /etc/letterlock/letterlock.toml; systemctl reload letterlock",
    )
    expect(await main()).toBe(before)
    expect(await system.run('systemctl is-active letterlock')).toBe('active\n')
  })

  test('a further worker has its own name and no listener', async () => {
    await system.run('systemctl start letterlock@2')
    expect(await system.run('ss -Hltn sport = :8025 | wc -l; systemctl is-active letterlock letterlock@2')).toBe(
      '1\nactive\nactive\n',
    )
    expect(await system.run('mariadb letterlock -Ne "SELECT id FROM workers"')).toMatch(/^\S+-2-[0-9a-f]{12}$/m)
    await system.run('systemctl stop letterlock@2')
  })

  test('a stopped process is killed and started again', async () => {
    await system.run('kill -STOP $(systemctl show -p MainPID --value letterlock)')
    await journal('Watchdog timeout')
    await system.run("timeout 90 sh -c 'until systemctl is-active -q letterlock; do sleep 0.5; done'", {
      timeoutMs: 100_000,
    })
  })

  test('a daemon whose loop turns while its polls stand still is noticed, too', async () => {
    await system.run('kill -STOP $(pidof mariadbd)')
    expect(await journal('stuck: ')).toMatch(/none has got on|no check of accounts has ended/)
    await system.run(
      "timeout 90 sh -c 'until [ $(systemctl show -p NRestarts --value letterlock) -ge 2 ]; do sleep 0.5; done'",
      {
        timeoutMs: 100_000,
      },
    )
    // It waits for the database, and the start is not given up.
    await system.run('kill -CONT $(pidof mariadbd)')
    await system.run("timeout 120 sh -c 'until systemctl is-active -q letterlock; do sleep 0.5; done'", {
      timeoutMs: 130_000,
    })
  })

  test('a start waits for an absent database, and says so', async () => {
    await system.run(
      'systemctl stop letterlock; systemctl stop mariadb.socket mariadb.service; systemctl start --no-block letterlock',
    )
    await system.run(
      "timeout 60 sh -c 'until systemctl show -p StatusText letterlock | grep -q waiting; do sleep 0.2; done'",
    )
    await system.run('sleep 65', { timeoutMs: 80_000 })
    expect(await system.attempt('systemctl is-active letterlock')).toMatchObject({ stdout: 'activating\n' })
    await system.run('systemctl start mariadb.service && systemctl start letterlock')
  })

  test('a configuration that makes no sense ends the start at once, and nothing tries again', async () => {
    await system.run(
      "systemctl stop letterlock; sed -i 's/^timeout_seconds.*/timeout_seconds = 0/' /etc/letterlock/letterlock.toml",
    )
    expect((await system.attempt('systemctl start letterlock')).status).not.toBe(0)
    expect(await system.run('systemctl show -p Result,ExecMainStatus,NRestarts letterlock')).toBe(
      'Result=exit-code\nNRestarts=0\nExecMainStatus=2\n',
    )
    await system.run(
      "sed -i 's/^timeout_seconds.*/timeout_seconds = 2/' /etc/letterlock/letterlock.toml; systemctl start letterlock",
    )
  })

  test('a stop is quick and logged', async () => {
    expect(
      await system.run(
        'systemctl stop letterlock; systemctl show -p Result letterlock; journalctl -u letterlock -o cat -n 9',
      ),
    ).toMatch(/Result=success\n[\s\S]*stopping\n[\s\S]*stopped/)
    expect(await system.run('ls /var/lib/systemd/coredump 2>/dev/null | wc -l')).toBe('0\n')
  })
})
