// Parsing in threads, with a deadline a mail: no mail, however it is made, stops the daemon. A thread that does not answer in time, or
// dies, is replaced; the mail that it had in hand is at fault, the ones behind it are given to others.
import { Worker } from 'node:worker_threads'
import { MessageError } from '../errors.ts'
import type { ParseAnswer, ParseRequest } from './parse-thread.ts'
import type { ParsedMessage } from './parsed-message.ts'

export interface ParsePoolOptions {
  threads: number
  /** For one mail. */
  deadlineMs: number
}

export interface ParsePool extends AsyncDisposable {
  /** Throws MessageError `message.parse_timeout` or `message.unparseable`. The bytes are copied, the caller keeps his. */
  parse(source: Uint8Array): Promise<ParsedMessage>
}

interface Task {
  id: number
  source: Uint8Array
  resolve(message: ParsedMessage): void
  reject(error: Error): void
}

interface Thread {
  worker: Worker
  /** Given to the thread, in order; the first is in hand. */
  tasks: Task[]
  timer: NodeJS.Timeout | undefined
}

/** A hop between threads costs as much as a small mail, so several travel together. */
const groupMails = 8
const groupBytes = 262_144
const maxHeapMb = 512
/** Small: what a mail needs dies with it, and every thread has its own. */
const maxYoungMb = 12

export function openParsePool(options: ParsePoolOptions): ParsePool {
  const waiting: Task[] = []
  const threads = new Set<Thread>()
  let nextId = 1
  let closed = false

  const open = (): void => {
    const worker = new Worker(new URL('./parse-thread.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb, maxYoungGenerationSizeMb: maxYoungMb },
      stdout: true,
      stderr: true,
    })
    worker.unref()
    const thread: Thread = { worker, tasks: [], timer: undefined }
    threads.add(thread)
    worker.on('message', (answer: ParseAnswer) => finish(thread, answer))
    worker.on('error', () => {})
    worker.on('exit', () => replace(thread, unparseable('the parser died on it')))
    feed(thread)
  }

  const feed = (thread: Thread): void => {
    if (thread.tasks.length > 0 || waiting.length === 0) return
    thread.tasks = takeGroup(waiting)
    const request: ParseRequest = { mails: thread.tasks.map(({ id, source }) => ({ id, source })) }
    thread.worker.ref()
    thread.worker.postMessage(request)
    arm(thread)
  }

  const arm = (thread: Thread): void => {
    clearTimeout(thread.timer)
    if (thread.tasks.length === 0) {
      thread.worker.unref()
      return
    }
    thread.timer = setTimeout(() => {
      const late = new MessageError('message.parse_timeout', `a mail was not parsed within ${options.deadlineMs} ms`, {
        hint: 'its original is kept: `letterlock quarantine export` writes it to a file',
      })
      replace(thread, late)
    }, options.deadlineMs)
  }

  const finish = (thread: Thread, answer: ParseAnswer): void => {
    const [task] = thread.tasks
    if (task?.id !== answer.id) return
    thread.tasks.shift()
    if ('message' in answer) task.resolve(answer.message)
    else task.reject(unparseable(answer.failed))
    arm(thread)
    feed(thread)
  }

  /** The mail in hand is at fault; those behind it wait again, first in the line. */
  const replace = (thread: Thread, fault: MessageError): void => {
    if (!threads.delete(thread)) return
    clearTimeout(thread.timer)
    void thread.worker.terminate()
    const [inHand, ...behind] = thread.tasks
    waiting.unshift(...behind)
    inHand?.reject(closed ? new Error('the parser is closed') : fault)
    if (!closed) open()
  }

  for (let i = 0; i < options.threads; i++) open()

  return {
    parse(source) {
      if (closed) return Promise.reject(new Error('the parser is closed'))
      return new Promise((resolve, reject) => {
        waiting.push({ id: nextId++, source, resolve, reject })
        const idle = [...threads].find(thread => thread.tasks.length === 0)
        if (idle !== undefined) queueMicrotask(() => feed(idle))
      })
    },
    async [Symbol.asyncDispose]() {
      closed = true
      const gone = [...threads].map(thread => thread.worker.terminate())
      for (const thread of threads) replace(thread, unparseable('closed'))
      for (const task of waiting.splice(0)) task.reject(new Error('the parser is closed'))
      await Promise.all(gone)
    },
  }
}

function takeGroup(waiting: Task[]): Task[] {
  const group: Task[] = []
  let bytes = 0
  for (let next = waiting[0]; next !== undefined && group.length < groupMails; next = waiting[0]) {
    if (group.length > 0 && bytes + next.source.length > groupBytes) break
    bytes += next.source.length
    group.push(next)
    waiting.shift()
  }
  return group
}

function unparseable(why: string): MessageError {
  return new MessageError('message.unparseable', `a mail could not be parsed (${why})`, {
    hint: 'its original is kept: `letterlock quarantine export` writes it to a file',
  })
}
