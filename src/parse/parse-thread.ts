// The inside of a parsing thread: mails come in groups and go back one by one.
import { parentPort } from 'node:worker_threads'
import { parseMessage } from './parse-message.ts'
import type { ParsedMessage } from './parsed-message.ts'

export interface ParseRequest {
  mails: { id: number; source: Uint8Array }[]
}

export type ParseAnswer = { id: number; message: ParsedMessage } | { id: number; failed: string }

parentPort?.on('message', async ({ mails }: ParseRequest) => {
  for (const { id, source } of mails) parentPort?.postMessage(await answer(id, source))
})

async function answer(id: number, source: Uint8Array): Promise<ParseAnswer> {
  try {
    const bytes = Buffer.from(source.buffer, source.byteOffset, source.byteLength)
    return { id, message: await parseMessage(bytes) }
  } catch (error) {
    return { id, failed: error instanceof Error ? error.name : 'unknown' }
  }
}
