// PURE. What the refusal of a login means. It is permanent unless the server says that it is its own trouble (RFC 5530:
// UNAVAILABLE, INUSE, LIMIT, CONTACTADMIN …): nobody is locked out by our insisting, nobody is given up for an outage. Providers
// that want something else than another password say so in words only; those of the large ones are known here.
import type { Failure, Meaning } from './imap-errors.ts'

/** `code` is the response code in capitals, `text` what the server said. */
export function loginMeaning(failure: Failure, code: string, text: string): Meaning | undefined {
  if (failure.message === 'Unsupported authentication mechanism') return noWayIn
  if (!failure.authenticationFailed) return undefined
  const says = /unavailable|temporar|try again|internal error|backend|not connected/i.test(text)
  if (ownTrouble.has(code) || (says && code !== 'AUTHENTICATIONFAILED')) return unavailable
  const [, what, hint] = wishes.find(([words]) => words.test(`[${code}] ${text}`)) ?? refused
  return { code: 'imap.auth_refused', temporary: false, what, hint }
}

/** Response codes with which a server says that a refused login is its own trouble (RFC 5530 §3). */
const ownTrouble = new Set(['UNAVAILABLE', 'INUSE', 'LIMIT', 'SERVERBUG', 'CONTACTADMIN', 'OVERQUOTA'])

const unavailable: Meaning = {
  code: 'imap.auth_unavailable',
  temporary: true,
  what: 'the server cannot check the login at the moment',
  hint: 'it is tried again by itself; if it goes on, ask who runs the mail server',
}

const setIt = '`letterlock account set ID --password-stdin`'

type Wish = readonly [words: RegExp, what: string, hint: string]

const refused: Wish = [
  /./,
  'the server refused the user name or the password',
  `set the password again with ${setIt}; some providers want an app password, or IMAP to be enabled first`,
]

/** The first that fits counts. */
const wishes: readonly Wish[] = [
  [
    /application-specific password|app(lication)?[- ]password/i,
    'the provider wants an app password',
    `make an app password in the security settings of the mailbox, and set it with ${setIt}`,
  ],
  [
    /WEBALERT|web login required|log ?in via your web browser/i,
    'the provider wants a login in a web browser first',
    'log in to the mailbox once with a web browser and confirm what it asks; then `letterlock account poll ID`',
  ],
  [
    /not enabled for imap|imap (access |use )?(is )?(disabled|not enabled)|enable .{0,40}imap/i,
    'IMAP is turned off for this mailbox',
    'turn IMAP on in the settings of the mailbox; then `letterlock account poll ID`',
  ],
  [
    /basic auth|login is disabled/i,
    'the server takes no passwords',
    'the account needs OAuth, or on a server of your own another --security',
  ],
  [/\[PRIVACYREQUIRED\]/, 'the server takes passwords over TLS only', 'use --security tls or starttls'],
  [/\[EXPIRED\]/, 'the password has expired', `renew it at the provider, and set the new one with ${setIt}`],
  [
    /^\[\w*\] *(authenticate|login) failed\.?$/i,
    'the server refused the user name or the password',
    `Exchange Online answers so to every password, its accounts need OAuth; elsewhere set the password again with ${setIt}`,
  ],
]

const noWayIn: Meaning = {
  code: 'imap.refused',
  temporary: false,
  what: 'the server offers no way of logging in that is known here',
  hint: 'a password needs LOGIN or PLAIN there, OAuth needs OAUTHBEARER or XOAUTH2: choose the other one with `letterlock account set ID`, or enable it on the server',
}
