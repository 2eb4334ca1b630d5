// How mail programs introduce what they quote, by program and language. Whatever they call it, the new words are the line above it alone; where
// they set no `>`, too.
import { expect, test } from 'vitest'
import { parseMessage } from '../../src/parse/parse-message.ts'
import { introductions } from './quotation-material.ts'

const words = 'Danke, das passt so. Bitte schicken.'
const old = ['Guten Tag,', 'wir haben Ihre Bestellung erhalten.', 'Mit freundlichen Grüßen', 'Support']

async function replyOf(header: string, body: string) {
  const raw = `From: Anna <anna@example.org>\r\n${header}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${body}\n`
  return await parseMessage(Buffer.from(raw))
}

test.each(introductions)('%s: what it quotes is no new word', async (_, introduction) => {
  for (const quotation of [old, old.map(line => `> ${line}`)]) {
    const { reply, forwarded } = await replyOf(
      'Subject: Re: Your order',
      [words, '', introduction, '', ...quotation].join('\n'),
    )
    expect({ reply, forwarded }).toEqual({ reply: words, forwarded: null })
  }
})
