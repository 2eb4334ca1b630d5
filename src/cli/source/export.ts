// `letterlock source export`: originals as files in a directory.
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { CommandError } from '../../errors/errors.ts'
import { type ExportedMail, exportSources as originals } from '../../operations/sources.ts'
import { commandActor } from '../actor.ts'
import { checkGiven } from '../ask.ts'
import { withDeps } from '../connect.ts'
import { print, remark } from '../terminal.ts'
import { type ChoiceOptions, choiceNames } from './source.ts'

/** Mails after which the person who waits is told. */
const remarkEvery = 1_000

/** Writes each original as `DIR/<sha256>.eml`; one that is there already is left alone. Resolves to 1 if one could not be read. */
export async function exportSources(directory: string, options: ChoiceOptions): Promise<0 | 1> {
  const { account, since, until } = options
  const input = checkGiven(originals.input, { input: { account, since, until }, names: choiceNames })
  return await withDeps(options, async deps => {
    await makeDirectory(directory)
    const count = { written: 0, present: 0, absent: 0, damaged: 0 }
    let mails = 0
    for await (const mail of await originals.run(deps, commandActor(), input)) {
      count[await exportOne(mail, directory)] += 1
      if (++mails % remarkEvery === 0) remark(`${count.written} written …`)
    }
    await print(
      `${count.written} mails written to ${directory}, ${count.present} were there already, of ${count.absent} no bytes are kept`,
    )
    if (count.damaged > 0)
      remark(`${count.damaged} mails could not be read; \`letterlock doctor\` looks at the raw store`)
    return count.damaged > 0 ? 1 : 0
  })
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw unwritable(directory, error)
  }
}

function unwritable(file: string, error: unknown): CommandError {
  return new CommandError(
    `${file} cannot be written (${(error as NodeJS.ErrnoException).code})`,
    'check the directory and free space',
  )
}

async function exportOne(mail: ExportedMail, directory: string): Promise<'written' | 'present' | 'absent' | 'damaged'> {
  if ('absent' in mail) return 'absent'
  if ('damaged' in mail) {
    remark(`mail ${mail.id}: ${mail.damaged.message}`)
    return 'damaged'
  }
  const file = path.join(directory, `${mail.sha256}.eml`)
  if ((await stat(file).catch(() => undefined))?.size === mail.bytes.length) return 'present'
  await writeWhole(file, mail.bytes)
  return 'written'
}

/** What bears the name is whole, whenever somebody interrupts. */
async function writeWhole(file: string, bytes: Buffer): Promise<void> {
  const draft = `${file}.${process.pid}.part`
  try {
    await writeFile(draft, bytes, { flag: 'wx', mode: 0o600 })
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    throw unwritable(file, error)
  }
}
