// The inside of a thread that parses one mail again to cut one attachment out of it.
import { parentPort, workerData } from 'node:worker_threads'
import { attachmentBytes } from '../parse-message.ts'

export interface CutRequest {
  source: Uint8Array
  sha256: string
}

const { source, sha256 } = workerData as CutRequest
parentPort?.postMessage(await attachmentBytes(Buffer.from(source), { part: null, sha256 }))
