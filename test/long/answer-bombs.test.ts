// Response bombs of full size against a daemon in a process of its own: its memory, its answers and another account's mail are measured
// all the while. The servers that send the bombs are in this process.
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import type { NewAccount } from '../../src/store/accounts/account-changes.ts'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { createWorld, spawnDaemon, until, type World } from '../support/daemon.ts'
import { startTestDovecot, type TestDovecot, user } from '../support/dovecot.ts'
import { freePorts } from '../support/flow-server.ts'
import { type Script, startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

const everyUid = '1:4294967295'
const maxExtraMemory = 150 * 2 ** 20
const longestLiveMs = 1_000
const longestTicketMs = 5_000

interface Bomb {
  name: string
  script: Partial<Script>
  account?: Partial<NewAccount>
  /** Codes of the account afterwards; null: its mail came in, and it goes on. */
  ends: (string | null)[]
}

const tooLarge = ['imap.answer_too_large']
const mails = [1, 2, 3].map(uid => ({ uid, source: rawMail({ id: `${uid}@bomb` }) }))

function* repeat(bytes: number, text: string): Iterable<string> {
  const block = text.repeat(Math.ceil(65_536 / text.length))
  for (let sent = 0; sent < bytes; sent += block.length) yield block
}

function* numbers(count: number, perPiece = 10_000): Iterable<string> {
  for (let from = 1; from <= count; from += perPiece)
    yield Array.from({ length: perPiece }, (_, i) => ` ${from + i}`).join('')
}

function* names(count: number, perPiece = 1_000): Iterable<string> {
  for (let from = 0; from < count; from += perPiece)
    yield Array.from({ length: perPiece }, (_, i) => `* LIST () "/" "folder ${from + i}"\r\n`).join('')
}

const moved: Partial<NewAccount> = { afterIngest: 'move:Done' }

const bombs: Bomb[] = [
  {
    name: 'COPYUID of all UIDs',
    account: moved,
    script: {
      instead: { 'UID MOVE': tag => [`* OK [COPYUID 1 ${everyUid} ${everyUid}] moved\r\n${tag} OK done\r\n`] },
    },
    ends: tooLarge,
  },
  {
    name: 'COPYUID of five million',
    account: moved,
    script: { refuse: { 'UID MOVE': 'OK [COPYUID 1 1:5000000 1:5000000] moved' } },
    ends: tooLarge,
  },
  {
    name: 'VANISHED of all UIDs, twenty times',
    script: { chatter: Array.from({ length: 20 }, () => `VANISHED ${everyUid}`) },
    ends: tooLarge,
  },
  {
    name: 'ESEARCH of all UIDs',
    script: {
      instead: { 'UID SEARCH': tag => [`* ESEARCH (TAG "${tag}") UID ALL ${everyUid}\r\n${tag} OK done\r\n`] },
    },
    ends: tooLarge,
  },
  {
    name: 'SEARCH of two million UIDs',
    script: {
      instead: {
        *'UID SEARCH'(tag) {
          yield '* SEARCH'
          yield* numbers(2_000_000)
          yield `\r\n${tag} OK done\r\n`
        },
      },
    },
    ends: tooLarge,
  },
  {
    name: 'SEARCH of two million UIDs in a mailbox that claims as many',
    script: {
      instead: {
        SELECT: tag => [
          `* 2000000 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 2000001] ok\r\n${tag} OK [READ-WRITE] done\r\n`,
        ],
        *'UID SEARCH'(tag) {
          yield '* SEARCH'
          yield* numbers(2_000_000)
          yield `\r\n${tag} OK done\r\n`
        },
      },
    },
    ends: tooLarge,
  },
  {
    name: 'LIST of 900,000 names',
    script: {
      instead: {
        *LIST(tag) {
          yield* names(900_000)
          yield `${tag} OK done\r\n`
        },
      },
    },
    ends: tooLarge,
  },
  {
    name: '60 MB of escapes',
    script: {
      instead: {
        *LIST(tag) {
          yield '* LIST () "/" "'
          yield* repeat(60_000_000, '\\"')
          yield `"\r\n${tag} OK done\r\n`
        },
      },
    },
    ends: tooLarge,
  },
  {
    name: 'nesting of 50 MB',
    script: {
      instead: {
        *LIST(tag) {
          yield '* LIST '
          yield* repeat(50_000_000, '(')
          yield `\r\n${tag} OK done\r\n`
        },
      },
    },
    ends: tooLarge,
  },
]

const endlessBytes = 40_000_000
const endlessMail: Bomb = {
  name: 'a mail without end that was stated as small',
  script: {
    instead: {
      *'UID FETCH'(tag, rest) {
        if (!rest.includes('BODY')) return yield `* 1 FETCH (UID 1 RFC822.SIZE 900)\r\n${tag} OK done\r\n`
        yield `* 1 FETCH (UID 1 BODY[] {${endlessBytes}}\r\n`
        yield* repeat(endlessBytes - 100_000, 'x')
      },
    },
  },
  ends: tooLarge,
}

/** What is measured all the while. */
interface Watch {
  liveMs: number
  /** What `/live` answered where it was not 200. */
  refused: unknown[]
  ticketMs: number
  tickets: number
  over: boolean
}

/** In a thread of its own: this one is busy with sending bombs, and would take its own delay for the daemon's. */
function watchLive(watch: Watch, port: number): Worker {
  const program = `
    const { parentPort } = require('node:worker_threads')
    const ask = async () => {
      const began = performance.now()
      const answer = await fetch('http://127.0.0.1:${port}/live').catch(error => ({ status: String(error), text() {} }))
      await answer.text()
      parentPort.postMessage({ status: answer.status, ms: performance.now() - began })
      setTimeout(ask, 50)
    }
    ask()`
  return new Worker(program, { eval: true }).on('message', ({ status, ms }) => {
    if (status !== 200) watch.refused.push(status)
    watch.liveMs = Math.max(watch.liveMs, ms)
  })
}

async function watchTickets(watch: Watch, world: World, dovecot: TestDovecot): Promise<void> {
  for (let i = 0; !watch.over; i++) {
    const began = performance.now()
    await dovecot.deliver(user.name, 'INBOX', [rawMail({ id: `${i}@good`, subject: `another question ${i}` })])
    await until(
      async () =>
        await world
          .db('messages')
          .where({ message_id: `${i}@good` })
          .first('id'),
      120_000,
    )
    watch.ticketMs = Math.max(watch.ticketMs, performance.now() - began)
    watch.tickets += 1
    await pause(500)
  }
}

/** Bytes, of VmRSS or VmHWM. */
function memoryOf(pid: number, field: string): number {
  return 1024 * Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** From now on VmHWM tells the peak since now. */
function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`

test('a bomb of one server costs neither the daemon nor another account anything, one by one and all at once', async () => {
  await using stack = new AsyncDisposableStack()
  const dovecot = stack.use(await startTestDovecot())
  const world = stack.use(await createWorld())
  const [port = 0] = await freePorts(1)
  const daemon = spawnDaemon(world, ['ignore', 'pipe', 'inherit'], {
    LETTERLOCK_LOG_FORMAT: 'json',
    LETTERLOCK_LOG_LEVEL: 'debug',
    LETTERLOCK_WEB_LISTEN: `127.0.0.1:${port}`,
  })
  const pid = daemon.pid as number
  let ended = false
  const end = once(daemon, 'close').then(() => {
    ended = true
  })
  stack.defer(async () => {
    daemon.kill('SIGKILL')
    await end
  })
  const log: Record<string, unknown>[] = []
  createInterface({ input: daemon.stdout as NodeJS.ReadableStream }).on('line', line => void log.push(JSON.parse(line)))
  await until(async () => log.some(line => line.msg === 'started'))

  await world.add(dovecot.destination('tls'), user.password, { address: 'good@example.com', push: true })
  const begin = async ({ script, account }: Bomb, address: string): Promise<number> => {
    const server = stack.use(await startScriptedServer({ mails, others: { Done: [] }, ...script }))
    return await world.add(server.destination, 'a password', { address, everySeconds: 10, ...account })
  }
  /** Its polls that ended. */
  const pollsOf = (id: number): number =>
    log.filter(line => line.event === 'poll' && line.account === id && line.msg !== 'start').length
  /** How the account ended. */
  const stop = async ({ name, ends }: Bomb, id: number): Promise<string> => {
    const { code } = await getAccount(world.db, String(id))
    expect.soft(ends, name).toContain(code)
    await world.db('accounts').where({ id }).update({ enabled: false })
    return `${code}`
  }

  // A good server like those of the bombs, and mail by push: what a daemon without bombs is used to.
  const watch: Watch = { liveMs: 0, refused: [], ticketMs: 0, tickets: 0, over: false }
  const asker = watchLive(watch, port)
  const watching = watchTickets(watch, world, dovecot)
  stack.defer(async () => {
    watch.over = true
    await asker.terminate()
    await watching
  })
  await begin({ name: 'none', script: {}, ends: [null] }, 'quiet@example.com')
  await until(async () => watch.tickets >= 20)
  const normal = memoryOf(pid, 'VmRSS')
  const tell = (name: string, codes: string): void => {
    const peak = memoryOf(pid, 'VmHWM')
    const { liveMs, ticketMs, tickets } = watch
    const measured = `/live ${Math.round(liveMs)} ms, ticket ${Math.round(ticketMs)} ms, ${tickets} mails`
    process.stderr.write(`${name}: ${codes}, peak ${megabytes(peak)} of normally ${megabytes(normal)}, ${measured}\n`)
    expect(ended).toBe(false)
    expect(watch.refused).toEqual([])
    expect.soft(peak - normal, name).toBeLessThan(maxExtraMemory)
    expect.soft(liveMs, name).toBeLessThan(longestLiveMs)
    expect.soft(ticketMs, name).toBeLessThan(longestTicketMs)
    measureAnew()
  }
  const measureAnew = (): void => {
    Object.assign(watch, { liveMs: 0, ticketMs: 0, tickets: 0 })
    forgetPeak(pid)
  }
  // The first poll of a daemon loads code.
  measureAnew()
  await until(async () => watch.tickets >= 5)
  tell('without bombs', '-')

  for (const [i, bomb] of bombs.entries()) {
    const id = await begin(bomb, `bomb${i}@example.com`)
    await until(async () => pollsOf(id) >= 1 && watch.tickets >= 2, 120_000)
    tell(bomb.name, await stop(bomb, id))
  }

  const ids: [Bomb, number][] = []
  for (let round = 0; round < 5; round++)
    for (const [i, bomb] of bombs.entries()) ids.push([bomb, await begin(bomb, `all${round}.${i}@example.com`)])
  await until(async () => ids.every(([, id]) => pollsOf(id) >= 2) && watch.tickets >= 2, 600_000)
  const codes = new Set<string>()
  for (const [bomb, id] of ids) codes.add(await stop(bomb, id))
  tell(`${ids.length} at once`, [...codes].join(' '))

  // Each stays within what one connection may send; only one of them at a time fits into what all may.
  const endless: number[] = []
  for (let i = 0; i < 10; i++) endless.push(await begin(endlessMail, `endless${i}@example.com`))
  const tooMuch = (id: number): boolean => log.some(line => line.account === id && line.code === tooLarge[0])
  await until(async () => endless.filter(tooMuch).length >= 9 && watch.tickets >= 2, 120_000)
  tell(`${endless.length} mails without end at once`, `${tooLarge[0]}`)
}, 1_800_000)
