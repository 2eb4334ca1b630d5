// Signing in and out, and the first admin.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../../../errors/errors.ts'
import type { Actor } from '../../../operations/operation.ts'
import { addUser } from '../../../operations/users.ts'
import { inTransaction } from '../../../store/db/database.ts'
import { insertAudit } from '../../../store/people/audit.ts'
import { deleteEndedSessions } from '../../../store/people/sessions.ts'
import { findSignIn, noteSignIn, toUserName, upgradeHash } from '../../../store/people/user-rows.ts'
import { shortestPassword } from '../../../vault/secrets/password-hash.ts'
import { failurePage, inSentences } from '../../failures.ts'
import { html } from '../../layout/html.ts'
import { page } from '../../layout/layout.ts'
import { linksFor } from '../../layout/navigation.ts'
import { field, fieldsOf, form } from '../../layout/parts.ts'
import { deviceOf, renewDevice } from '../../security/device.ts'
import { beginSession, endSession, safeTarget } from '../../security/session.ts'
import { countAttempt } from '../../security/throttle.ts'
import { depsOf, limitsOf, sessionOf, siteOf } from '../../site.ts'

export async function goToStart(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const [first] = linksFor(sessionOf(request).user.role)
  return reply.redirect(first?.path ?? '/you', 303)
}

export async function showSignIn(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const to = safeTarget((request.query as Record<string, unknown>).to)
  if (request.session !== null) return reply.redirect(to, 303)
  return await signInPage(reply, { to, name: '' })
}

async function signInPage(reply: FastifyReply, shown: { to: string; name: string; fault?: string }): Promise<string> {
  const { to, name, fault } = shown
  return await page(reply, {
    title: 'Sign in',
    body: html`${fault !== undefined && html`<p class="flash bad" role="alert">${fault}</p>`}
${form(
  reply,
  '/sign-in',
  html`<input type="hidden" name="to" value="${to}">
${field({ name: 'name', label: 'Name', value: name, required: true, autocomplete: 'username' })}
${field({ name: 'password', label: 'Password', type: 'password', required: true, autocomplete: 'current-password' })}
<button class="main">Sign in</button>`,
  { class: 'narrow' },
)}`,
  })
}

export async function signIn(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const site = siteOf(request)
  const { db, redis, config, passwords } = site
  const { name: typed = '', password = '', to } = fieldsOf(request.body)
  const attempt = { name: toUserName(typed) ?? '', address: request.ip, device: deviceOf(request) }
  const counted = await countAttempt(redis, config.redis.prefix, attempt)
  if (counted === undefined) {
    site.log.warn({ event: 'web', ip: request.ip }, 'too many attempts to sign in')
    return await failurePage(
      reply.header('retry-after', '900'),
      429,
      'Too many sign-in attempts. Wait 15 minutes and try again.',
    )
  }
  const user = await findSignIn(db, attempt.name)
  const { right, outdated } = await passwords.check(password, user?.passwordHash)
  if (user === undefined || !right) {
    // Never the name: people type their password there.
    site.log.warn({ event: 'web', ip: request.ip }, 'wrong name or password at sign-in')
    reply.code(401)
    const fault = 'The name or the password is wrong.'
    return await signInPage(reply, { to: safeTarget(to), name: attempt.name, fault })
  }
  await counted.forget()
  await counted.remember(renewDevice(request, reply))
  if (outdated) await upgradeHash(db, user.id, user.passwordHash, await passwords.hash(password))
  await deleteEndedSessions(db, limitsOf(site))
  await beginSession(request, reply, user.id)
  await inTransaction(db, async trx => {
    await noteSignIn(trx, user.id)
    await insertAudit(trx, { actor: `${user.name} (web)`, action: 'user.sign_in', detail: { address: request.ip } })
  })
  return reply.redirect(safeTarget(to), 303)
}

export async function signOut(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  await endSession(request, reply)
  return reply.redirect('/sign-in', 303)
}

export async function showFirstAdmin(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { token = '' } = fieldsOf(request.query)
  if (!isRightLink(request, token)) return await failurePage(reply, 403, spentLink)
  return await firstAdminPage(reply, { token, name: 'admin' })
}

const spentLink =
  'This link is not valid. It works once, within an hour after the start that showed it, and only while there is no user. On the server, `letterlock user add NAME --admin` creates an admin.'

function isRightLink(request: FastifyRequest, token: string): boolean {
  return siteOf(request).firstAdmin?.isRight(token) ?? false
}

async function firstAdminPage(
  reply: FastifyReply,
  shown: { token: string; name: string; fault?: string },
): Promise<string> {
  const { token, name, fault } = shown
  return await page(reply, {
    title: 'Create the first admin',
    body: html`<p>There is no user yet. Choose the name and password you want to sign in with.</p>
${fault !== undefined && html`<p class="flash bad" role="alert">${fault}</p>`}
${form(
  reply,
  '/first-admin',
  html`<input type="hidden" name="token" value="${token}">
${field({ name: 'name', label: 'Name', value: name, required: true, autocomplete: 'username' })}
${field({ name: 'password', label: 'Password', type: 'password', required: true, autocomplete: 'new-password', hint: `At least ${shortestPassword} characters. A few random words make a good password.` })}
${field({ name: 'again', label: 'Confirm password', type: 'password', required: true, autocomplete: 'new-password' })}
<button class="main">Create admin</button>`,
  { class: 'narrow' },
)}`,
  })
}

export async function makeFirstAdmin(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const site = siteOf(request)
  const { token = '', name = '', password = '', again = '' } = fieldsOf(request.body)
  if (!isRightLink(request, token)) return await failurePage(reply, 403, spentLink)
  // Who has the link has the terminal of the server, as somebody who gives a command.
  const actor: Actor = { kind: 'command', name: `${request.ip} (first start)` }
  try {
    if (password !== again) throw new Refusal('the passwords do not match')
    const { id } = await addUser.run(depsOf(request), actor, { name, role: 'admin', password, first: true })
    site.firstAdmin = undefined
    await beginSession(request, reply, id)
    await noteSignIn(site.db, id)
    return reply.redirect('/', 303)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    reply.code(422)
    return await firstAdminPage(reply, { token, name, fault: inSentences(error) })
  }
}
