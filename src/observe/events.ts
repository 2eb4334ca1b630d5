// Every business event: one function, one log line, one counter. Ids are in the log only; labels of counters are closed lists.

import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { sentencesForCommand } from '../errors/hints.ts'
import type { EncryptionState, Problem } from '../model/encryption.ts'
import type { NightlyReport } from '../model/nightly-report.ts'
import type { PartialVerdict, PollReport, PollVerdict } from '../model/poll.ts'
import type { Log } from './log.ts'
import { createProgress, type Progress } from './progress.ts'

export interface Events {
  registry: Registry
  pollStarted(account: number): void
  pollFinished(account: number, ms: number, report: PollReport): void
  /** `before`: the code of the poll before; what fails on in the same way is not told again. */
  pollFailed(account: number, ms: number, outcome: PollVerdict, error: unknown, before: string | null): void
  /** The rest of the poll worked. */
  pollPartlyFailed(account: number, outcome: PartialVerdict, error: unknown, before: string | null): void
  pollAborted(account: number, ms: number): void
  /** A poll began so long after its slot. */
  pollLate(ms: number): void
  /** A job in Redis was none of ours. */
  jobDropped(): void
  /** A connection that waits for mail told of some, broke, or let mail come without a word. */
  push(what: 'news' | 'lost' | 'missed'): void
  /** A canary was sent; also although those before have not come. Or it could not be sent. */
  canary(account: number, end: 'sent' | 'late' | 'failed', error?: unknown): void
  connections(counts: { open: number; kept: number; waiting: number }): void
  accountRecovered(account: number, code: string): void
  /** A beat ended: so many accounts are this worker's, and so many of them fail. Undefined: the database could not say. */
  beat(counts: { owned: number; failing: number } | undefined): void
  /** So many mails on servers had no row when their mailboxes were last compared. */
  uncovered(mails: number): void
  /** Told when it is another than before, or other problems are there. */
  encryptionState(state: EncryptionState, problems: readonly Problem[]): void
  /** A pass over the secrets changed so many rows. */
  secretsWritten(pass: 'seal' | 'reseal' | 'unseal', changed: number, ms: number): void
  /** A secret was left as it is. */
  secretLeft(account: number, code: string): void
  /** The night's work was done; so much was removed. */
  nightlyDone(report: NightlyReport, ms: number): void
  nightlyFailed(error: unknown): void
  /** A worker died without giving its accounts back; another one buried it. */
  workerLost(worker: string): void
  /** The clock of this host was set, forward or back (negative), by so many seconds. */
  clockSet(seconds: number): void
  /** Signatures of mails cannot be checked, because the DNS does not answer; or they can again. */
  senderDns(state: 'answers' | 'silent'): void
  /** A server that will not renew its certificate in time fails on that day. Told once for each certificate. */
  certificateEnding(account: number, until: Date): void
  /** Something could not be measured for /metrics. */
  notMeasured(what: string, error: unknown): void
  /** The key file has its retired name now. */
  keyRetired(key: string): void
  /** What this host has seen of the keys could not be written down. */
  statesNotRemembered(error: unknown): void
  /** The key file could not be given its new name. */
  keyNotMoved(key: string, error: unknown): void
}

const states = ['off', 'sealing', 'on', 'rotating', 'unsealing', 'locked'] as const
const results = ['created', 'appended', 'ignored', 'duplicate', 'quarantined'] as const

