// The verdict of the plugin on what /metrics tells: each state of Nagios, with its figures.
import { expect, test } from 'vitest'
import { judgeMetrics, toTextfile } from '../../src/cli/monitoring/judge-metrics.ts'

const now = 1_800_000_000
const well = [
  'letterlock_build_info{version="0.5.0",node="24.0.0"} 1',
  'letterlock_ready{part="database"} 1',
  'letterlock_ready{part="redis"} 1',
  'letterlock_accounts{state="active"} 50',
  'letterlock_accounts{state="failing"} 0',
  'letterlock_accounts{state="waiting"} 0',
  'letterlock_accounts_behind 0',
  'letterlock_quarantined_mails 3',
  'letterlock_workers 2',
  'letterlock_encryption_state{state="on"} 1',
  'letterlock_plaintext_secrets 0',
  'letterlock_round_trip_seconds{service="database"} 0.00123',
  'letterlock_filesystem_free_bytes{directory="raw"} 500',
  'letterlock_filesystem_size_bytes{directory="raw"} 1000',
  `letterlock_certificate_expiry_timestamp_seconds{of="mail"} ${now + 90 * 86_400}`,
]

/** The same page with other lines for the same series, or more of them. */
function withLines(...lines: string[]): string {
  const seriesOf = (line: string): string => line.slice(0, line.lastIndexOf(' '))
  const changed = new Set(lines.map(seriesOf))
  return [...well.filter(line => !changed.has(seriesOf(line))), ...lines].join('\n')
}

test('all is well: one line with figures', () => {
  expect(judgeMetrics(well.join('\n'), now)).toEqual({
    status: 0,
    line: 'LETTERLOCK OK - 50 accounts, none in trouble | accounts=50;;;0 in_trouble=0;0;;0;50 behind=0;0;10;0;50 quarantined=3;;;0 workers=2;;;0 database_s=0.0012s;0.1;;0 raw_free=500B;;;0',
  })
})

test.each<[status: number, words: string, ...lines: string[]]>([
  [
    1,
    '2 of 52 accounts in trouble (imap.auth_refused: 2)',
    'letterlock_accounts{state="failing"} 2',
    'letterlock_accounts_in_trouble{code="imap.auth_refused"} 2',
  ],
  [1, '3 accounts have not been read for 15 minutes', 'letterlock_accounts_behind 3'],
  [1, 'a password is in plaintext', 'letterlock_plaintext_secrets 1'],
  [1, 'no backup of the key is verified', 'letterlock_key_backup_proven 0'],
  [1, '9 % of the disk of raw is free', 'letterlock_filesystem_free_bytes{directory="raw"} 99'],
  [
    1,
    'a certificate of a mail server expires in 3 days',
    `letterlock_certificate_expiry_timestamp_seconds{of="mail"} ${now + 3.5 * 86_400}`,
  ],
  [
    1,
    'the certificate of the web interface has expired',
    `letterlock_certificate_expiry_timestamp_seconds{of="web"} ${now - 10}`,
  ],
  [2, '20 of 50 accounts have not been read for 15 minutes', 'letterlock_accounts_behind 20'],
  [2, 'the key is missing: sealed accounts wait', 'letterlock_encryption_state{state="locked"} 1'],
  [
    2,
    'not ready: redis (redis.unreachable)',
    'letterlock_ready{part="redis"} 0',
    'letterlock_problem{part="redis",code="redis.unreachable"} 1',
  ],
])('%i: %s', (status, words, ...lines) => {
  const verdict = judgeMetrics(withLines(...lines), now)
  expect(verdict.status).toBe(status)
  expect(verdict.line).toContain(` - ${words} | accounts=`)
})

test('another program at this address is nothing to judge', () => {
  expect(judgeMetrics('<html>', now)).toEqual({
    status: 3,
    line: 'LETTERLOCK UNKNOWN - what answers is not Letterlock',
  })
})

test('the file for node_exporter has our figures alone, and says that the daemon is dead', () => {
  const text =
    '# HELP process_cpu_seconds_total x\nprocess_cpu_seconds_total 1\n# TYPE letterlock_workers gauge\nletterlock_workers 2\n'
  expect(toTextfile(text)).toMatch(
    /^# TYPE letterlock_workers gauge\nletterlock_workers 2\n# HELP letterlock_up .*\nletterlock_up 1\n$/s,
  )
  expect(toTextfile(undefined)).toMatch(/^# HELP letterlock_up .*\nletterlock_up 0\n$/s)
})
