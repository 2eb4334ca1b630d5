// The inside of a parsing thread: it says when it is ready; mails come in groups and go back one by one.
import { parentPort } from 'node:worker_threads'
import type { ParsedMessage, SafeHtml, WholeMessage } from '../../model/parsed-message.ts'
import { parseHtml, parseMessage, parseWhole } from '../parse-message.ts'

/** What can be made of a mail: what is stored, what a reader sees, both. */
export interface Readings {
  message: ParsedMessage
  html: SafeHtml | null
  whole: WholeMessage
}

/** Mails one after another in `bytes`. */
export interface ParseRequest {
  mails: { id: number; wanted: keyof Readings; length: number }[]
  bytes: ArrayBuffer
}

export type ParseAnswer =
  | { ready: true }
  | { id: number; made: Readings[keyof Readings] }
  | { id: number; failed: string }

parentPort?.on('message', async ({ mails, bytes }: ParseRequest) => {
  let offset = 0
  for (const { id, wanted, length } of mails) {
    parentPort?.postMessage(await answer(id, wanted, Buffer.from(bytes, offset, length)))
    offset += length
  }
})
parentPort?.postMessage({ ready: true } satisfies ParseAnswer)

const make = { message: parseMessage, html: parseHtml, whole: parseWhole }

async function answer(id: number, wanted: keyof Readings, source: Buffer): Promise<ParseAnswer> {
  try {
    return { id, made: await make[wanted](source) }
  } catch (error) {
    const { cause } = error as Error
    return { id, failed: cause instanceof Error ? cause.name : 'unknown' }
  }
}
