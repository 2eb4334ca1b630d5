// Server > Users: who may sign in, and who is signed in.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../../../errors/errors.ts'
import {
  addUser as add,
  endSession as end,
  setRole as giveRole,
  listUsers as list,
  setPassword as passwd,
  removeUser as remove,
} from '../../../operations/users.ts'
import { findSessions } from '../../../store/people/sessions.ts'
import type { Role, User } from '../../../store/people/user-rows.ts'
import { shortestPassword } from '../../../vault/secrets/password-hash.ts'
import { inSentences, NotFound } from '../../failures.ts'
import { type Html, html } from '../../layout/html.ts'
import { page } from '../../layout/layout.ts'
import { actionButton, badge, field, fieldsOf, form, table, time } from '../../layout/parts.ts'
import { goTo } from '../../security/session.ts'
import { depsOf, limitsOf, sessionOf, siteOf, userActor } from '../../site.ts'
import { sessionTable, toId } from './self.ts'

const home = '/server/users'

export async function showUsers(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  return await usersPage(request, reply)
}

async function usersPage(
  request: FastifyRequest,
  reply: FastifyReply,
  again?: { name: string; role: string; fault: string },
): Promise<string> {
  const site = siteOf(request)
  const { id, user } = sessionOf(request)
  const sessions = await findSessions(site.db, limitsOf(site))
  return await page(reply, {
    title: 'Users',
    section: 'users',
    body: html`<section><h2>Users</h2>
${userTable(await list.run(depsOf(request), userActor(request), {}), user.id)}</section>
<section><h2>Add a user</h2>
<p>Agents read tickets. Admins also run accounts, encryption and users.</p>
${again !== undefined && html`<p class="flash bad" role="alert">${again.fault}</p>`}
${form(
  reply,
  home,
  html`${field({ name: 'name', label: 'Name', value: again?.name ?? '', required: true, autocomplete: 'off' })}
<div class="field"><label for="field-role">Role</label><select id="field-role" name="role"><option value="agent">agent</option>
<option value="admin"${again?.role === 'admin' && html` selected`}>admin</option></select></div>
${newPassword('field-new')}<button class="main">Add user</button>`,
  { class: 'narrow' },
)}</section>
<section><h2>Who is signed in</h2>
${sessionTable(reply, sessions, { own: id, action: number => `${home}/sessions/${number}/end`, withNames: true })}</section>`,
  })
}

function newPassword(id: string): Html {
  return html`<div class="field"><label for="${id}">Password</label>
<input id="${id}" name="password" type="password" required autocomplete="new-password" aria-describedby="${id}-hint">
<p class="hint" id="${id}-hint">At least ${shortestPassword} characters. It can’t be shown again.</p></div>`
}

function userTable(users: readonly User[], own: number): Html {
  return table<User>({
    caption: 'Users',
    empty: 'There are none.',
    rows: users,
    columns: [
      { title: 'Name', cell: ({ name, id }) => html`${name} ${id === own && badge('you', 'good')}` },
      { title: 'Role', cell: ({ role }) => badge(role, role === 'admin' ? 'busy' : 'plain') },
      { title: 'Signed in', cell: ({ signedInAt }) => time(signedInAt) },
      {
        title: 'Change',
        cell: user =>
          html`<div class="actions"><a class="button" href="${home}/${user.id}" aria-label="Change ${user.name}">Change</a></div>`,
      },
    ],
  })
}

async function getShown(request: FastifyRequest): Promise<User> {
  const { id } = request.params as { id: string }
  const number = toId(id)
  const user = (await list.run(depsOf(request), userActor(request), {})).find(one => one.id === number)
  if (user === undefined) throw new NotFound()
  return user
}

export async function showUser(request: FastifyRequest, reply: FastifyReply): Promise<string> {
  return await userPage(request, reply, await getShown(request))
}

async function userPage(request: FastifyRequest, reply: FastifyReply, user: User, fault?: string): Promise<string> {
  const other: Role = user.role === 'admin' ? 'agent' : 'admin'
  const at = `${home}/${user.id}`
  return await page(reply, {
    title: user.name,
    section: 'users',
    body: html`<p>${badge(user.role, user.role === 'admin' ? 'busy' : 'plain')} since ${time(user.createdAt)}; last signed in: ${time(user.signedInAt)}</p>
${fault !== undefined && html`<p class="flash bad" role="alert">${fault}</p>`}
<section><h2>Set a new password</h2>${
      user.id === sessionOf(request).user.id
        ? html`<p><a href="/you">Change your own password</a> under your name, where you confirm it with the current one.</p>`
        : html`<p>This ends all sessions of ${user.name}.</p>
${form(reply, `${at}/password`, html`${newPassword('field-new')}<button>Set password</button>`, { class: 'narrow' })}`
    }</section>
<section><h2>Role</h2>
${actionButton(reply, `${at}/role`, `Make ${user.name} an ${other}`, { hidden: { role: other } })}</section>
<section><h2>Remove</h2><p>${user.name} can no longer sign in. The audit log keeps what ${user.name} did.</p>
${actionButton(reply, `${at}/remove`, `Remove ${user.name}`, { danger: true })}</section>
<p><a href="${home}">Back to Users</a></p>`,
  })
}

export async function addUser(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { name = '', role = '', password = '' } = fieldsOf(request.body)
  try {
    const given = { name, role: role as Role, password }
    const added = await add.run(depsOf(request), userActor(request), given)
    return await goTo(request, reply, home, { tone: 'good', text: `${added.name} can sign in now.` })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    reply.code(422)
    return await usersPage(request, reply, { name, role, fault: inSentences(error) })
  }
}

export async function setPassword(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const user = await getShown(request)
  const { password = '' } = fieldsOf(request.body)
  try {
    if (user.id === sessionOf(request).user.id) throw new Refusal(ownPassword)
    await passwd.run(depsOf(request), userActor(request), { user: user.id, password })
    return await goTo(request, reply, home, { tone: 'good', text: `${user.name} has a new password.` })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    reply.code(422)
    return await userPage(request, reply, user, inSentences(error))
  }
}

/** This form has no field for the current one. */
const ownPassword = 'change your own password under your name, where you confirm it with the current one'

export async function setRole(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { role = '' } = fieldsOf(request.body)
  return await change(request, reply, async user => {
    const set = await giveRole.run(depsOf(request), userActor(request), { user: user.id, role: role as Role })
    return `${user.name} is ${set.role === 'admin' ? 'an admin' : 'an agent'} now.`
  })
}

export async function removeUser(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return await change(request, reply, async user => {
    await remove.run(depsOf(request), userActor(request), { user: user.id })
    return `${user.name} was removed.`
  })
}

async function change(
  request: FastifyRequest,
  reply: FastifyReply,
  work: (user: User) => Promise<string>,
): Promise<unknown> {
  const user = await getShown(request)
  try {
    return await goTo(request, reply, home, { tone: 'good', text: await work(user) })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return await goTo(request, reply, home, { tone: 'bad', text: inSentences(error) })
  }
}

export async function endSession(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const session = toId((request.params as { id: string }).id)
  const ended = await end.run(depsOf(request), userActor(request), { session })
  if (ended === undefined) throw new NotFound()
  return await goTo(request, reply, home, { tone: 'good', text: `A session of ${ended.user} has ended.` })
}
