// An operation: one thing that a person or a program can ask for. It is written once, here; commands, pages and the API only translate:
// options or a form into its input, its value or its error into text or a page.
//
// An operation checks who asks (`who`) and what is asked (`input`, one zod schema whose fields carry their limits, defaults and meanings), does
// its work in one transaction together with its audit row, and returns a value. What cannot be rolled back (a login at a mail server, a file, a
// message to Redis) stands outside the transaction: before it where the audit row tells of its result, after it where it only follows.
//
// A new operation: `defineOperation` in the file of its subject, its line in all.ts, and its row in test/operations/table.test.ts.
import type { Knex } from 'knex'
import { z } from 'zod'
import { Refusal } from '../errors/errors.ts'
import { type AuditEntry, insertAudit } from '../store/people/audit.ts'
import type { Role } from '../store/people/user-rows.ts'

/** Who asks: a command on a host, whose caller may do everything, or somebody who is signed in. */
export type Actor = { kind: 'command'; name: string } | { kind: 'user'; id: number; name: string; role: Role }

/** As the audit log names them. */
export function auditName(actor: Actor): string {
  return actor.kind === 'user' ? `${actor.name} (web)` : actor.name
}

export interface Operation<Input extends z.ZodType, Deps, Value> {
  /** `account.pause`: also the action of its audit row. */
  readonly name: string
  readonly who: Role
  /** What it does, in a sentence. */
  readonly summary: string
  readonly input: Input
  /** Throws NotAllowed, InputError, or what the work throws. */
  run(deps: Deps, actor: Actor, input: z.input<Input>): Promise<Value>
}

/** What the work of an operation is given, beside its dependencies. */
export interface Call<Input> {
  input: Input
  actor: Actor
  /** Writes the operation's audit row. The transaction is the one that does the work. */
  audit(trx: Knex.Transaction, about?: Pick<AuditEntry, 'accountId' | 'detail'>): Promise<void>
}

interface Definition<Input extends z.ZodType, Deps, Value> {
  name: string
  who: Role
  summary: string
  input: Input
  work(deps: Deps, call: Call<z.output<Input>>): Promise<Value>
}

export function defineOperation<Input extends z.ZodType, Deps, Value>({
  work,
  ...definition
}: Definition<Input, Deps, Value>): Operation<Input, Deps, Value> {
  const { name, who, input } = definition
  return {
    ...definition,
    async run(deps, actor, given) {
      if (!mayRun(actor, who)) throw new NotAllowed(`only admins may do this (${name})`)
      return await work(deps, {
        actor,
        input: checkInput(input, given),
        audit: (trx, about = {}) => insertAudit(trx, { actor: auditName(actor), action: name, ...about }),
      })
    },
  }
}

/** A command may do everything: its caller has the server. */
export function mayRun(actor: Actor, who: Role): boolean {
  return actor.kind === 'command' || who === 'agent' || actor.role === 'admin'
}

/** The actor may not do this; waiting does not help, an admin does. */
export class NotAllowed extends Refusal {}

/** What is wrong with one field of an input. */
export interface Fault {
  /** `['mailboxes', 1]`; empty: the input as a whole. */
  path: readonly (string | number)[]
  /** A clause that follows the field's name, as `must be a number from 1 to 65535`. It never repeats what was given: that may be a password. */
  text: string
}

/** An input with faults, all of them. A command tells them by its options, a page at its fields. */
export class InputError extends Refusal {
  readonly faults: readonly Fault[]

  /** `exitCode` 1: nothing is wrong with it as such, only with what is there already. */
  constructor(faults: readonly Fault[], exitCode: 1 | 2 = 2) {
    super(faults.map(({ path, text }) => `${path.join('.')} ${text}`.trim()).join('\n'), undefined, exitCode)
    this.faults = faults
  }
}

/** The input as its schema makes it. Throws InputError that names every fault. */
export function checkInput<Input extends z.ZodType>(schema: Input, given: unknown): z.output<Input> {
  const read = schema.safeParse(given, {
    error: ({ input }) => (input === undefined ? 'is missing' : Number.isNaN(input) ? 'must be a number' : undefined),
  })
  if (read.success) return read.data
  throw new InputError(
    read.error.issues.flatMap(({ path, message, ...issue }) => {
      const at = path.filter(key => typeof key !== 'symbol')
      if (issue.code !== 'unrecognized_keys') return [{ path: at, text: message }]
      return issue.keys.map(key => ({ path: [...at, key], text: 'is unknown' }))
    }),
  )
}

/** A row's id. */
const idRange = { error: 'must be a number, as 17' }
export const id = z.int(idRange).positive(idRange)

const limitRange = { error: 'must be a number from 1 to 1000000' }

/** How many rows of a list at most. */
export const listLimit = z
  .int(limitRange)
  .min(1, limitRange)
  .max(1_000_000, limitRange)
  .default(100)
  .describe('how many at most, from 1 to 1000000')
