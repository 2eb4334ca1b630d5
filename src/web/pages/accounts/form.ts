// The form of an account: what was typed, what is wrong with it, what a test found. A password is never among what it shows.
import type { FastifyReply } from 'fastify'
import type { Discovery } from '../../../discovery/find-servers.ts'
import type { WellKnown } from '../../../discovery/well-known-providers.ts'
import type { StepName, Tested } from '../../../operations/test-account.ts'
import type { AccountDetail } from '../../../store/accounts/accounts.ts'
import { assetPath } from '../../assets.ts'
import { attributes, type Content, type Html, html } from '../../layout/html.ts'
import { badge, checkbox, field, form, prose, type Tone } from '../../layout/parts.ts'
import { type ShownStep, shownSteps } from './connection-test.ts'
import type { Faults, Typed } from './typed.ts'

export interface FormShown {
  /** Undefined: a new one. */
  account: AccountDetail | undefined
  typed: Typed
  faults: Faults
  /** What is wrong as a whole. */
  fault?: string | undefined
  tested?: Tested | undefined
  /** What the address led to. */
  found?: Discovery | undefined
  provider?: WellKnown | undefined
  confirm?: ConfirmShown | undefined
}

/** A destination that was changed in the database since the account's secret was stored: a new one goes there once somebody says so. */
export interface ConfirmShown {
  where: string
  /** What the field holds when this very destination, and no other, is confirmed. */
  value: string
}

export function accountForm(reply: FastifyReply, shown: FormShown): Html {
  const { account, typed, faults, fault, tested, found, provider, confirm } = shown
  const isNew = account === undefined
  const action = account === undefined ? '/accounts/new' : `/accounts/${account.id}/edit`
  return html`<div id="outcome" tabindex="-1">
${outcome(faults, fault)}${tested !== undefined && html`<section><h2>Test result</h2>${stepList(tested)}</section>`}</div>
${form(
  reply,
  action,
  html`<section><h2>The mailbox</h2>
${
  isNew &&
  html`${addressField(typed, faults)}
${passwordField(account, faults, provider)}
<p class="actions"><button name="do" value="find" formnovalidate>Find the server</button></p>
${found !== undefined && foundServers(found)}`
}
${field({ name: 'host', label: 'Host', value: typed.host, required: !isNew, fault: faults.host, hint: hostHint(isNew) })}
${choice('security', 'Security', typed.security, faults.security, [
  ['tls', 'TLS'],
  ['starttls', 'STARTTLS'],
  ['cleartext', 'None: everybody on the way can read password and mail'],
])}
${field({ name: 'port', label: 'Port', value: typed.port, fault: faults.port, hint: 'Leave empty for the default: 993 with TLS, otherwise 143' })}
${field({ name: 'username', label: 'User name', value: typed.username, fault: faults.username, autocomplete: 'off', hint: 'Leave empty to use the address' })}
${!isNew && passwordField(account, faults, provider)}
${confirm !== undefined && confirmField(confirm)}</section>
<section><h2>What is read and when</h2>
${textarea('mailboxes', 'Mailboxes', typed.mailboxes, faults.mailboxes, 'One on each line.', 3)}
${account === undefined && startField(typed, faults)}
${choice('after', 'What happens to a mail on the server after it was received', typed.after, faults.after, [
  ['keep', 'Nothing: it stays as it is'],
  ['seen', 'It is marked as read'],
  ['move', 'It is moved to the mailbox below'],
  ['delete', 'It is deleted'],
])}
${field({ name: 'moveTo', label: 'Moved to', value: typed.moveTo, fault: faults.moveTo, hint: 'Only if mail is moved' })}
${field({ name: 'every', label: 'Check every', value: typed.every, required: true, fault: faults.every, hint: 'for example 60s or 5m' })}
${checkbox({ name: 'push', label: 'Keep a connection open that waits for new mail, if the server supports it (push)', checked: typed.push })}
${field({ name: 'canary', label: 'Canary every', value: typed.canary, fault: faults.canary, hint: 'How often a marked mail is put into the mailbox, received and removed again, for example 10m. Leave empty for none' })}</section>
<section><h2>Who wrote it</h2>
${field({ name: 'authservIds', label: 'Mail servers whose word on senders you trust', value: typed.authservIds, fault: faults.authservIds, hint: 'The names in Authentication-Results, for example mx.google.com; for Microsoft 365 write "". Leave empty to rely on signatures alone' })}</section>
<section><details${attributes({ open: typed.ca !== '' || faults.ca !== undefined })}><summary>A server of your own</summary>
${textarea('ca', 'CA certificates', typed.ca, faults.ca, 'PEM, from “BEGIN CERTIFICATE” on. Only for a server whose certificate no public CA has signed.', 6)}</details></section>
<p class="actions"><button class="main" name="do" value="test-save">Test and save</button>
<button name="do" value="test">Only test</button>
<button name="do" value="save">Save without a test</button>
<a href="${account === undefined ? '/accounts' : `/accounts/${account.id}`}">Cancel</a></p>
<p class="hint" id="busy" role="status"></p>`,
  { class: 'account' },
)}
<script type="module" src="${assetPath('account-form.js')}"></script>`
}

