// What a server may answer to one command. Nothing that it says is parsed before it is counted here: bytes, numbers of a set, names of a
// list. The numbers of `1:4294967295` are counted and not written out. Whatever exceeds a bound ends its connection, and nothing else. What all
// connections hold at once has a bound, too (held-bytes.ts): many that each stay within their own do not add up.
//
// imapflow has no hook for this: its parser's own limits are set for every command, and the function that takes a line is wrapped. What is
// no answer to anything (a server may tell news at any time) is read at a measured pace, so that a flood of it costs no core.
import { setTimeout as wait } from 'node:timers/promises'
import type { ImapFlow } from 'imapflow'
import { createHeldBytes } from './held-bytes.ts'
import { maxUid } from './numbers.ts'

export interface Bounds {
  /** A line, without its literals. */
  lineBytes: number
  literalBytes: number
  /** Everything that comes until the command is over. */
  bytes: number
  /** Numbers in the sets that come: SEARCH, ESEARCH, VANISHED, COPYUID. */
  numbers: number
  /** Lines without literals that are read without a pause. */
  lines: number
  /** Bytes for which there is room already, in a budget of whoever asked: they do not count among what the process holds. */
  reserved: number
}

/** Of a command that asks for neither mail nor UIDs. */
export const ordinary: Readonly<Bounds> = {
  lineBytes: 262_144,
  literalBytes: 65_536,
  bytes: 33_554_432,
  numbers: 10_000,
  lines: 500,
  reserved: 0,
}

/** A line of more parts is no answer to anything that is asked here. */
export const maxTokens = 20_000
/** Names in the answer to LIST. */
const maxNames = 20_000
/** What goes beyond the lines that were expected is read in portions of so many, each 256 bytes counting as another line. */
const paceLines = 500
const paceMs = 100
/** All connections of the process together hold so much of their answers. */
const heldBytes = 67_108_864
const held = createHeldBytes(heldBytes)
let mailBytes = 0

/** Bytes of answers to fetches that came in this process: while they come, a poll gets on, however slow its server is. */
export function arrivedMailBytes(): number {
  return mailBytes
}
/** One mail may be held whatever its size, with what is around it. */
const heldFactor = 1.25

export interface AnswerBounds {
  /** Counts anew, for the next command. */
  expect(bounds?: Partial<Bounds>): void
  /** No command is under way: what came is nobody's any more, and what comes is news. */
  rest(): void
  /** Bytes of literals that came on this connection, also of one that has only begun. */
  literalBytes(): number
  /** True if the server told a UID of more than 32 bits on this connection. */
  readonly sawHugeUid: boolean
  noteHugeUid(): void
}

/** What is used of imapflow beyond its published types. */
interface Inside {
  streamer: {
    maxLineLength: number
    maxLiteralSize: number
    maxResponseSize: number
    readBytesCounter: number
    /** Of the line that has begun. */
    lineBytes: number
    /** Of the answer that has begun, with its literals, as far as its lines are whole. */
    responseBytes: number
    /** Of the literal that was announced, what is still to come. */
    literalWaiting: number
    destroyed: boolean
    _transform(chunk: Buffer, encoding: string, next: () => void): void
    once(event: 'close', listener: () => void): void
  }
  handleResponse(answer: Answer): Promise<boolean>
  rejectCurrentRequest(error: unknown): void
  failProtocol(error: unknown): void
}

/** A line as it came, without the literals in it. */
interface Answer {
  payload: Buffer
  literals?: Buffer[]
}

