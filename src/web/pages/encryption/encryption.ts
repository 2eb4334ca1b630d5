// Server > Encryption: how it stands, turning it on and off, a new key, looking whether all opens. The very operations of the commands
// do it; what a page cannot prove (access to the server's files) is asked for as the commands ask for it.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../../../errors/errors.ts'
import { hintForPage } from '../../../errors/hints.ts'
import {
  disableEncryption as disable,
  enableEncryption as enable,
  rotateKey as rotate,
  verifyEncryption as verify,
} from '../../../operations/manage-encryption.ts'
import type { Flash } from '../../../store/people/sessions.ts'
import { readKeyring } from '../../../vault/keys/keyring.ts'
import { findWarnings } from '../../../vault/residue/residue.ts'
import { inWords, reportResidue } from '../../../vault/residue/residue-report.ts'
import { readServerFacts } from '../../../vault/residue/server-facts.ts'
import { type EncryptionStatus, readStatus, rowProblems } from '../../../vault/sealing/status.ts'
import { isGoingOff, refusalOfProof } from '../../../vault/sealing/switches.ts'
import { inSentences, sentence } from '../../failures.ts'
import { html } from '../../layout/html.ts'
import { page } from '../../layout/layout.ts'
import { fieldsOf, hintText, prose } from '../../layout/parts.ts'
import { tellChanges } from '../../live.ts'
import { goTo } from '../../security/session.ts'
import { depsOf, type Site, siteOf, userActor } from '../../site.ts'
import { copiesTable } from './residue-table.ts'
import { type Asked, type Shown, switchSections } from './sections.ts'
import { stateSection } from './state-section.ts'

const home = '/server/encryption'

/** What is shown, from one look. */
async function look({ db, keys }: Site, depth: 'counts' | 'rows'): Promise<Shown> {
  const status = await readStatus(db, keys, new Date(), depth)
  const ring = readKeyring(keys)
  return {
    status,
    place: keys,
    isKeyWaiting: status.state === 'off' && ring.current.kind === 'valid' && !isRetired(status),
    proof: status.keyId === null ? undefined : await proofFault(db, status.keyId, keys),
  }
}

function isRetired({ problems }: EncryptionStatus): boolean {
  return problems.some(({ code }) => code === 'key_file.retired_key' || code === 'key_file.lost_key')
}

/** What keeps the proof from being one; undefined: it is one, or it was taken and turning off goes on. */
async function proofFault(db: Site['db'], keyId: string, keys: Site['keys']): Promise<string | undefined> {
  const isTaken = (await isGoingOff(db, keys)) && readKeyring(keys).proves(keyId)
  return isTaken ? undefined : refusalOfProof(keys, keyId, new Date())?.message
}

export async function showEncryption(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  return await encryptionPage(request, reply)
}

async function encryptionPage(request: FastifyRequest, reply: FastifyReply, asked?: Asked): Promise<string> {
  const site = siteOf(request)
  const shown = await look(site, 'rows')
  const { state } = shown.status
  const warnings = state === 'off' ? findWarnings(await readServerFacts(site.db), new Date()) : []
  const horizon = shown.status.keyId === null ? undefined : await horizonOf(site)
  const isMoving = shown.isKeyWaiting || state === 'sealing' || state === 'rotating' || state === 'unsealing'
  return await page(reply, {
    title: 'Encryption',
    section: 'encryption',
    live: `${home}/events`,
    ...(isMoving ? { refreshSeconds: 3 } : {}),
    body: html`${asked?.faults.map(fault => html`<p class="flash bad" role="alert">${fault}</p>`)}
${stateSection(shown)}
${switchSections(reply, shown, { warnings, horizon, asked })}`,
  })
}

/** In words. */
async function horizonOf({ db }: Site): Promise<string> {
  return inWords((await reportResidue(db, new Date())).plaintextHorizon)
}

export async function tellEncryption(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const site = siteOf(request)
  return await tellChanges(request, reply, async () => {
    const { status, isKeyWaiting, proof } = await look(site, 'counts')
    const { state, keyId, nextKeyId, progress, problems, sealed, plaintext, backup } = status
    return JSON.stringify([state, keyId, nextKeyId, progress, problems, sealed, plaintext, backup, isKeyWaiting, proof])
  })
}

