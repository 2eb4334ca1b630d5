// Every page and action: what is asked for, who may, who answers. A test walks this table with nobody, an agent and an admin; whatever
// is not in it is not there. `public`: without a session too; `agent`: whoever is signed in; `admin`: admins alone.
//
// New pages: write `src/web/pages/NAME.ts`, add its routes here and its entry in navigation.ts.
import type { Role } from '../store/people/user-rows.ts'
import {
  pauseAccount,
  pollNow,
  resumeAccount,
  showAccount,
  tellAccount,
  testAccount,
  trustServers,
} from './pages/accounts/account.ts'
import { showAccounts, tellAccounts } from './pages/accounts/accounts.ts'
import { addAccount, changeAccount, showEdit, showNewAccount } from './pages/accounts/changes.ts'
import {
  disableEncryption,
  enableEncryption,
  rotateKey,
  showCopies,
  showEncryption,
  tellEncryption,
  verifyEncryption,
} from './pages/encryption/encryption.ts'
import { changePassword, endOwnSession, showSelf } from './pages/people/self.ts'
import { goToStart, makeFirstAdmin, showFirstAdmin, showSignIn, signIn, signOut } from './pages/people/sign-in.ts'
import { addUser, endSession, removeUser, setPassword, setRole, showUser, showUsers } from './pages/people/users.ts'
import { exportQuarantined, retryQuarantined, showQuarantine, showQuarantined } from './pages/quarantine/quarantine.ts'
import { showAudit } from './pages/server/audit.ts'
import { showBoard, showQueue } from './pages/server/queue.ts'
import {
  sendFile,
  sendInlinePicture,
  sendOriginal,
  sendPicture,
  showMailHtml,
  showMailText,
} from './pages/tickets/files.ts'
import { closeTicket, reopenTicket, showTicket, tellTicket } from './pages/tickets/ticket.ts'
import { showTickets, tellTickets } from './pages/tickets/tickets.ts'
import type { Answer } from './site.ts'

export interface Route {
  method: 'GET' | 'POST'
  path: string
  who: 'public' | Role
  answer: Answer
  /** It sends a policy of its own for what the browser may load (mail HTML): the usual one would be added to it. */
  ownPolicy?: true
  /** Where a form is larger than 64 KiB. */
  bodyLimit?: number
}

