// How encryption stands: the state in words, what is wrong or left to do, and the facts.
import { hintForPage, type PageHint } from '../../../errors/hints.ts'
import type { EncryptionStatus } from '../../../vault/sealing/status.ts'
import { type Content, type Html, html } from '../../layout/html.ts'
import { badge, hintParts, type Tone, time } from '../../layout/parts.ts'
import type { Shown } from './sections.ts'

const tones: Record<EncryptionStatus['state'], Tone> = {
  off: 'warn',
  sealing: 'busy',
  on: 'good',
  rotating: 'busy',
  unsealing: 'busy',
  locked: 'bad',
}

const meanings: Record<EncryptionStatus['state'], string> = {
  off: 'The passwords of mailboxes are in plaintext in the database, as helpdesks have always kept them. Whoever reads the database, a dump or a replica of it can read them.',
  sealing:
    'A key is in use, and the passwords are being sealed one after the other. Mail is read meanwhile, whichever form a password has.',
  on: 'Every password is sealed, and each is opened only at the moment of a login. Whoever gets hold of the database cannot read them. A password that a helpdesk writes in plaintext is sealed within a minute.',
  rotating: 'The passwords are being sealed anew under the next key. Mail is read meanwhile.',
  unsealing:
    'The passwords are being put back in plaintext, because somebody with access to the server’s files asked for it.',
  locked:
    'Sealed passwords are in the database, and this server does not have the key that opens them. Accounts with sealed passwords wait; nothing is written, made or overwritten. As soon as the right key file is back, everything goes on by itself, without a restart.',
}

/** How it stands; replaced while the page is open. */
export function stateSection(shown: Shown): Html {
  const { status, isKeyWaiting } = shown
  const { state, progress } = status
  // The backup has a section of its own.
  const problems = status.problems.filter(({ code }) => code !== 'backup.unproven')
  return html`<section id="state" data-live=""><h2>State: ${badge(state, tones[state])}</h2>
<p>${meanings[state]}</p>
${isKeyWaiting && html`<p class="flash" role="status">The key file is there. The daemon looks at it twice and at who else holds it, and begins within seconds.</p>`}
${progress !== null && progressBar(progress)}
${
  problems.length > 0 &&
  html`<h3>${state === 'locked' ? 'What is wrong, and how to mend it' : 'What is left to do'}</h3>
<ul class="problems">${problems.map(
    problem => html`<li>${hintParts(here(hintForPage(problem)))} <small><code>${problem.code}</code></small></li>
`,
  )}</ul>`
}
${facts(status)}</section>`
}

/** Links to this very page lead nowhere. */
function here(hint: PageHint): PageHint {
  return { ...hint, links: hint.links.filter(({ href }) => href !== '/server/encryption') }
}

function progressBar({ done, total }: { done: number; total: number }): Html {
  return html`<p><label>${done} of ${total} passwords<progress value="${done}" max="${Math.max(total, 1)}">${done} of ${total}</progress></label></p>`
}

function facts(status: EncryptionStatus): Html {
  const { keyFile, keyId, nextKeyId, backup, sealed, plaintext, unreadable, lastPlaintextSeenAt, workers } = status
  const rows: [string, Content][] = [
    ['Key file', html`<code>${keyFile}</code>`],
    ['Key id', keyId === null ? 'none' : html`<code>${keyId}</code>`],
    ...(nextKeyId === null ? [] : [['Next key', html`<code>${nextKeyId}</code>`] as [string, Content]]),
    ...(keyId === null
      ? []
      : [
          [
            'Backup of the key',
            backup === null ? badge('not proven', 'warn') : html`${badge('proven', 'good')} ${time(backup.provenAt)}`,
          ] as [string, Content],
        ]),
    ['Passwords sealed', sealed],
    ['In plaintext', plaintext],
    ...(unreadable === 0 ? [] : [['Not to be opened', html`${badge(String(unreadable), 'bad')}`] as [string, Content]]),
    ...(lastPlaintextSeenAt === null
      ? []
      : [['Last plaintext written', time(lastPlaintextSeenAt)] as [string, Content]]),
    ...workers.map(({ host, keyIds }): [string, Content] => [
      'Daemon',
      html`${host}, ${keyIds.length === 0 ? 'holds no key' : html`holds <code>${keyIds.join(' ')}</code>`}`,
    ]),
  ]
  return html`<dl class="facts">${rows.map(
    ([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>
`,
  )}</dl>`
}
