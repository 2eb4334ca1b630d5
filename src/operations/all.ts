// Every operation there is. The table test walks this list.
import type { z } from 'zod'
import { addAccount, importAccounts } from './add-account.ts'
import { addRule, disableRule, enableRule, listRules, removeRule, testRules } from './admin-rules.ts'
import { backfillAccount } from './backfill.ts'
import { createBackup } from './backup.ts'
import { changeAccount } from './change-account.ts'
import { coverAccounts } from './coverage.ts'
import type { Deps } from './deps.ts'
import { discoverServer } from './discover-server.ts'
import { pauseAccount, pollAccount, removeAccount, resumeAccount } from './manage-accounts.ts'
import {
  acceptNewDestination,
  confirmKeyStates,
  disableEncryption,
  enableEncryption,
  proveKeyBackup,
  recoverEncryption,
  rotateKey,
  scrubPlaintext,
  verifyEncryption,
} from './manage-encryption.ts'
import type { Operation } from './operation.ts'
import { exportQuarantined, listQuarantine, retryQuarantined, showQuarantined } from './quarantine.ts'
import { exportSources, listSources, pruneSources, recoverSources, showSource } from './sources.ts'
import { testAccount } from './test-account.ts'
import { closeTicket, listTickets, reopenTicket, showTicket } from './tickets.ts'
import { traceAccount } from './trace-account.ts'
import { trustServers } from './trust-servers.ts'
import { addUser, endSession, listUsers, removeUser, setPassword, setRole } from './users.ts'

export type AnyOperation = Operation<z.ZodType, Deps, unknown>

export const operations: readonly AnyOperation[] = [
  ...[addAccount, changeAccount, testAccount, pauseAccount, resumeAccount, pollAccount, removeAccount, traceAccount],
  ...[coverAccounts, backfillAccount, discoverServer, trustServers],
  importAccounts,
  ...[listTickets, showTicket, closeTicket, reopenTicket],
  ...[listQuarantine, showQuarantined, retryQuarantined, exportQuarantined],
  ...[listRules, addRule, enableRule, disableRule, removeRule, testRules],
  ...[listUsers, addUser, setPassword, setRole, removeUser, endSession],
  ...[listSources, showSource, exportSources, recoverSources, pruneSources],
  createBackup,
  ...[enableEncryption, rotateKey, disableEncryption, verifyEncryption, proveKeyBackup],
  ...[acceptNewDestination, recoverEncryption, confirmKeyStates, scrubPlaintext],
]