export const routes: readonly Route[] = [
  { method: 'GET', path: '/', who: 'agent', answer: goToStart },
  { method: 'GET', path: '/sign-in', who: 'public', answer: showSignIn },
  { method: 'POST', path: '/sign-in', who: 'public', answer: signIn },
  { method: 'GET', path: '/first-admin', who: 'public', answer: showFirstAdmin },
  { method: 'POST', path: '/first-admin', who: 'public', answer: makeFirstAdmin },
  { method: 'POST', path: '/sign-out', who: 'agent', answer: signOut },
  { method: 'GET', path: '/you', who: 'agent', answer: showSelf },
  { method: 'POST', path: '/you/password', who: 'agent', answer: changePassword },
  { method: 'POST', path: '/you/sessions/:id/end', who: 'agent', answer: endOwnSession },

  { method: 'GET', path: '/accounts', who: 'agent', answer: showAccounts },
  { method: 'GET', path: '/accounts/events', who: 'agent', answer: tellAccounts },
  { method: 'GET', path: '/accounts/new', who: 'admin', answer: showNewAccount },
  { method: 'POST', path: '/accounts/new', who: 'admin', answer: addAccount },
  { method: 'GET', path: '/accounts/:id', who: 'agent', answer: showAccount },
  { method: 'GET', path: '/accounts/:id/events', who: 'agent', answer: tellAccount },
  { method: 'POST', path: '/accounts/:id/poll', who: 'agent', answer: pollNow },
  { method: 'GET', path: '/accounts/:id/edit', who: 'admin', answer: showEdit },
  { method: 'POST', path: '/accounts/:id/edit', who: 'admin', answer: changeAccount },
  { method: 'POST', path: '/accounts/:id/test', who: 'admin', answer: testAccount },
  { method: 'POST', path: '/accounts/:id/pause', who: 'admin', answer: pauseAccount },
  { method: 'POST', path: '/accounts/:id/trust', who: 'admin', answer: trustServers },
  { method: 'POST', path: '/accounts/:id/resume', who: 'admin', answer: resumeAccount },

  { method: 'GET', path: '/quarantine', who: 'agent', answer: showQuarantine },
  { method: 'GET', path: '/quarantine/:id', who: 'agent', answer: showQuarantined },
  { method: 'GET', path: '/quarantine/:id/original', who: 'agent', answer: exportQuarantined },
  { method: 'POST', path: '/quarantine/:id/retry', who: 'admin', answer: retryQuarantined },

  { method: 'GET', path: '/server/encryption', who: 'admin', answer: showEncryption },
  { method: 'GET', path: '/server/encryption/events', who: 'admin', answer: tellEncryption },
  { method: 'GET', path: '/server/encryption/copies', who: 'admin', answer: showCopies },
  { method: 'POST', path: '/server/encryption/enable', who: 'admin', answer: enableEncryption },
  { method: 'POST', path: '/server/encryption/verify', who: 'admin', answer: verifyEncryption },
  { method: 'POST', path: '/server/encryption/rotate', who: 'admin', answer: rotateKey },
  { method: 'POST', path: '/server/encryption/disable', who: 'admin', answer: disableEncryption },

  { method: 'GET', path: '/server/audit', who: 'admin', answer: showAudit },

  { method: 'GET', path: '/server/queue', who: 'admin', answer: showQueue },
  { method: 'GET', path: '/server/queue/*', who: 'admin', answer: showBoard, ownPolicy: true },

  { method: 'GET', path: '/server/users', who: 'admin', answer: showUsers },
  { method: 'POST', path: '/server/users', who: 'admin', answer: addUser },
  { method: 'GET', path: '/server/users/:id', who: 'admin', answer: showUser },
  { method: 'POST', path: '/server/users/:id/password', who: 'admin', answer: setPassword },
  { method: 'POST', path: '/server/users/:id/role', who: 'admin', answer: setRole },
  { method: 'POST', path: '/server/users/:id/remove', who: 'admin', answer: removeUser },
  { method: 'POST', path: '/server/users/sessions/:id/end', who: 'admin', answer: endSession },

  { method: 'GET', path: '/tickets', who: 'agent', answer: showTickets },
  { method: 'GET', path: '/tickets/changes', who: 'agent', answer: tellTickets },
  { method: 'GET', path: '/tickets/:ticket', who: 'agent', answer: showTicket },
  { method: 'GET', path: '/tickets/:ticket/changes', who: 'agent', answer: tellTicket },
  { method: 'POST', path: '/tickets/:ticket/close', who: 'agent', answer: closeTicket },
  { method: 'POST', path: '/tickets/:ticket/reopen', who: 'agent', answer: reopenTicket },
  { method: 'GET', path: '/tickets/:ticket/files/:file', who: 'agent', answer: sendFile, ownPolicy: true },
  { method: 'GET', path: '/tickets/:ticket/files/:file/picture', who: 'agent', answer: sendPicture, ownPolicy: true },
  {
    method: 'GET',
    path: '/tickets/:ticket/messages/:message/html',
    who: 'agent',
    answer: showMailHtml,
    ownPolicy: true,
  },
  {
    method: 'GET',
    path: '/tickets/:ticket/messages/:message/text',
    who: 'agent',
    answer: showMailText,
    ownPolicy: true,
  },
  {
    method: 'GET',
    path: '/tickets/:ticket/messages/:message/original',
    who: 'agent',
    answer: sendOriginal,
    ownPolicy: true,
  },
  // The address itself is the permission: a mail's frame sends no cookies.
  { method: 'GET', path: '/inline/:permission', who: 'public', answer: sendInlinePicture, ownPolicy: true },
]
