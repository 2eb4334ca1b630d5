// Everything that the web interface of a test's daemons answers, to whomever, and what must be in none of it: passwords, envelopes, keys,
// hashes and sessions.
import { readdirSync, readFileSync } from 'node:fs'
import { ServerResponse } from 'node:http'
import path from 'node:path'
import type { Knex } from 'knex'
import { findSecrets } from './forensics.ts'

interface Answer {
  request: string
  chunks: Buffer[]
}

export interface WebAnswers extends Disposable {
  /** Listens to the server at this URL. */
  listen(url: string): void
  /** Notes what is secret at this moment. */
  note(db: Knex, directory: string): Promise<void>
  /** Adds one that is known. */
  add(kind: string, secret: string | Buffer): void
  /** Which requests were answered with which kind of secret in which form, as `GET /accounts: password, json`; none is right. */
  find(): string[]
  /** How many answers there were. */
  count(): number
}

const listeners = new Map<number, (response: ServerResponse) => Answer>()
const open = new WeakMap<ServerResponse, Answer>()

export function recordAnswers(): WebAnswers {
  const answers: Answer[] = []
  const ports: number[] = []
  const kinds = new Map<string, string>()
  const secrets = new Map<string, string | Buffer>()
  const add = (kind: string, secret: string | Buffer): void => {
    // What tests call a password may be a word of a page.
    if (secret.length < shortest) return
    const name = typeof secret === 'string' ? secret : secret.toString('hex')
    kinds.set(name, kind)
    secrets.set(name, secret)
  }
  const begin = (response: ServerResponse): Answer => {
    const { 'set-cookie': cookies = [], ...headers } = response.getHeaders()
    for (const cookie of [cookies].flat()) {
      const value = /=([^;]{20,})/.exec(String(cookie))?.[1]
      if (value !== undefined) add('session', decodeURIComponent(value))
    }
    const { method, url = '' } = response.req
    const answer = {
      request: `${method} ${url.split('?')[0]}`,
      chunks: [Buffer.from(JSON.stringify(headers))],
    }
    answers.push(answer)
    return answer
  }
  return {
    listen(url) {
      ports.push(Number(new URL(url).port))
      listeners.set(ports.at(-1) as number, begin)
    },
    async note(db, directory) {
      for (const table of ['credentials', 'secrets']) {
        for (const { plaintext, sealed } of await db(table).select('plaintext', 'sealed')) {
          if (plaintext !== null) add('password', plaintext)
          if (sealed !== null) add('envelope', sealed)
        }
      }
      for (const hash of await db('users').pluck('password_hash')) add('hash', hash)
      for (const hash of await db('sessions').pluck('token_sha256')) add('session', hash)
      for (const name of readdirSync(directory).filter(entry => entry.endsWith('.bin'))) {
        const bytes = readFileSync(path.join(directory, name))
        if (bytes.length === keyBytes) add('key', bytes)
      }
    },
    add,
    find() {
      const found = findSecrets(Buffer.concat(answers.flatMap(wholeOf)), [...secrets.values()])
      return found.map(({ secret, encoding, offset }) => `${at(answers, offset)}: ${kinds.get(secret)}, ${encoding}`)
    },
    count: () => answers.length,
    [Symbol.dispose]() {
      for (const port of ports) listeners.delete(port)
    },
  }
}

const shortest = 8
const keyBytes = 32
const between = Buffer.from('\n')

function wholeOf({ chunks }: Answer): Buffer[] {
  return [...chunks, between]
}

function at(answers: readonly Answer[], offset: number): string {
  let end = 0
  const answer = answers.find(one => {
    end += wholeOf(one).reduce((sum, chunk) => sum + chunk.length, 0)
    return offset < end
  })
  return answer?.request ?? ''
}

/** Every server of Node writes through these two. */
for (const name of ['write', 'end'] as const) {
  const original = ServerResponse.prototype[name] as (...args: unknown[]) => unknown
  Object.defineProperty(ServerResponse.prototype, name, {
    configurable: true,
    writable: true,
    value(this: ServerResponse, ...args: unknown[]) {
      hear(this, args)
      return Reflect.apply(original, this, args)
    },
  })
}

function hear(response: ServerResponse, [chunk, encoding]: unknown[]): void {
  const begin = listeners.get(response.req.socket.localPort ?? 0)
  if (begin === undefined) return
  const answer = open.get(response) ?? begin(response)
  open.set(response, answer)
  if (typeof chunk === 'string')
    answer.chunks.push(Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'))
  if (chunk instanceof Uint8Array) answer.chunks.push(Buffer.from(chunk))
}
