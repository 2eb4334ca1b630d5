// The bytes of an attachment, while others go on: where they lie at a place in the mail they are read at once; where the whole mail must
// be parsed again for them, a thread of their own does it, with a deadline.
import { Worker } from 'node:worker_threads'
import { MessageError } from '../../errors/errors.ts'
import type { Attachment } from '../../model/parsed-message.ts'
import { attachmentBytes } from '../parse-message.ts'
import type { CutRequest } from './attachment-thread.ts'

const maxHeapMb = 512

/** Throws MessageError `message.parse_timeout`, or `message.unparseable` where they are not what they were. */
export async function cutAttachment(
  source: Buffer,
  attachment: Pick<Attachment, 'part' | 'sha256'>,
  deadlineMs: number,
): Promise<Buffer> {
  if (attachment.part !== null) return await attachmentBytes(source, attachment)
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const worker = new Worker(new URL('./attachment-thread.ts', import.meta.url), {
    workerData: { source, sha256: attachment.sha256 } satisfies CutRequest,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    stdout: true,
    stderr: true,
  })
  worker.once('message', (bytes: Uint8Array) => resolve(Buffer.from(bytes)))
  worker.once('error', cause => reject(failed('it cannot be found in the mail again', cause)))
  worker.once('exit', () => reject(failed('its thread ended')))
  const timer = setTimeout(
    () => reject(new MessageError('message.parse_timeout', { reason: 'attachment', withinMs: deadlineMs })),
    deadlineMs,
  )
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}

function failed(why: string, cause?: unknown): MessageError {
  return new MessageError('message.unparseable', { reason: 'attachment', why }, { cause })
}
