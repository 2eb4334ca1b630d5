// Parsing in threads, with a deadline a mail: no mail, however it is made, stops the daemon. A thread that does not answer in time, or
// dies, is replaced; the mail that it had in hand is at fault, the ones behind it are given to others. A thread that dies before it is
// ready condemns no mail: after a few of them the parser itself is at fault, and what waits is told so. Whose mail costs much waits for itself
// (parse-turns.ts).
import { Worker } from 'node:worker_threads'
import { MessageError } from '../../errors/errors.ts'
import type { ParsedMessage, SafeHtml, StorableMessage, WholeMessage } from '../../model/parsed-message.ts'
import type { MailAnswer, ParseAnswer, ParseRequest, Readings, ThreadData } from './answer-requests.ts'
import { type Bill, billAt, charged, mayCost, nextTurn } from './parse-turns.ts'

export interface ParsePoolOptions {
  threads: number
  /** For one mail. */
  deadlineMs: number
  /** What the threads run; tests give one that misbehaves on command. */
  script?: URL
}

export interface ParsePool extends AsyncDisposable {
  /**
   * Throws MessageError `message.parse_timeout` or `message.unparseable`. The bytes are copied, the caller keeps theirs. `account`: whose
   * mail it is; 0 for nobody's.
   */
  parse(source: Uint8Array, account?: number): Promise<ParsedMessage>
  /** The same for the database: its words are UTF-8, and are no strings in this thread. */
  parseForStore(source: Uint8Array, account?: number): Promise<StorableMessage>
  /** The HTML of a mail for somebody who waits for it: it comes before what is parsed for nobody in particular. null: the mail has none. */
  parseHtml(source: Uint8Array, account?: number): Promise<SafeHtml | null>
  /** The message and its HTML in one. */
  parseWhole(source: Uint8Array): Promise<WholeMessage>
}

export function openParsePool(options: ParsePoolOptions): ParsePool {
  return new ThreadPool(options)
}

interface Task {
  id: number
  wanted: keyof Readings
  account: number
  bytes: number
  source: Uint8Array
  resolve(made: Readings[keyof Readings]): void
  reject(error: Error): void
}

interface Thread {
  worker: Worker
  ready: boolean
  /** Given to the thread, in order. */
  group: Task[]
  /** Those of the group that are not answered. */
  tasks: Task[]
  /** Written by the thread: the place in the group of the mail that it parses. */
  inHand: Int32Array
  /** The place where it was last seen, and since when. */
  seen: { at: number; since: number }
  timer: NodeJS.Timeout | undefined
}

/** A hop between threads costs as much as a small mail, so several travel together. */
const groupMails = 16
/** So often within the deadline it is looked at which mail a thread has in hand. */
const looksPerDeadline = 8
const groupBytes = 524_288
const maxHeapMb = 512
/** Bills that are kept before those that are forgotten are looked for. */
const maxBills = 1_000
/** Small: what a mail needs dies with it, and every thread has its own. */
const maxYoungMb = 12
/** Threads in a row that die before they are ready. */
const maxFalseStarts = 3

class ThreadPool implements ParsePool {
  readonly #options: ParsePoolOptions
  readonly #threads = new Set<Thread>()
  readonly #bills = new Map<number, Bill>()
  #waiting: Task[] = []
  #nextId = 1
  #falseStarts = 0
  #isPumping = false
  #isClosed = false

  constructor(options: ParsePoolOptions) {
    this.#options = options
    this.#fill()
  }

  parse(source: Uint8Array, account = 0): Promise<ParsedMessage> {
    return this.#make('message', source, account)
  }

  parseForStore(source: Uint8Array, account = 0): Promise<StorableMessage> {
    return this.#make('stored', source, account)
  }

  parseHtml(source: Uint8Array, account = 0): Promise<SafeHtml | null> {
    return this.#make('html', source, account)
  }

  parseWhole(source: Uint8Array): Promise<WholeMessage> {
    return this.#make('whole', source, 0)
  }

  #make<W extends keyof Readings>(wanted: W, source: Uint8Array, account: number): Promise<Readings[W]> {
    if (this.#isClosed) return Promise.reject(new Error('the parser is closed'))
    return new Promise<Readings[keyof Readings]>((resolve, reject) => {
      this.#enqueue({ id: this.#nextId++, wanted, account, bytes: source.length, source, resolve, reject })
      this.#pumpSoon()
    }) as Promise<Readings[W]>
  }

  /** Readers wait before all others, in their own order. */
  #enqueue(task: Task): void {
    const place = task.wanted === 'html' ? this.#waiting.findIndex(({ wanted }) => wanted !== 'html') : -1
    if (place < 0) this.#waiting.push(task)
    else this.#waiting.splice(place, 0, task)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    const threads = [...this.#threads]
    this.#threads.clear()
    for (const { timer } of threads) clearTimeout(timer)
    const unanswered = [...threads.flatMap(thread => thread.tasks), ...this.#waiting]
    this.#waiting = []
    for (const task of unanswered) task.reject(new Error('the parser is closed'))
    await Promise.all(threads.map(thread => thread.worker.terminate()))
  }

  #fill(): void {
    while (this.#threads.size < this.#options.threads) this.#open()
  }

