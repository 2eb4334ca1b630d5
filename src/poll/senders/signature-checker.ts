// Our own check of signatures, in a thread of its own that starts with the first mail that needs it. Ingest never waits longer than the
// deadline: a mail that is not checked by then, or for which there is no room, goes on without a check. While the DNS does not answer, nothing
// is checked, and every now and then one mail tries again.
import { Worker } from 'node:worker_threads'
import type { SignatureCheck } from '../../model/sender-verdict.ts'
import type { CheckAnswer, CheckRequest, CheckThreadData } from './check-thread.ts'

export interface SignatureChecker extends AsyncDisposable {
  /** Domains whose ARC seals are believed. */
  readonly sealers: readonly string[]
  /** Null: it could not be checked in time. Never throws. */
  check(source: Uint8Array, from: string): Promise<SignatureCheck | null>
}

export interface SignatureCheckerOptions {
  sealers: readonly string[]
  /** Empty: those of the system. */
  dnsServers: readonly string[]
  /** A mail waits so long for its check. */
  deadlineMs: number
  /** Told when the DNS falls silent, and when it answers again. */
  onDns(state: 'answers' | 'silent'): void
}

export function openSignatureChecker(options: SignatureCheckerOptions): SignatureChecker {
  return new ThreadedChecker(options)
}

/** Mails that may be in the thread, and their bytes: they are copied. */
const maxInHand = 200
const maxBytesInHand = 33_554_432
/** A larger mail is not checked. */
const maxBytes = 16_777_216
/** So many mails in a row without an answer of the DNS: it is not reachable. */
const maxSilent = 3
/** So long until one mail tries again. */
const restMs = 60_000
/** The thread answers within the deadline, unless a mail keeps it busy: then it is ended. */
const stuckAfterDeadlines = 3

interface InHand {
  bytes: number
  resolve(check: SignatureCheck | null): void
  timers: NodeJS.Timeout[]
}

class ThreadedChecker implements SignatureChecker {
  readonly sealers: readonly string[]
  readonly #options: SignatureCheckerOptions
  readonly #inHand = new Map<number, InHand>()
  #worker: Worker | undefined
  #nextId = 1
  #bytes = 0
  #silent = 0
  #restsUntil = 0
  #isClosed = false

  constructor(options: SignatureCheckerOptions) {
    this.#options = options
    this.sealers = options.sealers
  }

  check(source: Uint8Array, from: string): Promise<SignatureCheck | null> {
    if (!this.#hasRoom(source.length)) return Promise.resolve(null)
    const id = this.#nextId++
    const { deadlineMs } = this.#options
    this.#bytes += source.length
    return new Promise(resolve => {
      const timers = [
        setTimeout(() => resolve(null), deadlineMs),
        setTimeout(() => this.#restart(), deadlineMs * stuckAfterDeadlines).unref(),
      ]
      this.#inHand.set(id, { bytes: source.length, resolve, timers })
      const request = { id, source, from, sealers: this.sealers, deadlineMs } satisfies CheckRequest
      this.#thread().postMessage(request)
    })
  }

  #hasRoom(bytes: number): boolean {
    if (this.#isClosed || bytes > maxBytes) return false
    if (this.#silent >= maxSilent) {
      if (performance.now() < this.#restsUntil) return false
      this.#restsUntil = performance.now() + restMs
    }
    return this.#inHand.size < maxInHand && this.#bytes + bytes <= maxBytesInHand
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const { dnsServers } = this.#options
    const worker = new Worker(new URL('./check-thread.ts', import.meta.url), {
      workerData: { dnsServers } satisfies CheckThreadData,
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
      stdout: true,
      stderr: true,
    })
    worker.unref()
    worker.on('message', (answer: CheckAnswer) => this.#hear(answer))
    // A thread that dies takes what it has in hand with it; the next mail starts another.
    worker.on('error', () => {})
    worker.on('exit', () => {
      if (this.#worker === worker) this.#release()
    })
    this.#worker = worker
    return worker
  }

  #hear({ id, check, dns }: CheckAnswer): void {
    this.#settle(id, check)
    if (dns !== null) this.#noteDns(dns)
  }

  #noteDns(state: 'answers' | 'silent'): void {
    const before = this.#silent >= maxSilent
    this.#silent = state === 'answers' ? 0 : this.#silent + 1
    const after = this.#silent >= maxSilent
    if (after) this.#restsUntil = performance.now() + restMs
    if (before !== after) this.#options.onDns(after ? 'silent' : 'answers')
  }

  #settle(id: number, check: SignatureCheck | null): void {
    const mail = this.#inHand.get(id)
    if (mail === undefined) return
    this.#inHand.delete(id)
    this.#bytes -= mail.bytes
    for (const timer of mail.timers) clearTimeout(timer)
    mail.resolve(check)
  }

  #restart(): void {
    const worker = this.#worker
    this.#release()
    void worker?.terminate()
  }

  #release(): void {
    this.#worker = undefined
    for (const id of [...this.#inHand.keys()]) this.#settle(id, null)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    const worker = this.#worker
    this.#release()
    await worker?.terminate()
  }
}

const maxHeapMb = 256
