// PURE. Delivery reports that are not marked as such: by sender, null return path, subject, words and the returned mail. Each is
// weak alone (people quote such words when they ask for help), so they are counted together; RFC 3464 reports never come here.

import type { Address } from '../../model/parsed-message.ts'
import type { Headers } from '../mime/headers.ts'
import type { Facts } from './classify.ts'
import { copies } from './original.ts'
import { withoutTags } from './subject-tags.ts'

/** The reason, or null if it is no delivery report. */
export function isLikeBounce({ headers, partTypes, from, subject, text }: Facts): string | null {
  if (reportOfAmazon(from, text) === 'bounce') return 'notification'
  const path = headers.first('return-path').trim()
  const sentByServer = isServer(from)
  const nullPath = /^<\s*>|^<?mailer-daemon\b/i.test(path)
  const answers = isPassedOn(subject) && !nullPath
  if (answers && (!sentByServer || isPersonal(text))) return null
  // A person who tells of a report, or copies one into a mail, has a name and a return path.
  if (!sentByServer && !nullPath && !(isProgram(from) && subjectWords.test(subject))) return null
  if (!sentByServer && isPassedOn(subject)) return null
  const words = explanationOf(text)
  const returned = partTypes.some(type => copies.test(type))
  const weights = [
    sentByServer ? 2 : 0,
    nullPath ? 1 : 0,
    subjectWords.test(subject) ? 2 : 0,
    textWords.test(words) ? 2 : 0,
    replyLine.test(words) ? 1 : 0,
    returned ? 2 : words.length < text.length ? 1 : 0,
  ]
  const says = (weights[2] as number) + (weights[3] as number) > 0
  const score = weights.reduce<number>((sum, weight) => sum + weight, 0)
  // RFC 3834 comes first: who calls himself an automatic answer is one, unless he bears a daemon's name, says what a mail server said, or
  // returns the mail.
  const isAnswer = autoSubmitted(headers) === 'auto-replied' && !daemon.test(from?.address ?? '')
  if (isAnswer && !returned && !replyLine.test(text)) return null
  if (!says || score < ((sentByServer && !answers) || (nullPath && weights[2] === 2) ? 4 : 5)) return null
  return sentByServer ? 'mailer-daemon' : nullPath ? 'null-return-path' : 'subject'
}

/** A person who sends a report on, or asks about one, is no report. */
export function isPassedOn(subject: string): boolean {
  return /^\s*(re|fwd?|aw|wg|tr|rv|enc|i|vs|sv|vb|doorst|antw|odp|pd)\s*(\[\d+\])?\s*:/i.test(withoutTags(subject))
}

/** Amazon's notification service tells of bounces and complaints in JSON (Amazon SES developer guide, notification contents). */
export function reportOfAmazon(from: Address | null, text: string): 'bounce' | 'complaint' | null {
  if (!/@sns\.amazonaws\.com$/i.test(from?.address ?? '')) return null
  const [, type] =
    /\\?"(?:notificationType|eventType)\\?"\s*:\s*\\?"(Bounce|Complaint)/i.exec(text.slice(0, maxWords)) ?? []
  return type === undefined ? null : type.toLowerCase() === 'bounce' ? 'bounce' : 'complaint'
}

const serverNames =
  /^(mailer[-_.]?daemon|post[-_.]?master|mail[-_.]?daemon|mail[-_.]?delivery|maildelivery|mdaemon|mmdf|double-bounce|bounces?|root\+?bounce|mailerdaemon|mail-?system|uucp|smtp|mta|system[-_.]?administrator)$/i
const serverTitles =
  /\b(mail(er)?[- ]?(delivery|daemon|deliver)|postmaster|delivery (sub)?system|mail (server|system|administrator)|system administrator|internet mail (delivery|service))\b/i

function isServer(from: Address | null): boolean {
  const local = from?.address.split('@')[0] ?? ''
  return serverNames.test(local) || serverTitles.test(from?.name ?? '')
}

const daemon = /^(mailer|mail)[-_.]?daemon\b/i

/** A question, or something quoted: a postmaster is a person at times. */
function isPersonal(text: string): boolean {
  return /^\s{0,3}>|\?/m.test(text.slice(0, 4_000))
}

/** What mail programs of companies call themselves. */
function isProgram(from: Address | null): boolean {
  if (from === null) return true
  const names =
    /^(no|do[-_.]?not)[-_.]?reply|^(notif|admin|sysadmin|system|robot|gateway|mail|ndr|root|quarantine|spam|filter|auto)/i
  return names.test(from.address)
}

