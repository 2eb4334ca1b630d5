// The sections of Server > Encryption with what can be done, each for the states that it makes sense in.
import type { FastifyReply } from 'fastify'
import { type KeyPaths, proofFileOf } from '../../../vault/keys/keyring.ts'
import type { Residue } from '../../../vault/residue/residue.ts'
import type { EncryptionStatus } from '../../../vault/sealing/status.ts'
import { lineThatProves } from '../../../vault/sealing/switches.ts'
import { sentence } from '../../failures.ts'
import { type Html, html } from '../../layout/html.ts'
import { badge, checkbox, form, prose, time } from '../../layout/parts.ts'

/** What was asked for before, and could not be done. */
export interface Asked {
  /** What was ticked, and what was missing, in words. */
  ticked: ReadonlySet<string>
  faults: readonly string[]
}

export interface Shown {
  status: EncryptionStatus
  place: KeyPaths
  /** The file is there, and the daemon is about to take it. */
  isKeyWaiting: boolean
  /** What keeps the proof from being one; undefined: it is one, or no key is in use. */
  proof: string | undefined
}

export interface Beside {
  warnings: readonly Residue[]
  /** By when old copies are gone, in words; undefined: no key is in use. */
  horizon: string | undefined
  asked: Asked | undefined
}

/** What can be done now; replaced when that changes. */
export function switchSections(reply: FastifyReply, shown: Shown, { warnings, horizon, asked }: Beside): Html {
  const { status, isKeyWaiting, proof } = shown
  const { state, keyId, backup } = status
  const isStanding = state === 'on' || state === 'sealing' || state === 'rotating'
  const version = [state, keyId, isKeyWaiting, proof, backup === null].join(' ')
  return html`<div id="switches" data-live="${version}">
${state === 'off' && !isKeyWaiting && enableSection(reply, shown, warnings, asked)}
${state === 'unsealing' && takeBackSection(reply, shown, asked)}
${state === 'locked' && lostSection(shown)}
${isStanding && backupSection(shown)}
${isStanding && checkSection(reply)}
${state === 'on' && rotateSection(reply)}
${horizon !== undefined && copiesSection(horizon)}
${(state === 'on' || state === 'sealing') && disableSection(reply, shown)}
${protectionSection(state === 'off')}
</div>`
}

function enableSection(reply: FastifyReply, { place }: Shown, warnings: readonly Residue[], asked?: Asked): Html {
  return html`<section><h2>Enable encryption</h2>
<p>Letterlock creates a key of 32 random bytes at <code>${place.file}</code> and seals every password with it. Mail is received
throughout. A helpdesk that writes passwords can go on as before; it can no longer <em>read</em> them.</p>
${
  warnings.length > 0 &&
  html`<details><summary>Before you start: ${warnings.length} ${warnings.length === 1 ? 'place still keeps' : 'places still keep'} plaintext copies</summary>
<dl>${warnings.map(
    ({
      place: where,
      why,
      statements,
    }) => html`<dt><b>${where.replace('-', ' ')}</b></dt><dd>${prose(sentence(why))}<pre>${statements.join('\n')}</pre></dd>
`,
  )}</dl></details>`
}
${form(
  reply,
  '/server/encryption/enable',
  html`${bothAcknowledgements(place, asked)}<button class="main">Create the key file and enable encryption</button>`,
)}</section>`
}

function bothAcknowledgements(place: KeyPaths, asked: Asked | undefined): Html {
  const shownAs = (name: string): { name: string; required: true; checked: boolean } => ({
    name,
    required: true,
    checked: asked?.ticked.has(name) ?? false,
  })
  return html`<fieldset><legend>Confirm both</legend>
${checkbox({
  ...shownAs('accept-key-loss'),
  label: html`I accept that <b>whoever loses the key file loses the encrypted passwords</b>. The key file is
<code>${place.file}</code>; nothing and nobody can bring back what was sealed with it.`,
})}
${checkbox({
  ...shownAs('have-key-backup'),
  label: html`<b>A secure way of backing up the key file is prepared</b>, apart from the backups of the database.`,
})}</fieldset>`
}

function takeBackSection(reply: FastifyReply, { place, proof, status }: Shown, asked?: Asked): Html {
  return html`<section><h2>Cancel disabling</h2>
${
  proof !== undefined &&
  status.keyId !== null &&
  html`<p class="flash warn">It does not go on here: ${proof}. To turn encryption off from this server, write the proof on it and ask again:</p>
<pre>${lineThatProves(place, status.keyId)}
letterlock encryption disable</pre>`
}
<p>You can cancel: everything is sealed again with the same key, and the proof is removed.</p>
${form(
  reply,
  '/server/encryption/enable',
  html`${bothAcknowledgements(place, asked)}<button>Cancel and seal again</button>`,
)}</section>`
}

