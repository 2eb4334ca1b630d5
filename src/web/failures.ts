// What cannot be shown, in words and without a detail that is for the operator alone: that is in the log.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { CommandError, IngestError } from '../errors/errors.ts'
import { InputError, NotAllowed } from '../operations/operation.ts'
import { html } from './layout/html.ts'
import { page } from './layout/layout.ts'
import { prose } from './layout/parts.ts'

/** Thrown by a page: what was asked for is not there. */
export class NotFound extends Error {
  override readonly name = 'NotFound'
}

interface Words {
  title: string
  text: string
}

const words: Record<number, Words> = {
  400: { title: 'That cannot be read', text: 'What the browser sent makes no sense here. Go back and try it again.' },
  403: {
    title: 'Not allowed',
    text: 'You may not do this. If it was a form, it may have been open for too long: go back, load the page again, and repeat it.',
  },
  404: { title: 'Not found', text: 'There is no such page, or what it showed is gone.' },
  413: { title: 'Too large', text: 'That is more than this form takes.' },
  415: { title: 'That cannot be read', text: 'What the browser sent is not a form.' },
  421: {
    title: 'Another name',
    text: 'This server does not answer to that name. An admin can set the names under which it is reached: web.hosts in its configuration.',
  },
  429: { title: 'Too many requests', text: 'That was too much in a short time. Wait a few minutes and try again.' },
  500: {
    title: 'Something went wrong',
    text: 'This is a fault of Letterlock. The log on the server says more. What you did may or may not have happened: look before you repeat it.',
  },
  503: {
    title: 'Not available right now',
    text: 'The server is starting, or something that it needs does not answer. It tries again by itself: load this page again in a moment.',
  },
}

/** Sends a page of failure. */
export async function failurePage(reply: FastifyReply, status: number, text?: string): Promise<string> {
  const { title, text: usual } = words[status] ?? (words[status >= 500 ? 500 : 400] as Words)
  reply.code(status)
  return await page(reply, {
    title,
    body: html`<p>${prose(text ?? usual)}</p><p><a href="/">To the start page</a></p>`,
  })
}

export function addFailures(server: FastifyInstance): void {
  server.setNotFoundHandler(async (_request, reply) => await failurePage(reply, 404))
  server.setErrorHandler(async (error: FastifyError, request, reply) => {
    const status = statusOf(error)
    if (status >= 500) note(request, error, status)
    // Headers that a page set before it failed (a type, a name for a download) are not those of this one.
    for (const name of ['content-disposition', 'content-length', 'content-encoding']) reply.removeHeader(name)
    return await failurePage(reply, status, error instanceof CommandError ? inSentences(error) : undefined)
  })
}

function statusOf(error: FastifyError): number {
  if (error instanceof NotFound) return 404
  if (error instanceof NotAllowed) return 403
  if (error instanceof InputError) return 422
  if (error instanceof CommandError) return 409
  if (error instanceof IngestError) return error.temporary ? 503 : 500
  const { statusCode = 500 } = error
  return statusCode >= 400 && statusCode < 600 ? statusCode : 500
}

/** What a command would say: it was written for people, and names no secret. */
export function inSentences({ message, hint }: CommandError): string {
  return sentence(hint === undefined ? message : `${message}: ${hint}`)
}

export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}

function note(request: FastifyRequest, error: Error, status: number): void {
  request.server.site?.log.error(
    { event: 'web', method: request.method, route: request.routeOptions.url, status, error },
    'a page failed',
  )
}
