// What cannot be shown, in words and without a detail that is for the operator alone: that is in the log.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Failure } from '../errors/catalogue.ts'
import { sentence } from '../errors/entry.ts'
import { IngestError, OperationError, type OperationErrorCode, Refusal } from '../errors/errors.ts'
import { hintForPage } from '../errors/hints.ts'
import { InputError, NotAllowed } from '../operations/operation.ts'
import { html } from './layout/html.ts'
import { page } from './layout/layout.ts'
import { hintText, prose } from './layout/parts.ts'

/** Thrown by a page: what was asked for is not there. */
export class NotFound extends Error {
  override readonly name = 'NotFound'
}

interface Words {
  title: string
  text: string
}

const words: Record<number, Words> = {
  400: { title: 'Invalid request', text: 'The server could not understand this request. Go back and try again.' },
  403: {
    title: 'Not allowed',
    text: 'You are not allowed to do this. If you submitted a form, it may have been open for too long: go back, reload the page and submit it again.',
  },
  404: { title: 'Not found', text: 'This page does not exist, or what it showed has been removed.' },
  413: { title: 'Too large', text: 'The request is too large for this form.' },
  415: { title: 'Invalid request', text: 'The request is not a form submission.' },
  421: {
    title: 'Unknown host name',
    text: 'This server does not answer to this host name. An admin can add it to web.hosts in the configuration.',
  },
  429: {
    title: 'Too many requests',
    text: 'You sent too many requests in a short time. Wait a few minutes and try again.',
  },
  500: {
    title: 'Something went wrong',
    text: 'This is a bug in Letterlock; the log on the server has the details. Your change may or may not have been saved: check before you repeat it.',
  },
  503: {
    title: 'Not available right now',
    text: 'The server is starting, or a service it needs does not answer. It retries automatically: reload this page in a moment.',
  },
}

/** Sends a page of failure. */
export async function failurePage(reply: FastifyReply, status: number, text?: string): Promise<string> {
  const { title, text: usual } = words[status] ?? (words[status >= 500 ? 500 : 400] as Words)
  reply.code(status)
  return await page(reply, {
    title,
    body: html`<p>${prose(text ?? usual)}</p><p><a href="/">Go to the start page</a></p>`,
  })
}

export function addFailures(server: FastifyInstance): void {
  server.setNotFoundHandler(async (_request, reply) => await failurePage(reply, 404))
  server.setErrorHandler(async (error: FastifyError, request, reply) => {
    const status = statusOf(error)
    if (status >= 500) note(request, error, status)
    // Headers that a page set before it failed (a type, a name for a download) are not those of this one.
    for (const name of ['content-disposition', 'content-length', 'content-encoding']) reply.removeHeader(name)
    return await failurePage(reply, status, error instanceof Refusal ? inSentences(error) : undefined)
  })
}

function statusOf(error: FastifyError): number {
  if (error instanceof NotFound) return 404
  if (error instanceof NotAllowed) return 403
  if (error instanceof InputError) return 422
  if (error instanceof OperationError) return error.status
  if (error instanceof Refusal) return 409
  if (error instanceof IngestError) return error.temporary ? 503 : 500
  const { statusCode = 500 } = error
  return statusCode >= 400 && statusCode < 600 ? statusCode : 500
}

/** Why an operation was refused, in sentences; it names no secret. */
export function inSentences(error: Refusal): string {
  if (error instanceof OperationError) return hintText(hintForPage(error as Failure<OperationErrorCode>))
  return [sentence(error.message), sentence(error.hint ?? '')].filter(Boolean).join(' ')
}

export { sentence }

function note(request: FastifyRequest, error: Error, status: number): void {
  request.server.site?.log.error(
    { event: 'web', method: request.method, route: request.routeOptions.url, status, error },
    'a page failed',
  )
}
