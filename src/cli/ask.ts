// Asks for an operation: what was given is checked before anything is connected, and its faults are told by the names that people type.
import type { z } from 'zod'
import { CommandError } from '../errors/errors.ts'
import type { Deps } from '../operations/deps.ts'
import { checkInput, InputError, type Operation } from '../operations/operation.ts'
import { commandActor } from './actor.ts'
import { type GlobalOptions, withDeps } from './connect.ts'
import { inWords } from './faults.ts'

/** What people type for each field of an input, as `--limit` or `the id of a mail`. */
export type FieldNames = Readonly<Record<string, string>>

export interface Given {
  /** Numbers as `toNumber` makes them. */
  input: Readonly<Record<string, unknown>>
  names: FieldNames
  /** What was typed, where the input is something else. It is repeated with its fault. */
  typed?: Readonly<Record<string, string | undefined>>
  /** What to do about faults. */
  hint?: string
}

/** Throws CommandError with all faults, before anything is connected. */
export function checkGiven<Input extends z.ZodType>(
  schema: Input,
  { input, names, typed = {}, hint }: Given,
): z.input<Input> {
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
  try {
    checkInput(schema, given)
    return given as z.input<Input>
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    const faults = error.faults.map(fault => inWords(fault, names, { ...given, ...typed }))
    const message =
      faults.length === 1 ? faults[0] : `${faults.length} faults:\n${faults.map(each => `  ${each}`).join('\n')}`
    throw new CommandError(message ?? '', hint, 2)
  }
}

/** Asks for the operation once. */
export async function askFor<Input extends z.ZodType, Value>(
  operation: Operation<Input, Deps, Value>,
  options: GlobalOptions,
  given: Given,
): Promise<Value> {
  const input = checkGiven(operation.input, given)
  return await withDeps(options, deps => operation.run(deps, commandActor(), input))
}

/** A number as it was typed; NaN, which no field allows, for what is none. */
export function toNumber(text: string): number {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
}
