// Whoever is signed in: the own password, and where else one is signed in.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../../../errors/errors.ts'
import { InputError } from '../../../operations/operation.ts'
import { endSession as end, setPassword as passwd } from '../../../operations/users.ts'
import { findSessions, type SessionView } from '../../../store/people/sessions.ts'
import { shortestPassword } from '../../../vault/secrets/password-hash.ts'
import { failurePage, inSentences, NotFound } from '../../failures.ts'
import { type Html, html } from '../../layout/html.ts'
import { page } from '../../layout/layout.ts'
import { actionButton, badge, field, fieldsOf, form, table, time } from '../../layout/parts.ts'
import { deviceOf } from '../../security/device.ts'
import { beginSession, goTo } from '../../security/session.ts'
import { countAttempt } from '../../security/throttle.ts'
import { depsOf, limitsOf, sessionOf, siteOf, userActor } from '../../site.ts'

export async function showSelf(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  return await selfPage(request, reply)
}

async function selfPage(request: FastifyRequest, reply: FastifyReply, fault?: string): Promise<string> {
  const site = siteOf(request)
  const { user, id } = sessionOf(request)
  const sessions = await findSessions(site.db, limitsOf(site), user.id)
  return await page(reply, {
    title: user.name,
    body: html`<p>You are signed in as ${user.role === 'admin' ? 'an admin' : 'an agent'}.</p>
<section><h2>Where you are signed in</h2>
${sessionTable(reply, sessions, { own: id, action: number => `/you/sessions/${number}/end` })}</section>
<section><h2>Change your password</h2>
${fault !== undefined && html`<p class="flash bad" role="alert">${fault}</p>`}
${form(
  reply,
  '/you/password',
  html`<input type="hidden" name="username" value="${user.name}" autocomplete="username">
${field({ name: 'password', label: 'Current password', type: 'password', required: true, autocomplete: 'current-password' })}
${field({ name: 'next', label: 'New password', type: 'password', required: true, autocomplete: 'new-password', hint: `At least ${shortestPassword} characters.` })}
${field({ name: 'again', label: 'Confirm new password', type: 'password', required: true, autocomplete: 'new-password' })}
<p class="hint">You stay signed in here and are signed out everywhere else.</p>
<button>Change password</button>`,
  { class: 'narrow' },
)}</section>`,
  })
}

/** Sessions with a button to end each. */
export function sessionTable(
  reply: FastifyReply,
  sessions: readonly SessionView[],
  options: { own: number; action(id: number): string; withNames?: true },
): Html {
  const { own, action, withNames } = options
  return table({
    caption: 'Sessions',
    empty: 'Nobody is signed in.',
    rows: sessions,
    columns: [
      ...(withNames ? [{ title: 'User', cell: (session: SessionView) => session.userName }] : []),
      { title: 'From', cell: ({ address, agent }) => html`${address} <small class="agent">${agent}</small>` },
      { title: 'Signed in', cell: ({ createdAt }) => time(createdAt) },
      { title: 'Last seen', cell: ({ lastSeenAt }) => time(lastSeenAt) },
      {
        title: 'End it',
        cell: ({ id, userName, address }) =>
          id === own
            ? badge('this one', 'good')
            : actionButton(reply, action(id), 'Sign out', { name: `Sign out ${userName} at ${address}` }),
      },
    ],
  })
}

export async function endOwnSession(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const session = toId((request.params as { id: string }).id)
  const ended = await end.run(depsOf(request), userActor(request), { session })
  if (ended === undefined) throw new NotFound()
  return await goTo(request, reply, '/you', { tone: 'good', text: 'The session was ended.' })
}

/** A number from an address. Throws NotFound for what is none. */
export function toId(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new NotFound()
}

/** The current password is counted as a sign-in is: nobody guesses it from a browser that was left unlocked. */
export async function changePassword(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { redis, config } = siteOf(request)
  const { user } = sessionOf(request)
  const { password: current = '', next = '', again = '' } = fieldsOf(request.body)
  const attempt = { name: user.name, address: request.ip, device: deviceOf(request) }
  const counted = await countAttempt(redis, config.redis.prefix, attempt)
  if (counted === undefined) return await failurePage(reply, 429)
  try {
    if (next !== again) throw new Refusal('the new passwords do not match')
    await passwd.run(depsOf(request), userActor(request), { user: user.id, password: next, current })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    reply.code(422)
    return await selfPage(request, reply, isWrongPassword(error) ? wrongPassword : inSentences(error))
  }
  await counted.forget()
  // All sessions have ended; this browser gets a new one: a token that somebody read before is worth nothing after.
  await beginSession(request, reply, user.id)
  return await goTo(request, reply, '/you', { tone: 'good', text: 'Your password was changed.' })
}

const wrongPassword = 'The current password is wrong.'

function isWrongPassword(error: Refusal): boolean {
  return error instanceof InputError && error.faults.some(({ path }) => path[0] === 'current')
}
