// Tells an open page that it has changed (server-sent events); the browser then fetches the page again and replaces what is marked
// (assets/live.js). Nothing of the page goes this way, so there is one way to show it. A page without JavaScript loads itself again
// (`refreshSeconds`), or is loaded again by its reader.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isSessionAlive } from '../store/people/sessions.ts'
import { limitsOf, sessionOf, siteOf } from './site.ts'

const lookEveryMs = 1_000
/** Longer silence is taken for a dead connection by some proxies. */
const heartbeatEvery = 15
/** Then the browser asks again by itself. */
const maxLooks = 600
const maxOpen = 200
const open = new Set<object>()

/**
 * Answers with a stream: `changed` whenever `look` has another answer than before. It ends with the session.
 * `return await tellChanges(request, reply, async () => String(await countTickets(db)))`
 */
export async function tellChanges(
  request: FastifyRequest,
  reply: FastifyReply,
  look: () => Promise<string>,
): Promise<FastifyReply> {
  // 204: the browser does not ask again.
  if (open.size >= maxOpen || request.method === 'HEAD') return reply.code(204).send()
  const before = await look()
  reply.hijack()
  reply.raw.writeHead(200, { ...plainHeaders(reply), 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
  const stream = {}
  open.add(stream)
  try {
    await follow(request, reply, look, before)
  } catch (error) {
    request.server.site?.log.debug({ event: 'web', error }, 'a stream ended')
  } finally {
    open.delete(stream)
    reply.raw.end()
  }
  return reply
}

function plainHeaders(reply: FastifyReply): Record<string, string> {
  const pairs = Object.entries(reply.getHeaders()).filter(
    (pair): pair is [string, string] => typeof pair[1] === 'string',
  )
  return { ...Object.fromEntries(pairs), 'cache-control': 'no-store' }
}

async function follow(
  request: FastifyRequest,
  reply: FastifyReply,
  look: () => Promise<string>,
  first: string,
): Promise<void> {
  const site = siteOf(request)
  const session = sessionOf(request)
  let before = first
  reply.raw.write('retry: 3000\n\n')
  for (let looks = 1; looks <= maxLooks && (await isStillThere(reply)); looks++) {
    if (!(await isSessionAlive(site.db, session, limitsOf(site)))) return
    const now = await look()
    if (now !== before) reply.raw.write('event: changed\ndata: \n\n')
    else if (looks % heartbeatEvery === 0) reply.raw.write(':\n\n')
    before = now
  }
}

/** Waits for the next look. */
async function isStillThere({ raw }: FastifyReply): Promise<boolean> {
  if (raw.destroyed) return false
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, lookEveryMs)
  raw.once('close', resolve)
  await promise
  clearTimeout(timer)
  raw.off('close', resolve)
  return !raw.destroyed
}