export function createEvents(log: Log, progress: Progress = createProgress()): Events {
  const registry = new Registry()
  const registers = [registry]
  const mails = new Counter({
    name: 'letterlock_mails_total',
    help: 'Mails ingested, by outcome',
    labelNames: ['result'],
    registers,
  })
  const senders = new Counter({
    name: 'letterlock_senders_total',
    help: 'Mails stored, by the verdict on their senders and by what decided it',
    labelNames: ['verdict', 'method'],
    registers,
  })
  const bytes = new Counter({ name: 'letterlock_mail_bytes_total', help: 'Bytes of mail ingested', registers })
  const polls = new Counter({
    name: 'letterlock_polls_total',
    help: 'Polls, by how they ended',
    labelNames: ['end'],
    registers,
  })
  const failures = new Counter({
    name: 'letterlock_poll_failures_total',
    help: 'Polls that failed, by code',
    labelNames: ['code'],
    registers,
  })
  const seconds = new Histogram({
    name: 'letterlock_poll_seconds',
    help: 'How long polls took',
    buckets: [0.05, 0.1, 0.5, 1, 5, 15, 60, 300],
    registers,
  })
  const late = new Histogram({
    name: 'letterlock_poll_late_seconds',
    help: 'How long after their slot polls began',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300],
    registers,
  })
  const pushes = new Counter({
    name: 'letterlock_push_total',
    help: 'What connections that wait for mail did: told of news, were lost, missed mail',
    labelNames: ['what'],
    registers,
  })
  const dropped = new Counter({
    name: 'letterlock_jobs_dropped_total',
    help: 'Jobs in Redis that were dropped because Letterlock did not write them',
    registers,
  })
  const canaries = new Counter({
    name: 'letterlock_canaries_total',
    help: 'Canaries, by whether they could be sent, and whether the one before was late',
    labelNames: ['end'],
    registers,
  })
  const connections = new Gauge({
    name: 'letterlock_imap_connections',
    help: 'Connections to mail servers: open, kept between polls, waiting for mail',
    labelNames: ['state'],
    registers,
  })
  const lastSuccess = new Gauge({
    name: 'letterlock_last_poll_success_timestamp_seconds',
    help: 'When a poll last succeeded',
    registers,
  })
  const accounts = new Gauge({ name: 'letterlock_accounts_owned', help: 'Accounts that this worker polls', registers })
  const uncovered = new Gauge({
    name: 'letterlock_uncovered_messages',
    help: 'Messages on mail servers that should have been received and were not, when the mailboxes of this worker were last compared',
    registers,
  })
  const encryption = new Gauge({
    name: 'letterlock_encryption_state',
    help: '1 for the state that encryption is in, 0 for the others',
    labelNames: ['state'],
    registers,
  })
  const pruned = new Counter({
    name: 'letterlock_raw_batches_pruned_total',
    help: 'Batches of raw mail that were removed because no row needed them',
    registers,
  })
  const secrets = new Counter({
    name: 'letterlock_secrets_written_total',
    help: 'Secrets that were sealed, resealed or unsealed',
    labelNames: ['pass'],
    registers,
  })
  const problemCodes = new Gauge({
    name: 'letterlock_encryption_problem',
    help: '1 for each problem of encryption on this host',
    labelNames: ['code'],
    registers,
  })
  const lost = new Counter({
    name: 'letterlock_workers_lost_total',
    help: 'Workers that died without giving their accounts back, as far as this worker noticed',
    registers,
  })
  const unmeasured = new Counter({
    name: 'letterlock_measurements_failed_total',
    help: 'Figures of this page that could not be measured',
    registers,
  })
  let told = ''
  let droppedBefore = false
  for (const result of results) mails.inc({ result }, 0)
  for (const what of ['news', 'lost', 'missed']) pushes.inc({ what }, 0)
  for (const end of ['sent', 'late', 'failed']) canaries.inc({ end }, 0)
  for (const end of ['done', 'failed', 'aborted']) polls.inc({ end }, 0)

  return {
    registry,
    pollStarted(account) {
      progress.pollStarted(account)
      log.debug({ event: 'poll', account }, 'start')
    },
    pollFinished(account, ms, report) {
      progress.pollEnded(account)
      const counts = results.filter(result => report[result] > 0)
      for (const result of counts) mails.inc({ result }, report[result])
      bytes.inc(report.bytes)
      polls.inc({ end: 'done' })
      seconds.observe(ms / 1000)
      lastSuccess.setToCurrentTime()
      const level = counts.length > 0 ? 'info' : 'debug'
      for (const [sender, mails] of Object.entries(report.senders)) {
        const [verdict = '', method = ''] = sender.split(' ')
        senders.inc({ verdict, method }, mails)
      }
      const { failure: _, senders: __, ...done } = report
      log[level]({ event: 'poll', account, ms, ...done }, 'done')
    },
    pollPartlyFailed(account, outcome, error, before) {
      failures.inc({ code: outcome.code })
      log[outcome.code === before ? 'debug' : 'warn']({ event: 'account', account, ...outcome, error }, 'works in part')
    },
    pollFailed(account, ms, outcome, error, before) {
      progress.pollEnded(account)
      polls.inc({ end: 'failed' })
      failures.inc({ code: outcome.code })
      seconds.observe(ms / 1000)
      const known = outcome.code === before && outcome.code !== 'internal'
      const level = known ? 'debug' : outcome.kind === 'retry' && outcome.code !== 'internal' ? 'warn' : 'error'
      log[level]({ event: 'poll', account, ms, ...outcome, error }, 'fail')
    },
    pollAborted(account, ms) {
      progress.pollEnded(account)
      polls.inc({ end: 'aborted' })
      log.debug({ event: 'poll', account, ms }, 'aborted')
    },
    jobDropped() {
      // Once is enough: whoever writes such jobs can write many.
      if (!droppedBefore)
        log.warn({ event: 'queue' }, 'a job in Redis is not as letterlock writes them, and was dropped')
      droppedBefore = true
      dropped.inc()
    },
    pollLate: ms => late.observe(ms / 1000),
    push: what => pushes.inc({ what }),
    canary(account, end, error) {
      canaries.inc({ end })
      if (end === 'sent') log.debug({ event: 'canary', account }, 'sent')
      else if (end === 'late')
        log.error({ event: 'canary', account }, 'a canary did not come back: mail may not be received')
      else log.warn({ event: 'canary', account, error }, 'not sent')
    },
    connections(counts) {
      for (const [state, count] of Object.entries(counts)) connections.set({ state }, count)
    },
    accountRecovered: (account, code) => log.info({ event: 'account', account, code }, 'works again'),
    beat(counts) {
      if (counts === undefined) return progress.beatFailed()
      progress.beat(counts.owned, counts.failing)
      accounts.set(counts.owned)
    },
    uncovered: mails => uncovered.set(mails),
    encryptionState(state, problems) {
      for (const name of states) encryption.set({ state: name }, name === state ? 1 : 0)
      problemCodes.reset()
      for (const { code } of problems) problemCodes.set({ code }, 1)
      const news = JSON.stringify([state, problems])
      if (news === told) return
      told = news
      const level = problems.length > 0 ? 'warn' : 'info'
      log[level](
        {
          event: 'encryption',
          state,
          problems: problems.map(problem => ({ code: problem.code, hint: sentencesForCommand(problem) })),
        },
        state,
      )
    },
    secretsWritten(pass, changed, ms) {
      secrets.inc({ pass }, changed)
      log.info({ event: 'encryption', work: pass, changed, ms }, 'secrets written')
    },
    secretLeft: (account, code) => log.error({ event: 'encryption', account, code }, 'secret left as it is'),
    nightlyDone(report, ms) {
      pruned.inc(report.batches + report.expiredBatches)
      log.info({ event: 'nightly', ...report, ms }, 'done')
    },
    nightlyFailed: error => log.error({ event: 'nightly', error }, 'fail'),
    workerLost(worker) {
      lost.inc()
      log.warn({ event: 'worker', worker }, 'died; its accounts are taken over')
    },
    clockSet: seconds =>
      log.warn({ event: 'clock', seconds }, 'the clock of this host was set; schedules are made anew'),
    senderDns(state) {
      if (state === 'answers') log.info({ event: 'sender' }, 'the DNS answers again, signatures of mails are checked')
      else log.warn({ event: 'sender' }, 'the DNS does not answer, signatures of mails are not checked until it does')
    },
    certificateEnding: (account, until) =>
      log.warn({ event: 'certificate', account, until }, 'the certificate of its mail server expires soon'),
    notMeasured(what, error) {
      unmeasured.inc()
      log.debug({ event: 'measure', what, error }, 'fail')
    },
    keyRetired: key => log.info({ event: 'encryption', key }, 'key file retired'),
    statesNotRemembered: error => log.error({ event: 'encryption', error }, 'states of keys not remembered'),
    keyNotMoved: (key, error) => log.warn({ event: 'encryption', key, error }, 'key file not moved'),
  }
}
