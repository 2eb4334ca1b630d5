// For each alert: figures with which it fires, and that it clears when they are good again; in promtool's notation, one value a step.

export interface AlertCase {
  /** Minutes of a step. */
  every: number
  series: Readonly<Record<string, string>>
  /** Steps after which it fires, and after which it is clear again. */
  fires: number
  clears: number
}

/** So many steps each takes: good, bad, and good again. */
const phase = 6

function swing(good: number | string, bad: number | string): string {
  const during = (value: number | string): string => (value === '_' ? `_x${phase}` : `${value}+0x${phase - 1}`)
  return [good, bad, good].map(during).join(' ')
}

function swinging(series: Readonly<Record<string, string>>, every = 5): AlertCase {
  return { every, series, fires: 2 * phase - 1, clears: 3 * phase - 1 }
}

const on = 'letterlock_encryption_state{state="on"}'
const steady = (value: number): string => `${value}+0x${3 * phase}`
const hour = 60

export const alertCases: Readonly<Record<string, readonly AlertCase[]>> = {
  LetterlockDown: [
    swinging({ 'up{job="letterlock",instance="a"}': swing(1, 0) }),
    swinging({ 'letterlock_up{instance="a"}': swing(1, 0) }),
  ],
  LetterlockNotReady: [swinging({ 'letterlock_ready{instance="a",part="redis"}': swing(1, 0) })],
  LetterlockAccountNotRead: [
    swinging({
      'letterlock_accounts{state="failing"}': swing(0, 1),
      'letterlock_accounts{state="active"}': steady(49),
    }),
    swinging({ 'letterlock_accounts{state="waiting"}': swing(0, 1) }),
    swinging({ letterlock_accounts_behind: swing(0, 1) }),
  ],
  LetterlockManyAccountsNotRead: [
    swinging({
      letterlock_accounts_behind: swing(2, 20),
      'letterlock_accounts{state="active"}': steady(50),
      'letterlock_accounts{state="paused"}': steady(500),
    }),
  ],
  LetterlockEncryptionLocked: [swinging({ 'letterlock_encryption_state{state="locked",instance="a"}': swing(0, 1) })],
  LetterlockEncryptionProblem: [
    swinging({ 'letterlock_encryption_problem{code="key.not_held",instance="a"}': swing('_', 1) }),
  ],
  LetterlockPlaintextSeen: [
    swinging({ letterlock_plaintext_secrets: swing(0, 1), [on]: steady(1) }),
    // Seen in the 100th minute; clear an hour later.
    { every: 5, series: { letterlock_plaintext_seen_timestamp_seconds: '_x20 6000+0x20' }, fires: 24, clears: 34 },
  ],
  LetterlockResidue: [swinging({ letterlock_residue_places: swing(0, 3) }, 6 * hour)],
  LetterlockKeyBackupUnproven: [swinging({ letterlock_key_backup_proven: swing(1, 0) }, 20)],
  LetterlockQuarantineGrows: [
    { every: 5, series: { letterlock_quarantined_mails: '3+0x24 4+0x30' }, fires: 30, clears: 45 },
  ],
  LetterlockMailUncovered: [swinging({ letterlock_uncovered_messages: swing(0, 1) })],
  LetterlockCanaryLate: [{ ...swinging({ letterlock_canaries_late: swing(0, 1) }), fires: phase }],
  LetterlockIgnoredMailGrows: [
    {
      // One in ten minutes for two days; then three a minute for two hours.
      every: 10,
      series: { 'letterlock_mails_total{result="ignored"}': '0+1x287 318+30x11 649+1x60' },
      ...{ fires: 298, clears: 320 },
    },
  ],
  LetterlockQueueLate: [
    swinging({
      // All in time, then a third more than a minute late.
      'letterlock_poll_late_seconds_bucket{instance="a",le="1"}': '0+300x5 1700+200x5 3000+300x5',
      'letterlock_poll_late_seconds_bucket{instance="a",le="60"}': '0+300x5 1700+200x5 3000+300x5',
      'letterlock_poll_late_seconds_bucket{instance="a",le="300"}': '0+300x18',
      'letterlock_poll_late_seconds_bucket{instance="a",le="+Inf"}': '0+300x18',
    }),
  ],
  LetterlockDiskFills: [
    // Nearly full, and room again.
    swinging({
      'letterlock_filesystem_free_bytes{directory="raw",instance="a"}': swing(900, 80),
      'letterlock_filesystem_size_bytes{directory="raw",instance="a"}': steady(1000),
    }),
    // Half of it is free, and it would be full within a day.
    {
      every: 10,
      series: {
        'letterlock_filesystem_free_bytes{directory="raw",instance="a"}': '900-10x36 540+0x60',
        'letterlock_filesystem_size_bytes{directory="raw",instance="a"}': '1000+0x100',
      },
      ...{ fires: 36, clears: 90 },
    },
  ],
  LetterlockStorageFull: ['db.full', 'raw.unwritable', 'raw.missing'].map(code =>
    swinging({ [`letterlock_problem{part="ingest",code="${code}",instance="a"}`]: swing('_', 1) }),
  ),
  LetterlockDatabaseSlow: [swinging({ 'letterlock_round_trip_seconds{service="database"}': swing(0.001, 0.4) })],
  LetterlockRedisSlow: [swinging({ 'letterlock_round_trip_seconds{service="redis"}': swing(0.001, 0.4) })],
  LetterlockCertificateExpires: ['web', 'mail'].map(of =>
    // Valid for ten days, then renewed for a year.
    ({
      every: 20,
      series: { [`letterlock_certificate_expiry_timestamp_seconds{of="${of}"}`]: '864000+0x6 31536000+0x6' },
      ...{ fires: 6, clears: 9 },
    }),
  ),
  LetterlockWorkerLost: [{ every: 5, series: { letterlock_workers_lost_total: '0+0x6 1+0x9' }, fires: 8, clears: 14 }],
  LetterlockVersionSkew: [swinging({ letterlock_worker_versions: swing(1, 2) }, 20)],
  LetterlockEventLoopSlow: [swinging({ 'nodejs_eventloop_lag_p99_seconds{job="letterlock"}': swing(0.02, 2) })],
  LetterlockRawOrphans: [swinging({ letterlock_raw_orphan_batches: swing(0, 2) }, 18 * hour)],
}
