// Who may: checked for every request before its page is asked. Whoever is not signed in and looks at something is brought back to it after
// the sign-in; whoever would change something is refused.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { failurePage } from '../failures.ts'
import { type Route, routes } from '../routes.ts'
import { comesFromHere } from './csrf.ts'
import { readSession } from './session.ts'

export function addRoutes(server: FastifyInstance): void {
  server.decorateRequest('session', null)
  for (const route of routes) addRoute(server, route)
}

function addRoute(server: FastifyInstance, { method, path, who, answer, ownPolicy, bodyLimit }: Route): void {
  server.route({
    method,
    url: path,
    ...(ownPolicy === true ? { helmet: { contentSecurityPolicy: false } } : {}),
    ...(bodyLimit === undefined ? {} : { bodyLimit }),
    onRequest: async (request, reply) => {
      await readSession(request)
      return await refuse(request, reply, who)
    },
    ...(method === 'POST' ? { preValidation: [refuseForeign, server.csrfProtection] } : {}),
    handler: answer,
  })
}

/** Sends the refusal, or nothing where it is allowed. */
async function refuse(request: FastifyRequest, reply: FastifyReply, who: Route['who']): Promise<unknown> {
  if (who === 'public') return undefined
  if (request.session === null) {
    if (request.method === 'POST') return reply.send(await failurePage(reply, 403))
    const to = request.url === '/' ? '' : `?to=${encodeURIComponent(request.url)}`
    return reply.redirect(`/sign-in${to}`, 303)
  }
  if (who === 'admin' && request.session.user.role !== 'admin') return reply.send(await failurePage(reply, 403))
  return undefined
}

async function refuseForeign(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return comesFromHere(request) ? undefined : reply.send(await failurePage(reply, 403))
}