function lostSection({ status, place }: Shown): Html {
  return html`<section><h2>If no copy of the key is left</h2>
<p>Look for it first: in the backups of the server’s files, on the disk or in the password manager where its backup was put. It goes to
<code>${place.file}</code>, readable by the service alone (<code>chmod 400</code>)${
    status.keyId !== null && html`, and it must be the key <code>${status.keyId}</code>`
  }.</p>
<p>If it is lost for good, the passwords sealed with it must be entered again. On the server, this says how, and for which accounts:</p>
<pre>letterlock encryption recover</pre></section>`
}

function backupSection({ status, place }: Shown): Html {
  const { backup, keyId } = status
  return html`<section><h2>Backup of the key</h2>
${
  backup === null
    ? html`<p class="flash warn">No backup of the key <code>${keyId}</code> is proven. Whoever loses the key file loses the passwords.</p>`
    : html`<p>${badge('proven', 'good')} A copy of the key <code>${keyId}</code> was shown on ${time(backup.provenAt)}. Prove it again when you renew it.</p>`
}
<p>Copy the key file to a place of its own, never into the backups of the database: who has both can read the passwords. Then prove the copy, on
the server:</p>
<pre>install -m 0400 ${place.file} /media/usb/encryption-key.bin
letterlock encryption backup --verify /media/usb/encryption-key.bin</pre></section>`
}

function checkSection(reply: FastifyReply): Html {
  return html`<section><h2>Verify</h2>
<p>Opens every sealed password without showing it, and names the accounts whose password does not open.</p>
${form(reply, '/server/encryption/verify', html`<button>Verify now</button>`)}</section>`
}

function rotateSection(reply: FastifyReply): Html {
  return html`<section><h2>Rotate the key</h2>
<p>Letterlock creates a new key, reseals every password under it, and keeps the old key file under another name: older backups of the
database need it. If several hosts run, each of them needs the new file before the rotation begins.</p>
${form(
  reply,
  '/server/encryption/rotate',
  html`${checkbox({ name: 'have-key-backup', required: true, label: 'I will back up the new key file like the old one.' })}
<button>Rotate the key</button>`,
)}</section>`
}

function copiesSection(horizon: string): Html {
  return html`<section><h2>Old copies of passwords</h2>
<p><b>Change the passwords of the mailboxes at their mail servers</b> once encryption is on: that alone makes every old copy worthless, wherever it
lies.</p>
<p>${sentence(horizon)} <a href="/server/encryption/copies">Where copies may still lie, and what clears them</a></p></section>`
}

function disableSection(reply: FastifyReply, { status, place, proof }: Shown): Html {
  const { keyId, sealed } = status
  if (keyId === null) return html``
  return html`<section><h2>Disable encryption</h2>
<p>All passwords become plaintext again. Signing in here is not enough for that: you also need access to the server’s files.</p>
${
  proof === undefined
    ? html`<p class="flash">The proof <code>${proofFileOf(place)}</code> is there.</p>
${form(reply, '/server/encryption/disable', html`<button class="danger">Put ${sealed} ${sealed === 1 ? 'password' : 'passwords'} back in plaintext</button>`)}`
    : html`<ol class="steps"><li>On this server, as root or as the user of the service:
<pre>${lineThatProves(place, keyId)}</pre></li>
<li>The button to disable encryption then appears here. (At the moment ${proof}.)</li>
<li>At the end the key file is renamed, and the proof is removed.</li></ol>`
}</section>`
}

function protectionSection(isOpen: boolean): Html {
  return html`<section><details${isOpen && html` open`}><summary>What encryption protects against and what it does not</summary>
<div class="columns"><div><h3>It protects against</h3><ul>
<li>whoever reads the database: its contents, a dump, a replica, a binary log, a disk of its host;</li>
<li>whoever reads a dump of Redis, a log or a crash report;</li>
<li>whoever can write to the database and wants a password sent to a server of theirs: each is bound to host, port, security and user name.</li>
</ul></div><div><h3>It does not protect against</h3><ul>
<li>whoever has both the key file and the database, or copies of both;</li>
<li>root, or the user of the service, on the running host;</li>
<li>a mail server that is itself hostile;</li>
<li>copies from before the sealing, and what a helpdesk writes in plaintext, until it is sealed.</li>
</ul><p>Tickets, mails and attachments are not encrypted.</p></div></div></details></section>`
}
