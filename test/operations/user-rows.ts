import { addUser, endSession, listUsers, removeUser, setPassword, setRole } from '../../src/operations/users.ts'
import { insertSession } from '../../src/store/people/sessions.ts'
import { webPassword } from '../support/web.ts'
import { agentId, type Row, type Scene } from './scene.ts'

const oneUser = async ({ addUser: add }: Scene): Promise<object> => ({ user: await add() })
const ofPages = { none: 'sessions are of browsers; `user passwd` and `user remove` end all of a user' }
let names = 0

export const userRows: readonly Row[] = [
  {
    operation: listUsers,
    command: { name: 'user list', fields: {} },
    web: { route: 'GET /server/users' },
    input: () => ({}),
    audits: [],
  },
  {
    operation: addUser,
    command: {
      name: 'user add',
      fields: {
        name: '<name>',
        role: '--admin',
        password: '--password-stdin',
        first: 'for the link of the first start',
      },
    },
    web: { route: 'POST /server/users' },
    input: () => ({ name: `new-${++names}`, password: webPassword }),
  },
  {
    operation: setPassword,
    command: {
      name: 'user passwd',
      fields: { user: '<name>', password: '--password-stdin', current: 'who has the server needs no password for it' },
    },
    web: { route: 'POST /you/password' },
    // Of the agent: by a command, by an admin, and by the agent, who gives the current one.
    input: () => ({ user: agentId, password: webPassword, current: webPassword }),
  },
  {
    operation: setRole,
    command: { none: 'a command adds users with their role; a page changes it' },
    web: { route: 'POST /server/users/:id/role' },
    input: async scene => ({ ...(await oneUser(scene)), role: 'admin' }),
  },
  {
    operation: removeUser,
    command: { name: 'user remove', fields: { user: '<name>' } },
    web: { route: 'POST /server/users/:id/remove' },
    input: oneUser,
  },
  {
    operation: endSession,
    command: ofPages,
    web: { route: 'POST /you/sessions/:id/end' },
    async input({ deps: { db } }) {
      await insertSession(db, { userId: agentId, address: '127.0.0.1', agent: 'a browser' }, { idleHours: 1, days: 1 })
      return { session: (await db('sessions').max({ id: 'id' }).first())?.id }
    },
  },
]
