// The inside of a parsing thread: it says when it is ready; mails come in groups, and their answers travel together, because a hop between threads
// costs as much as a small mail. Which mail is in hand stands in shared memory: a thread that hangs or dies says nothing any more. The words of a
// mail that goes to the database travel as UTF-8 in a buffer that changes hands, so that no other thread turns them into strings.
import { parentPort, workerData } from 'node:worker_threads'
import type { ParsedMessage, SafeHtml, StorableMessage, WholeMessage } from '../../model/parsed-message.ts'

/** What can be made of a mail: what a program reads, what goes to the database, what a reader sees, the first and the third in one. */
export interface Readings {
  message: ParsedMessage
  stored: StorableMessage
  html: SafeHtml | null
  whole: WholeMessage
}

/** What makes them; the words of `stored` are encoded here. */
export type Makers = {
  [W in keyof Readings]: (source: Buffer) => Promise<W extends 'stored' ? ParsedMessage : Readings[W]>
}

/** Mails one after another in `bytes`. */
export interface ParseRequest {
  mails: { id: number; wanted: keyof Readings; length: number }[]
  bytes: ArrayBuffer
}

/** `ms`: what the mail took. */
export type MailAnswer = { id: number; ms: number } & ({ made: Readings[keyof Readings] } | { failed: string })

export type ParseAnswer = { ready: true } | { answers: MailAnswer[] }

/** `inHand`: the place in its group of the mail that is being parsed. */
export interface ThreadData {
  inHand: Int32Array
}

/** What was parsed waits so long for the rest of its group. */
const holdAnswersMs = 10

/** Parses what comes, until the thread is ended. */
export function answerRequests(makers: Makers): void {
  const { inHand } = workerData as ThreadData
  parentPort?.on('message', async ({ mails, bytes }: ParseRequest) => {
    const group = { answers: [] as MailAnswer[], since: performance.now() }
    let offset = 0
    for (const [i, { id, wanted, length }] of mails.entries()) {
      Atomics.store(inHand, 0, i)
      const startedAt = performance.now()
      const made = await make(makers, wanted, Buffer.from(bytes, offset, length))
      offset += length
      const now = performance.now()
      group.answers.push({ id, ms: now - startedAt, ...made })
      if (i < mails.length - 1 && now - group.since < holdAnswersMs) continue
      post(group.answers)
      group.answers = []
      group.since = now
    }
    // Given back at once: the collector would let it grow.
    bytes.transfer(0)
  })
  parentPort?.postMessage({ ready: true } satisfies ParseAnswer)
}

async function make(
  makers: Makers,
  wanted: keyof Readings,
  source: Buffer,
): Promise<{ made: Readings[keyof Readings] } | { failed: string }> {
  try {
    if (wanted === 'stored') return { made: encoded(await makers.stored(source)) }
    return { made: await makers[wanted](source) }
  } catch (error) {
    const { cause } = error as Error
    return { failed: cause instanceof Error ? cause.name : 'unknown' }
  }
}

const utf8 = new TextEncoder()

/** Each in a buffer of its own. */
function encoded(message: ParsedMessage): StorableMessage {
  const { text, reply } = message
  return { ...message, text: utf8.encode(text), reply: reply === text ? null : utf8.encode(reply) }
}

function post(answers: MailAnswer[]): void {
  const buffers: ArrayBuffer[] = []
  for (const answer of answers) if ('made' in answer) buffers.push(...buffersOf(answer.made))
  parentPort?.postMessage({ answers } satisfies ParseAnswer, buffers)
}

/** Those that change hands with the answer. */
function buffersOf(made: Readings[keyof Readings]): ArrayBuffer[] {
  if (made === null || !('text' in made)) return []
  return [made.text, made.reply].flatMap(words => (words instanceof Uint8Array ? [words.buffer as ArrayBuffer] : []))
}
