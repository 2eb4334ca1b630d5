// The queues as Bull Board shows them, to look at: nothing can be changed there. Loaded when somebody asks for it. It is somebody else's
// page and needs JavaScript and styles of its own, so it is answered under a policy of its own, which lets nothing in from elsewhere.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { siteOf } from '../../site.ts'

export async function showQueue(_request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  return reply.redirect('/server/queue/', 303)
}

export async function showBoard(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { answerBoard } = await import('./queue-board.ts')
  reply.header('content-security-policy', policy)
  return await answerBoard(siteOf(request), request, reply)
}

/** Its page has styles inside; nothing inside it is run. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'self'",
  "frame-ancestors 'none'",
].join('; ')
