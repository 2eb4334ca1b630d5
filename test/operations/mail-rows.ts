import path from 'node:path'
import { createBackup } from '../../src/operations/backup.ts'
import {
  exportQuarantined,
  listQuarantine,
  retryQuarantined,
  showQuarantined,
} from '../../src/operations/quarantine.ts'
import { exportSources, listSources, pruneSources, recoverSources, showSource } from '../../src/operations/sources.ts'
import type { Row, Scene } from './scene.ts'

const choice = { account: '--account', since: '--since', until: '--until' }
const list = { ...choice, limit: '--limit', beforeId: 'a page begins there' }
const onServer = { none: 'it reads or writes all raw mail, so it is left to those who have the server' }

const quarantined = async ({ addMail }: Scene): Promise<object> => ({ mail: await addMail('quarantined') })

export const mailRows: readonly Row[] = [
  {
    operation: listQuarantine,
    command: { name: 'quarantine list', fields: list },
    web: { route: 'GET /quarantine' },
    input: () => ({ since: '2026-11-24' }),
    audits: [],
  },
  {
    operation: showQuarantined,
    command: { name: 'quarantine show', fields: { mail: '<id>' } },
    web: { route: 'GET /quarantine/:id' },
    input: quarantined,
    audits: [],
  },
  {
    operation: retryQuarantined,
    command: { name: 'quarantine retry', fields: { mail: '<ids>' } },
    web: { route: 'POST /quarantine/:id/retry' },
    input: quarantined,
  },
  {
    operation: exportQuarantined,
    command: { name: 'quarantine export', fields: { mail: '<id>' } },
    web: { route: 'GET /quarantine/:id/original' },
    input: quarantined,
  },
  {
    operation: listSources,
    command: { name: 'source list', fields: { ...list, result: '--result' } },
    web: { none: 'pages show the sources that became messages in their tickets, and the rest in quarantine' },
    input: () => ({ result: 'created' }),
    audits: [],
  },
  {
    operation: showSource,
    command: { name: 'source show', fields: { mail: '<id>' } },
    web: { none: 'a ticket says of each message where it came from, and quarantine of the others' },
    input: async ({ addMail }) => ({ mail: await addMail('ignored') }),
    audits: [],
  },
  {
    operation: exportSources,
    command: { name: 'source export', fields: choice },
    web: onServer,
    input: () => ({}),
  },
  {
    operation: recoverSources,
    command: { name: 'source recover', fields: {} },
    web: onServer,
    input: () => ({}),
  },
  {
    operation: createBackup,
    command: { name: 'backup', fields: { directory: '<dir>' } },
    web: { none: 'it writes to a directory of the server, so it is left to those who have the server' },
    input: async ({ deps }) => {
      await (await deps.raw()).writeId('0123')
      return { directory: path.join(deps.config.data.directory, 'backup') }
    },
  },
  {
    operation: pruneSources,
    command: { name: 'source prune', fields: {} },
    web: onServer,
    input: () => ({}),
  },
]