  #open(): void {
    const inHand = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
    const worker = new Worker(this.#options.script ?? new URL('./parse-thread.ts', import.meta.url), {
      workerData: { inHand } satisfies ThreadData,
      resourceLimits: {
        maxOldGenerationSizeMb: maxHeapMb,
        maxYoungGenerationSizeMb: maxYoungMb,
      },
      // Nothing prints; reading these would keep the process alive.
      stdout: true,
      stderr: true,
    })
    worker.unref()
    const seen = { at: 0, since: 0 }
    const thread: Thread = { worker, ready: false, group: [], tasks: [], inHand, seen, timer: undefined }
    this.#threads.add(thread)
    let fault: unknown
    worker.on('message', (answer: ParseAnswer) => this.#hear(thread, answer))
    worker.on('error', error => {
      fault = error
    })
    worker.on('exit', () => this.#bury(thread, fault))
  }

  /** Mails that come in one turn of the event loop are shared among the threads before any of them begins. */
  #pumpSoon(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    queueMicrotask(() => {
      this.#isPumping = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#isClosed || this.#waiting.length === 0) return
    this.#fill()
    // What is not ready yet is kept alive by what waits for it.
    for (const { worker, ready } of this.#threads) if (!ready) worker.ref()
    const idle = [...this.#threads].filter(thread => thread.ready && thread.tasks.length === 0)
    const share = Math.min(groupMails, Math.ceil(this.#waiting.length / Math.max(1, idle.length)))
    for (const thread of idle) this.#feed(thread, share)
  }

  #feed(thread: Thread, mails: number): void {
    const now = performance.now()
    const billOf = (account: number): number => billAt(this.#bills.get(account), now)
    const others = [...this.#threads].filter(other => other !== thread)
    const reserved = others.length > 0 && others.every(({ tasks }) => tasks.some(task => mayCost(task, billOf)))
    const turn = new Set(nextTurn(this.#waiting, { mails, bytes: groupBytes }, { billOf, reserved }))
    if (turn.size === 0) return
    thread.group = this.#waiting.filter((_, i) => turn.has(i))
    thread.tasks = [...thread.group]
    this.#waiting = this.#waiting.filter((_, i) => !turn.has(i))
    const request = toRequest(thread.group)
    thread.worker.ref()
    Atomics.store(thread.inHand, 0, 0)
    thread.seen = { at: 0, since: now }
    thread.worker.postMessage(request, [request.bytes])
    this.#watch(thread)
  }

  #hear(thread: Thread, heard: ParseAnswer): void {
    if ('ready' in heard) {
      thread.ready = true
      this.#falseStarts = 0
      thread.worker.unref()
      this.#pump()
      return
    }
    if (!this.#threads.has(thread)) return
    for (const answer of heard.answers) this.#settle(thread, answer)
    if (thread.tasks.length > 0) return
    clearTimeout(thread.timer)
    thread.worker.unref()
    this.#pump()
  }

  #settle(thread: Thread, answer: MailAnswer): void {
    const task = thread.tasks.shift()
    if (task?.id !== answer.id) return
    this.#charge(task, answer.ms)
    if ('made' in answer) task.resolve(answer.made)
    else task.reject(unparseable(answer.failed))
  }

  #charge({ account }: Task, ms: number): void {
    const now = performance.now()
    this.#bills.set(account, charged(this.#bills.get(account), ms, now))
    if (this.#bills.size <= maxBills) return
    for (const [other, old] of this.#bills) if (billAt(old, now) === 0) this.#bills.delete(other)
  }

  /** Replaces the thread once it has had one mail in hand for as long as the deadline. */
  #watch(thread: Thread): void {
    clearTimeout(thread.timer)
    thread.timer = setTimeout(() => {
      // Where it was our own loop that stood still, the answer is there by now and is heard first.
      setImmediate(() => {
        if (thread.tasks.length === 0 || !this.#threads.has(thread)) return
        const now = performance.now()
        const at = Atomics.load(thread.inHand, 0)
        if (at !== thread.seen.at) thread.seen = { at, since: now }
        if (now - thread.seen.since >= this.#options.deadlineMs) this.#replace(thread, late(this.#options.deadlineMs))
        else this.#watch(thread)
      })
    }, this.#options.deadlineMs / looksPerDeadline)
  }

  #bury(thread: Thread, fault: unknown): void {
    if (!this.#threads.has(thread)) return
    if (thread.ready) {
      this.#replace(thread, unparseable('the parser died on it', fault))
      return
    }
    this.#threads.delete(thread)
    this.#falseStarts += 1
    if (this.#falseStarts < maxFalseStarts) {
      this.#fill()
      this.#pump()
      return
    }
    this.#falseStarts = 0
    for (const task of this.#waiting.splice(0)) task.reject(new Error('the parser does not start', { cause: fault }))
  }

  /** The mail in hand is at fault; the others that are not answered wait again, first in the line. */
  #replace(thread: Thread, fault: MessageError): void {
    if (!this.#threads.delete(thread)) return
    clearTimeout(thread.timer)
    void thread.worker.terminate()
    const inHand = thread.group[Atomics.load(thread.inHand, 0)]
    this.#waiting.unshift(...thread.tasks.filter(task => task !== inHand))
    if (inHand !== undefined && thread.tasks.includes(inHand)) {
      this.#charge(inHand, performance.now() - thread.seen.since)
      inHand.reject(fault)
    }
    this.#fill()
    this.#pump()
  }
}

/** One tight copy: a view of a larger buffer would take all of that along. */
function toRequest(tasks: readonly Task[]): ParseRequest {
  const joined = Buffer.allocUnsafeSlow(tasks.reduce((sum, { source }) => sum + source.length, 0))
  let offset = 0
  for (const { source } of tasks) {
    joined.set(source, offset)
    offset += source.length
  }
  return {
    mails: tasks.map(({ id, wanted, source }) => ({ id, wanted, length: source.length })),
    bytes: joined.buffer,
  }
}

function late(deadlineMs: number): MessageError {
  return new MessageError('message.parse_timeout', { withinMs: deadlineMs })
}

function unparseable(why: string, cause?: unknown): MessageError {
  return new MessageError('message.unparseable', { why }, { cause })
}
