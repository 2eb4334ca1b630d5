// Asks the DNS for keys and policies: each name once for a while, only so much of an answer, and never for longer than a mail may wait.
import { Resolver } from 'node:dns/promises'
import type { Resolve } from './check-signatures.ts'

export interface CachedDns {
  /**
   * Asks for one mail: `maxQuestions` at most, until `signal` aborts. `heard` tells whether a server answered any, and `silent` whether one
   * stayed silent.
   */
  forMail(signal: AbortSignal): { resolve: Resolve; heard: boolean; silent: boolean }
}

/** What is remembered of a name. */
interface Remembered {
  answer: Promise<string[][]>
  until: number
}

/** `servers`: addresses as 127.0.0.1 or 127.0.0.1:53; empty: those of the system. */
export function createCachedDns(servers: readonly string[], now: () => number): CachedDns {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 })
  if (servers.length > 0) resolver.setServers(servers)
  const remembered = new Map<string, Remembered>()

  const ask = (name: string, type: string): Promise<string[][]> => {
    const key = `${type} ${name.toLowerCase()}`
    const known = remembered.get(key)
    if (known !== undefined && known.until > now()) return known.answer
    const answer = query(resolver, name, type)
    const entry = { answer, until: now() + keepMs.pending }
    remembered.delete(key)
    remembered.set(key, entry)
    if (remembered.size > maxNames) remembered.delete(remembered.keys().next().value as string)
    answer.then(
      () => {
        entry.until = now() + keepMs.found
      },
      error => {
        entry.until = now() + (isAnswer(error) ? keepMs.missing : keepMs.failed)
      },
    )
    return answer
  }

  return {
    forMail(signal) {
      let questions = 0
      const mail = { resolve, heard: false, silent: false }
      async function resolve(name: string, type: string): Promise<string[][]> {
        if (++questions > maxQuestions) throw failure('ECANCELLED')
        try {
          const answer = await Promise.race([ask(name, type), aborted(signal)])
          mail.heard = true
          return answer
        } catch (error) {
          if (isAnswer(error)) mail.heard = true
          else mail.silent = true
          throw error
        }
      }
      return mail
    },
  }
}

const timeoutMs = 1_000
/** Of one mail: five signatures and a chain of seals, and the policy of From's domain. */
const maxQuestions = 20
const maxNames = 2_000
const maxCharacters = 8_192
/** A TXT record's own lifetime is not told; keys live for months. */
const keepMs = { found: 600_000, missing: 60_000, failed: 10_000, pending: 60_000 } as const

async function query(resolver: Resolver, name: string, type: string): Promise<string[][]> {
  // Whether a name exists at all is asked with these.
  if (type !== 'TXT') return (await resolver.resolve(name, type as 'A' | 'CNAME')).map(record => [record])
  const records = await resolver.resolveTxt(name)
  const characters = records.flat().reduce((sum, text) => sum + text.length, 0)
  if (characters > maxCharacters) throw failure('ENODATA')
  return records
}

/** True where a server said that there is nothing, or refused the question; not where none could be reached. */
function isAnswer(error: unknown): boolean {
  const { code = '' } = error as { code?: string }
  return ['ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'EFORMERR', 'EBADNAME', 'EBADRESP'].includes(code)
}

function failure(code: string): Error {
  return Object.assign(new Error(`the DNS was not asked: ${code}`), { code })
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(failure('ETIMEOUT'))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}