/** Both must be there: the browser asks for them, and so does the operation. */
const acknowledgements: Readonly<Record<string, string>> = {
  'accept-key-loss':
    'Nothing was done. Tick that whoever loses the key file loses the encrypted passwords, if you accept that.',
  'have-key-backup':
    'Nothing was done. Tick that a secure way of backing up the key file is prepared, once there is one.',
}

export async function enableEncryption(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const fields = fieldsOf(request.body)
  const missing = Object.keys(acknowledgements).filter(name => fields[name] !== 'yes')
  if (missing.length > 0) {
    const ticked = new Set(Object.keys(acknowledgements).filter(name => !missing.includes(name)))
    reply.code(422)
    return await encryptionPage(request, reply, { ticked, faults: missing.map(name => acknowledgements[name] ?? '') })
  }
  return await act(request, reply, async ({ keys }) => {
    const acknowledged = { acceptKeyLoss: true, haveKeyBackup: true } as const
    const { step } = await enable.run(depsOf(request), userActor(request), acknowledged)
    if (step === 'take-back') return 'Turning off is taken back: the passwords are sealed again.'
    if (step === 'wait') return 'There is a key already: nothing more is to be done here.'
    return `The key file ${keys.file} is made, and sealing begins within seconds. Back the file up now, apart from the database.`
  })
}

export async function rotateKey(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  if (fieldsOf(request.body)['have-key-backup'] !== 'yes') {
    reply.code(422)
    const faults = ['Nothing was done. Tick that the new key file will be backed up too.']
    return await encryptionPage(request, reply, { ticked: new Set(), faults })
  }
  return await act(request, reply, async () => {
    await rotate.run(depsOf(request), userActor(request), { haveKeyBackup: true })
    return 'A new key is made. The passwords are resealed under it as soon as every running host holds it.'
  })
}

export async function disableEncryption(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return await act(request, reply, async () => {
    await disable.run(depsOf(request), userActor(request), {})
    return 'Encryption is being turned off: the passwords are put back in plaintext.'
  })
}

/** More take a while: the command shows how far it is. */
const maxOpened = 20_000

export async function verifyEncryption(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { sealed, whole, faults } = await verify.run(depsOf(request), userActor(request), { limit: maxOpened })
  const some = whole ? '' : ' (of the first ones; `letterlock encryption verify` opens all)'
  const counted = sealed === 1 ? '1 sealed password opens' : `${sealed} sealed passwords open`
  const result: Flash =
    faults.length === 0
      ? { tone: 'good', text: `${sealed === 1 ? '1' : `All ${sealed}`}${counted.replace(/^\d+/, '')}${some}.` }
      : { tone: 'bad', text: `${sealed - faults.length} of ${counted}${some}.` }
  const hints = rowProblems(faults).map((problem): Flash => ({ tone: 'bad', text: hintText(hintForPage(problem)) }))
  return await goTo(request, reply, home, result, ...hints.slice(0, 2))
}

/** Does it, and says on the page what came of it, or why not. */
async function act(
  request: FastifyRequest,
  reply: FastifyReply,
  work: (site: Site) => Promise<string>,
): Promise<FastifyReply> {
  try {
    return await goTo(request, reply, home, { tone: 'good', text: await work(siteOf(request)) })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return await goTo(request, reply, home, { tone: 'bad', text: inSentences(error) })
  }
}

export async function showCopies(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  const report = await reportResidue(siteOf(request).db, new Date())
  return await page(reply, {
    title: 'Old copies of passwords',
    section: 'encryption',
    body: html`<p>Sealing replaces the passwords in the database. What was written before may still lie in other places of the database server, in dumps
and on disks. Here is what can be seen from inside the database.</p>
<p class="flash warn">${prose(sentence(report.firstAdvice))}</p>
${copiesTable(report)}
<p><a href="${home}">Back to Encryption</a></p>`,
  })
}
