// What the thread runs that checks signatures. It answers within the deadline that comes with a mail, whatever the DNS does.
import { parentPort, workerData } from 'node:worker_threads'
import type { SignatureCheck } from '../../model/sender-verdict.ts'
import { createCachedDns } from './cached-dns.ts'
import { checkSignatures } from './check-signatures.ts'

export interface CheckRequest {
  id: number
  source: Uint8Array
  from: string
  sealers: readonly string[]
  deadlineMs: number
}

export interface CheckAnswer {
  id: number
  /** Null: it could not be checked. */
  check: SignatureCheck | null
  /** Whether the DNS answered; null: it was not asked. */
  dns: 'answers' | 'silent' | null
}

export interface CheckThreadData {
  dnsServers: readonly string[]
}

const { dnsServers } = workerData as CheckThreadData
const dns = createCachedDns(dnsServers, () => performance.now())

parentPort?.on('message', async ({ id, source, deadlineMs, ...mail }: CheckRequest) => {
  const asked = dns.forMail(AbortSignal.timeout(deadlineMs))
  const signed = { ...mail, source: Buffer.from(source.buffer, source.byteOffset, source.byteLength) }
  const check = await checkSignatures(signed, asked.resolve).catch(() => null)
  const answer = { id, check, dns: asked.heard ? 'answers' : asked.silent ? 'silent' : null } satisfies CheckAnswer
  parentPort?.postMessage(answer)
})
