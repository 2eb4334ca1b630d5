// Passwords of people, one way: argon2id with the second recommended parameters of RFC 9106 (64 MiB, 3 passes, 4 lanes), written as
// PHC strings that name their own parameters, so that these can grow and old hashes still be checked. What is reckoned at once is
// bounded: each takes its memory, and many sign-ins must not take the daemon's.
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import pLimit from 'p-limit'
import { ServiceError } from '../../errors/errors.ts'

const derive = promisify(argon2)

/** What a hash costs. */
export interface HashCost {
  /** In KiB. */
  memory: number
  passes: number
  parallelism: number
}

const recommended: HashCost = { memory: 65_536, passes: 3, parallelism: 4 }
const saltBytes = 16
const tagBytes = 32

export const shortestPassword = 12
export const longestPassword = 1_000

export interface Passwords {
  /** `$argon2id$v=19$m=65536,t=3,p=4$SALT$HASH` */
  hash(password: string): Promise<string>
  /** `hash`: undefined for a user that does not exist, which takes as long and is never right. */
  check(password: string, hash: string | undefined): Promise<Checked>
}

export interface Checked {
  right: boolean
  /** It was hashed with other parameters than are used now: hash it again. */
  outdated: boolean
}

/** `cost`: of new hashes; tests, which hash hundreds of times, give less. */
export function createPasswords(cost: HashCost = recommended): Passwords {
  const nobody = toText(cost, randomBytes(saltBytes), randomBytes(tagBytes))
  return {
    async hash(password) {
      const salt = randomBytes(saltBytes)
      const tag = await inTurn(() => derived(password, salt, cost, tagBytes))
      return toText(cost, salt, tag)
    },
    async check(password, hash) {
      const { parameters, salt, tag } = parse(hash ?? nobody) ?? (parse(nobody) as Parsed)
      const found = await inTurn(() => derived(password.slice(0, longestPassword), salt, parameters, tag.length))
      const right = timingSafeEqual(found, tag) && hash !== undefined
      const { memory, passes, parallelism } = parameters
      const same = memory === cost.memory && passes === cost.passes && parallelism === cost.parallelism
      return { right, outdated: !same }
    },
  }
}

function toText({ memory, passes, parallelism }: HashCost, salt: Buffer, tag: Buffer): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(tag)}`
}

async function derived(password: string, nonce: Buffer, parameters: HashCost, tagLength: number): Promise<Buffer> {
  const message = Buffer.from(password.normalize('NFC'))
  try {
    return await derive('argon2id', { message, nonce, ...parameters, tagLength })
  } finally {
    message.fill(0)
  }
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

/** So many times what a hash of ours costs may one from the database cost: whoever may write there must not keep everybody else out. */
const mostTimes = 2

/** Parameters that cost far more than ours are not followed, as if the user did not exist. */
function isAffordable({ memory, passes, parallelism }: HashCost): boolean {
  return (
    passes >= 1 &&
    parallelism >= 1 &&
    memory >= 8 * parallelism &&
    memory <= mostTimes * recommended.memory &&
    memory * passes <= mostTimes * recommended.memory * recommended.passes &&
    parallelism <= mostTimes * recommended.parallelism
  )
}

interface Parsed {
  parameters: HashCost
  salt: Buffer
  tag: Buffer
}

/** Undefined: it is none of ours, or costs too much. */
function parse(hash: string): Parsed | undefined {
  const parts = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,4}),p=(\d{1,2})\$([\w+/]{11,86})\$([\w+/]{16,86})$/.exec(hash)
  const [memory = 0, passes = 0, parallelism = 0] = (parts ?? []).slice(1, 4).map(Number)
  const parameters = { memory, passes, parallelism }
  if (parts === null || !isAffordable(parameters)) return undefined
  return {
    parameters,
    salt: Buffer.from(parts[4] ?? '', 'base64'),
    tag: Buffer.from(parts[5] ?? '', 'base64'),
  }
}

const turns = pLimit(2)
const maxWaiting = 50

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (turns.pendingCount < maxWaiting) return await turns(work)
  throw new ServiceError('web.busy', {}, { temporary: true })
}