/** Has the connection end as soon as an answer exceeds what was asked for. To be called before it is opened. */
export function boundAnswers(client: ImapFlow): AnswerBounds {
  const inside = client as unknown as Inside
  const { streamer } = inside
  const handle = inside.handleResponse.bind(client)
  let bounds: Bounds = ordinary
  let [startedAt, names, numbers, lines, lineBytes] = [0, 0, 0, 0, 0]
  let sawHugeUid = false
  let isAsked = false

  const end = (excess: string): void => {
    const error = Object.assign(new Error(`more ${excess} than were asked for`), { code: 'AnswerTooLarge' })
    inside.rejectCurrentRequest(error)
    inside.failProtocol(error)
  }

  // The answer to a command is held until the command is over, in one form or another; of news only what is not read yet. A literal counts as
  // soon as it is announced: where there is no room for it, none of it is read.
  const holder = held.join(() => end('bytes at once'))
  const tellHeld = (): void => {
    const asked = streamer.readBytesCounter - startedAt + streamer.literalWaiting
    const came = isAsked ? asked : streamer.lineBytes + streamer.responseBytes
    holder.hold(streamer.destroyed ? 0 : Math.max(0, came - bounds.reserved), heldFactor * bounds.literalBytes)
  }
  const transform = streamer._transform.bind(streamer)
  streamer._transform = (chunk, encoding, next) => {
    if (isAsked && bounds.reserved > 0) mailBytes += (chunk as Buffer).length
    transform(chunk, encoding, next)
    tellHeld()
  }
  streamer.once('close', tellHeld)

  const excessOf = (kind: Kind, answer: Answer): string | undefined => {
    if (streamer.readBytesCounter - startedAt > bounds.bytes) return 'bytes'
    if (kind === 'name' && ++names > maxNames) return 'mailboxes'
    if (kind !== 'set') return undefined
    for (const part of [answer.payload, ...(answer.literals ?? [])]) {
      const counted = countNumbers(part)
      numbers += counted.numbers
      if (isSearch.test(beginningOf(answer)) && counted.highest > maxUid) sawHugeUid = true
    }
    return numbers > bounds.numbers ? 'numbers' : undefined
  }

  inside.handleResponse = async answer => {
    lineBytes += answer.payload.length + lineEndBytes
    const kind = kindOf(answer)
    const excess = excessOf(kind, answer)
    if (excess !== undefined) {
      end(excess)
      return false
    }
    if (kind === 'line' || kind === 'name') {
      lines += 1 + Math.floor(answer.payload.length / 256)
      if (lines > bounds.lines) {
        lines -= paceLines
        await wait(paceMs)
        if (streamer.destroyed) return false
      }
    }
    return await handle(answer)
  }

  const begin = (wanted: Partial<Bounds>, asked: boolean): void => {
    isAsked = asked
    bounds = { ...ordinary, ...wanted }
    startedAt = streamer.readBytesCounter
    names = numbers = lines = 0
    streamer.maxLineLength = bounds.lineBytes
    streamer.maxLiteralSize = bounds.literalBytes
    streamer.maxResponseSize = bounds.lineBytes + bounds.literalBytes
    tellHeld()
  }
  begin({}, false)
  return {
    expect: (wanted = {}) => begin(wanted, true),
    rest: () => begin({}, false),
    literalBytes: () => streamer.readBytesCounter - lineBytes - streamer.lineBytes,
    get sawHugeUid() {
      return sawHugeUid
    },
    noteHugeUid() {
      sawHugeUid = true
    },
  }
}

type Kind = 'set' | 'name' | 'mail' | 'line'

/** By the beginning of the line. */
function kindOf(answer: Answer): Kind {
  const start = beginningOf(answer)
  if (ofSets.test(start)) return 'set'
  if (/^\0*\*\s+(LIST|LSUB|XLIST)\b/i.test(start)) return 'name'
  return (answer.literals?.length ?? 0) > 0 ? 'mail' : 'line'
}

function beginningOf({ payload }: Answer): string {
  return payload.toString('latin1', 0, 256)
}

const isSearch = /^\0*\*\s+SEARCH\b/i
const ofSets =
  /^\0*\S+\s+(?:(?:SEARCH|ESEARCH|VANISHED|SORT)\b|(?:OK|NO|BAD|BYE|PREAUTH)\s+\[(?:COPYUID|APPENDUID|MODIFIED)\b)/i

const lineEndBytes = 2
const [open, close, digit0, digit9, colon] = [0x28, 0x29, 0x30, 0x39, 0x3a]

/** How many numbers the sets in a line stand for, and the highest outside of parentheses; `3:5` are three. */
export function countNumbers(line: Buffer): { numbers: number; highest: number } {
  let [numbers, highest, first, depth] = [0, 0, -1, 0]
  for (let i = 0; i < line.length; i++) {
    if (line[i] === open) depth += 1
    else if (line[i] === close) depth -= 1

    let byte = line[i] as number
    if (byte < digit0 || byte > digit9) continue
    let value = 0
    for (; byte >= digit0 && byte <= digit9; byte = line[++i] ?? 0) value = value * 10 + byte - digit0
    if (depth === 0) highest = Math.max(highest, value)
    numbers += first < 0 ? 1 : Math.abs(value - first)
    first = byte === colon ? value : -1
  }
  return { numbers, highest }
}