/** The first word of Auto-Submitted (RFC 3834 §5), in lower case; '' without one. */
export function autoSubmitted(headers: Headers): string {
  const [word = ''] = headers.first('auto-submitted').split(/[;\s(]/)
  return word.toLowerCase()
}

const maxWords = 20_000

/** What stands before the copy of the original mail. */
export function explanationOf(text: string): string {
  const head = text.slice(0, maxWords)
  const cuts = [originalMark.exec(head)?.index, headerBlock.exec(head)?.index].filter(at => at !== undefined)
  const at = Math.min(...cuts)
  return cuts.length === 0 || head.slice(0, at).trim() === '' ? text.slice(0, maxWords) : head.slice(0, at)
}

/** `------ This is a copy of the message` and the like, on a line of its own. */
const originalMark =
  /^[ \t>|]{0,20}(?:[-=_*]{1,80}[^\n]{0,20})?(?:this is a copy of (?:the|your) message|below this line is a copy|(?:your )?(?:original|returned|unsent|undelivered|bounced|rejected) (?:e-?mail|message|mail)(?: (?:follows|text|header|headers|body))?|message (?:text|headers?) follows?|copy of (?:the )?(?:original )?message)\b[^\n]{0,80}$/im

/** Three header fields of a mail, one below the other. */
const headerBlock =
  /^(?:(?:return-path|received|from|to|date|subject|message-id|mime-version|delivered-to|x-[a-z-]+|content-type|dkim-signature):[^\n]*\n(?:[ \t]+[^\n]*\n){0,20}){3}/im

/** Any of many languages; the words of servers and of the services that explain them. */
const subjectWords =
  /undeliver|non[- ]?deliver|not deliver|\bdelivery\b.{0,20}\b(status|fail|report|unsuccess|problem|error|delay|has failed|notification)|\b(fail|unsuccessful|error)\w*.{0,12}\bdelivery|deliver(y|ed)? (failed|failure)|returned? (mail|e-?mail|message|to sender)|returning (to sender|message|mail)|mail\w* (delivery )?(system|failed|failure|error|problem|returned)|failed mail|failure notice|could ?n[o']t (be )?(deliver|send|sent)|unable to (deliver|send)|cannot (be )?(deliver|send|sent)|rejected\b.{0,12}\b(mail|message)|(mail|message)\b.{0,20}\b(rejected|bounced|blocked|refused)|bounce (notif|message)|user unknown|unknown (user|recipient|address)|no such (user|address)|mailbox (full|unavailable|not found)|delayed (mail|message)|(mail|message) delayed|warning: (could not|message|mail)|smtp (error|server: errors)|unzustellbar|nicht zugestellt|zustell(ung|fehler)|fehlgeschlagen|non remis|échec|non (distribué|délivré)|no (se )?(entregad|ha podido entregar|se pudo entregar)|devuelto|fallo .{0,20}entrega|não (entregue|pôde ser)|devolvid|falha|mancata consegna|non recapit|impossibile recapitare|niet bezorgd|onbestelbaar|kunde inte levereras|olevererbar|kan ikke leveres|niedostarczon|zwrot|nedoručiteln|недоставлен|не доставлен|не может быть доставлено|退信|投递失败|无法投递|未傳遞|無法傳遞|系统退信|メールエラー|配信(不能|エラー|できません)|送信エラー|エラー通知|반송|전송 ?실패/i

const textWords =
  /(not|n't|never) (be |been |yet )?(be )?(deliver|reach|sent to|accepted)|undeliver|unable to (deliver|send|relay)|(was|were|be|been|is being|has been) (returned|rejected|bounced|refused|blocked)\b|fail(ed|ure)? (to deliver|delivery|address|recipient)|deliver(y|ing)? (to the following|has failed|failed|failure|attempt|error|problem)|returned (to (the )?)?(sender|mail|message|below)|permanent(ly)? (fatal )?(error|failure|fail)|(user|recipient|mailbox|account|address|host|domain)( is| was)? (name )?(unknown|unavailable|not found|full|disabled|invalid|rejected|inactive|does ?n[o']t exist|not exist|over ?quota)|(unknown|invalid|no such|nonexistent|bad) (local )?(user|recipient|mailbox|address|account|host|domain)|no valid recipients|over ?quota|quota (exceeded|full)|mailbox is full|exceed\w* (the )?(quota|storage|size)|unroute?able|(transcript of|during) (the )?session|delivery errors|giving up|not going to try again|too long in (the )?queue|been in the queue|remote (server|host) (said|rejected|refused)|requested action (not taken|aborted)|relay(ing)? (access )?denied|transaction failed|could not (send|be sent)|cannot (send|deliver)|nicht (zugestellt|zustellbar)|konnte.{0,60}nicht|n[’']a pas (pu )?(été |être )?(remis|délivré|distribué|achemin)|no (se )?(ha )?(podido|pudo) (ser )?(entrega|envia)|não (pôde|foi) |non è stato (possibile|recapitat|consegnat)|niet (worden )?(bezorgd|afgeleverd)|nie (można|został|udało)|не (может|могло|удалось|был)|недоставлен|無法|无法|退信|できませんでした|届け(られ)?ません|宛先不明|エラーメッセージ|하지 못/i

/** A server that goes on trying, and does not say that it has given up. */
export function tellsOfDelay(words: string): boolean {
  return delayWords.test(words) && !finalWords.test(words)
}

const delayWords =
  /warning message only|(?:do|does) not (?:need|have) to (?:re-?send|send .{0,30}again)|no action is required on your part|has not (?:yet )?been delivered|not yet (?:been )?delivered|delivery attempts will continue|will (?:continue|keep) (?:to )?(?:re-?)?try|will be (?:re-?tried|tried again|attempted)|delivery .{0,40}(?:is|has been) delayed|wird weiter(?:hin)? versucht|noch nicht zugestellt|n'a pas encore été/i
const finalWords =
  /permanent|giving up|gave up|will not (?:be )?(?:re-?try|re-?tried)|no further attempts|could not be delivered|fatal|\b5\d\d[ -]|\b5\.\d{1,3}\.\d{1,3}\b/i

/** A reply of SMTP with an error. */
const replyLine =
  /(?:^|[\s:("'<[])[45]\d\d[ -](?:#?[45]\.\d{1,3}\.\d{1,3}|\S+ ?.{0,80}(?:unknown|not|reject|denied|full|fail|invalid|unavailable|no such|refused))|\(#[45]\.\d{1,3}\.\d{1,3}\)|\[#?[45]\.\d\.\d{1,3}\]/im