function outcome(faults: Faults, fault: string | undefined): Html {
  const wrong = Object.keys(faults).length
  const text = fault ?? (wrong > 0 ? 'Nothing is saved yet: look at what is marked below.' : undefined)
  return html`${text !== undefined && html`<p class="flash bad" role="alert">${prose(text)}</p>`}`
}

function hostHint(isNew: boolean): string {
  return `The IMAP server, for example imap.example.com${isNew ? '. Leave empty to have it found by the address' : ''}`
}

/** The form holds the first of them; nothing was sent there. */
function foundServers({ servers, asked }: Discovery): Html {
  if (servers.length === 0)
    return html`<div role="status"><p>Nothing was found:</p>
<ul>${asked.map(({ what }) => html`<li>${what}</li>`)}</ul></div>`
  return html`<div role="status"><p>Check that this is your mail server. Your password was not sent there yet.</p>
<ul>${servers.map(
    ({ host, port, security, sources }, i) =>
      html`<li><b>${host}</b>, port ${port}, ${security === 'tls' ? 'TLS' : 'STARTTLS'}${i === 0 && ' (filled in below)'}: ${sources.join(', ')}</li>
`,
  )}</ul></div>`
}

function addressField({ address }: Typed, faults: Faults): Html {
  return field({
    name: 'address',
    label: 'Address',
    type: 'email',
    value: address,
    required: true,
    fault: faults.address,
    autocomplete: 'off',
    hint: 'The address that customers write to',
  })
}

function passwordField(account: AccountDetail | undefined, faults: Faults, provider: WellKnown | undefined): Html {
  return field({
    name: 'password',
    label: provider?.wants === 'app password' ? 'App password' : 'Password',
    type: 'password',
    required: account === undefined,
    fault: faults.password,
    autocomplete: 'new-password',
    hint: passwordHint(account),
  })
}

function confirmField({ where, value }: ConfirmShown): Html {
  const label = html`Yes, send the new password to ${where}`
  return html`<p class="fault" role="alert">The server or user name of this account was changed in the database after its password was stored, not by this form or a command. If nobody was to change it, put it back above.</p>
${checkbox({ name: 'confirm', value, label })}`
}

function passwordHint(account: AccountDetail | undefined): string {
  if (account === undefined) return 'It is not shown again. If the test fails you will have to enter it again.'
  const again = 'Another host, port, security, user name or CA needs it again: it is never sent to another server.'
  if (account.oauth !== null) return `This account signs in with OAuth 2. A password typed here takes its place.`
  return account.hasPassword ? `Leave empty to keep the stored password. ${again}` : 'No password is stored yet.'
}

function startField({ start, since }: Typed, faults: Faults): Html {
  const radio = (value: string, label: Content): Html =>
    html`<label class="check"><input${attributes({
      type: 'radio',
      name: 'start',
      value,
      required: true,
      checked: start === value,
    })}> <span>${label}</span></label>`
  return html`<fieldset><legend>Mail that is there already</legend>
${radio('all', 'Make tickets of all of it')}
${radio('new', 'Leave it alone: only what comes from now on')}
${radio('since', 'Make tickets of what came since this day')}
${field({ name: 'since', label: 'Day', value: since, fault: faults.since, hint: 'for example 2026-11-24' })}
${faults.start !== undefined && html`<p class="fault">${faults.start}</p>`}
<p class="hint">This is decided once.</p></fieldset>`
}

function choice(
  name: keyof Typed,
  label: string,
  value: string,
  fault: string | undefined,
  options: readonly (readonly [string, string])[],
): Html {
  const id = `field-${name}`
  return html`<div class="field"><label for="${id}">${label}</label>
<select id="${id}" name="${name}">${options.map(
    ([option, words]) => html`<option${attributes({ value: option, selected: option === value })}>${words}</option>`,
  )}</select>
${fault !== undefined && html`<p class="fault">${fault}</p>`}</div>`
}

function textarea(
  name: keyof Typed,
  label: string,
  value: string,
  fault: string | undefined,
  hint: string,
  rows: number,
): Html {
  const id = `field-${name}`
  return html`<div class="field"><label for="${id}">${label}</label>
<textarea${attributes({
    id,
    name,
    rows,
    'aria-describedby': `${id}-hint`,
    'aria-invalid': fault !== undefined && 'true',
    spellcheck: 'false',
    autocapitalize: 'none',
  })}>
${value}</textarea>
<p class="hint" id="${id}-hint">${hint}</p>${fault !== undefined && html`<p class="fault">${fault}</p>`}</div>`
}

const stepTitles: Readonly<Record<StepName, string>> = {
  connect: 'Connect',
  tls: 'TLS',
  login: 'Log in',
  mailbox: 'Mailboxes',
  count: 'Count',
}

const ends: Readonly<Record<ShownStep['end'], readonly [string, Tone]>> = {
  ok: ['works', 'good'],
  failed: ['failed', 'bad'],
  untried: ['not tried', 'plain'],
}

export function stepList(tested: Tested): Html {
  return html`<ol class="checks">${shownSteps(tested).map(
    ({ name, end, words, code }) =>
      html`<li class="check-step ${end}"><b>${stepTitles[name]}</b> <span>${badge(...ends[end])}</span> ${
        end !== 'untried' &&
        html`<span class="check-words">${prose(words)}${code !== undefined && html` <code>${code}</code>`}</span>`
      }</li>
`,
  )}</ol>`
}
