// What it costs to parse a mail, by kind of mail: the mails of `npm run bench`, ordinary ones in other transfer encodings, and folders of your own.
//
//   npm run bench:parse -- [--mails 500] [--rounds 5] [FOLDER ...]
//
// One thread parses all mails of a kind, round after round; the least time of each tenth counts, so that other work on the machine matters little.
// The first round, in which everything is compiled, stands for itself. CPU time is that of the parsing thread, without V8's helpers.
import { globSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { parseMessage, parseWhole } from '../../src/parse/parse-message.ts'
import { benchMails } from './bench-mails.ts'

const { values, positionals } = parseArgs({
  options: { mails: { type: 'string', default: '500' }, rounds: { type: 'string', default: '5' } },
  allowPositionals: true,
})
const count = Number(values.mails)
const rounds = Number(values.rounds)

print(['mails of a kind', 'bytes', 'cold, ms', 'CPU, ms', 'mails/s', 'with HTML, ms'])
print(['---', '---', '---', '---', '---', '---'])
const small = [...benchMails('small', count, 'parse@bench.example')]
await report('small, base64', small)
await report(
  'small, quoted-printable',
  small.map(mail => recoded(mail, 'quoted-printable', toQuotedPrintable)),
)
await report(
  'small, 8bit',
  small.map(mail => recoded(mail, '8bit', content => content)),
)
await report('large, with attachments', [...benchMails('large', Math.ceil(count / 4), 'parse@bench.example')])
for (const folder of positionals) await report(folder, filesIn(folder))

async function report(kind: string, mails: readonly Buffer[]): Promise<void> {
  const { cold, warm } = await measure(mails, parseMessage)
  const whole = await measure(mails, parseWhole)
  const bytes = mails.reduce((sum, mail) => sum + mail.length, 0) / mails.length
  print([kind, bytes.toFixed(0), cold.toFixed(2), warm.toFixed(2), (1_000 / warm).toFixed(0), whole.warm.toFixed(2)])
}

/** Milliseconds of CPU a mail, in the first round and at best. */
async function measure(
  mails: readonly Buffer[],
  parse: (raw: Buffer) => Promise<unknown>,
): Promise<{ cold: number; warm: number }> {
  const tenth = Math.ceil(mails.length / 10)
  const least: number[] = []
  let cold = 0
  for (let round = 0; round <= rounds; round++) {
    for (let from = 0; from < mails.length; from += tenth) {
      const before = process.threadCpuUsage()
      for (const mail of mails.slice(from, from + tenth)) await parse(mail).catch(() => null)
      const { user, system } = process.threadCpuUsage(before)
      const ms = (user + system) / 1_000
      if (round === 0) cold += ms
      else least[from / tenth] = Math.min(least[from / tenth] ?? Number.POSITIVE_INFINITY, ms)
    }
  }
  return { cold: cold / mails.length, warm: least.reduce((sum, ms) => sum + ms, 0) / mails.length }
}

/** The same mail with its base64 bodies in another transfer encoding. */
function recoded(mail: Buffer, encoding: string, encode: (content: Buffer) => Buffer): Buffer {
  const [head = '', ...parts] = mail.toString('latin1').split('Content-Transfer-Encoding: base64\r\n\r\n')
  const bodies = parts.map(part => {
    const end = part.indexOf('\r\n--')
    const content = encode(Buffer.from(part.slice(0, end), 'base64')).toString('latin1')
    return `Content-Transfer-Encoding: ${encoding}\r\n\r\n${content}${part.slice(end)}`
  })
  return Buffer.from(head + bodies.join(''), 'latin1')
}

function toQuotedPrintable(content: Buffer): Buffer {
  const coded = content
    .toString('latin1')
    .replace(/[=\x7f-\xff]/g, letter => `=${letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
    .replace(/[^\r\n]{70,72}(?=[^\r\n=])(?<!=.?)/g, '$&=\r\n')
  return Buffer.from(coded, 'latin1')
}

function filesIn(folder: string): Buffer[] {
  return globSync('**/*', { cwd: folder })
    .map(name => path.join(folder, name))
    .filter(file => statSync(file).isFile() && !file.endsWith('.jsonl'))
    .map(file => readFileSync(file))
}

function print(cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}
