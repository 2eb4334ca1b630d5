// A parsing thread that misbehaves on command: a mail with HANG in it never ends, one with DIE takes the thread along, one with THROW is
// answered with a failure. Everything else it parses as the real one does.
import { parentPort } from 'node:worker_threads'
import { parseHtml, parseMessage } from '../../src/parse/parse-message.ts'
import type { ParseRequest } from '../../src/parse/pool/parse-thread.ts'

parentPort?.on('message', async ({ mails, bytes }: ParseRequest) => {
  let offset = 0
  for (const { id, wanted, length } of mails) {
    const source = Buffer.from(bytes, offset, length)
    offset += length
    for (; source.includes('HANG'); );
    if (source.includes('DIE')) process.exit(1)
    if (source.includes('THROW')) parentPort?.postMessage({ id, failed: 'RangeError' })
    else parentPort?.postMessage({ id, made: await (wanted === 'html' ? parseHtml(source) : parseMessage(source)) })
  }
})
parentPort?.postMessage({ ready: true })
