// A parsing thread that misbehaves on command: a mail with HANG in it never ends, one with DIE takes the thread along, one with THROW is
// answered with a failure. Everything else it parses as the real one does.
import { MessageError } from '../../src/errors/errors.ts'
import { parseHtml, parseMessage, parseWhole } from '../../src/parse/parse-message.ts'
import { answerRequests } from '../../src/parse/pool/answer-requests.ts'

const misbehaving =
  <T>(parse: (source: Buffer) => Promise<T>) =>
  async (source: Buffer): Promise<T> => {
    for (; source.includes('HANG'); );
    if (source.includes('DIE')) process.exit(1)
    if (source.includes('THROW')) throw new MessageError('message.unparseable', {}, { cause: new RangeError() })
    return await parse(source)
  }

answerRequests({
  message: misbehaving(parseMessage),
  stored: misbehaving(parseMessage),
  html: misbehaving(parseHtml),
  whole: misbehaving(parseWhole),
})
