// The inside of a parsing thread: it says when it is ready; mails come in groups and go back one by one.
import { parentPort } from 'node:worker_threads'
import type { ParsedMessage } from '../../model/parsed-message.ts'
import { parseMessage } from '../parse-message.ts'

/** Mails one after another in `bytes`. */
export interface ParseRequest {
  mails: { id: number; length: number }[]
  bytes: ArrayBuffer
}

export type ParseAnswer = { ready: true } | { id: number; message: ParsedMessage } | { id: number; failed: string }

parentPort?.on('message', async ({ mails, bytes }: ParseRequest) => {
  let offset = 0
  for (const { id, length } of mails) {
    parentPort?.postMessage(await answer(id, Buffer.from(bytes, offset, length)))
    offset += length
  }
})
parentPort?.postMessage({ ready: true } satisfies ParseAnswer)

async function answer(id: number, source: Buffer): Promise<ParseAnswer> {
  try {
    return { id, message: await parseMessage(source) }
  } catch (error) {
    const { cause } = error as Error
    return { id, failed: cause instanceof Error ? cause.name : 'unknown' }
  }
}
