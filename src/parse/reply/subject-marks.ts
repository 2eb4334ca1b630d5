// PURE. What the first mark of a subject says: the mail answers another one ("Re:", "AW:"), or passes one on ("Fwd:", "WG:"), in the languages
// that mail programs speak. Tags that gateways and lists put in front ("[EXT]", "***SPAM***") are looked through.

const tags =
  /^(?:\s|\p{So}|\ufe0f|\[[^[\]]{1,60}\]|\([^()]{1,40}\)|\{[^{}]{1,40}\}|\*{2,9}[^*]{1,40}\*{2,9}|(?:ext|extern|external|externe|externo|esterno|spam)\s?[:：|-](?=\s?\p{L}))+/iu

const forwards = [
  'fwd?|forward(?:ed)?|wg|wtr|weitergeleitet|weiterleitung|tr|transf(?:éré|ert?)?|réexp(?:édié)?|rv|reenv(?:iado|iat|io)?|enc|encaminhad[ao]|i|inoltr(?:o|ato)?',
  'doorst(?:uren|uur)?|doorgestuurd|vb|vidarebefordrat|vl|välitetty|vs|videresendt?|viderebragt|videresending|pd|przek(?:azano|azane)?|př(?:ep)?|přep(?:osláno)?|preposlané|prep(?:osielané)?',
  'továbbítás|továbbítva|tov|fs|áframsent|framsent|edasi|ed|edastatud|pers(?:iųsta)?|pārs(?:ūtīts)?|posr(?:edovano)?|prosl(?:eđeno|ijeđeno|jeđeno)?|proslij',
  'redirec(?:ționat)?|İlt|i̇lt|ilt|ilet|İlet|yönl(?:endirilmiş|endirilen)?|ynl|trs|terusan|teruskan|chuyển tiếp|πρθ|προωθ(?:ημένο)?|пересл(?:ано|анное)?|пересылка|перенапр(?:авлено)?|пер|пересилання|препр(?:атено)?|прослеђено',
  '转发|轉寄|轉發|转寄|転送|전달|ส่งต่อ|הועבר|העברה|إعادة توجيه|إعادة إرسال|تحويل|محول|باز ارسال|ارسال مجدد|अग्रेषित',
].join('|')

const answers = [
  're|aw|antw(?:ort|oord)?|betr|sv|svar|odp|odpowiedź|od|rif|ris|risp|r|res|resp|rép|réponse|rpl|vá|válasz|ynt|yan|cevap|ats|atb|atbilde|vast|vastaus|bls|bal|balas|balasan',
  'απ|απάντηση|σχετ|отв|ответ|отг|отговор|відп|відповідь|одг|одговор|odg|odgovor|răsp|hồi âm|trả lời|回复|回覆|答复|答覆|回信|返信|답장|회신|ตอบกลับ|ตอบ|השב|תשובה|רד|الرد|رد|پاسخ|उत्तर',
].join('|')

const mark = (words: string) =>
  new RegExp(`^(?:${words})\\s?(?:\\[\\d{1,3}\\]|\\(\\d{1,3}\\)|\\d{1,3}|\\^\\d{1,3})?\\s?[:：]`, 'iu')
const isForward = mark(forwards)
const isAnswer = mark(answers)
/** "VS:" passes on in Danish and Norwegian, and answers in Finnish. */
const ambiguous = /^vs\s?[:：]/i
const finnish = /^[\s>*]{0,9}(?:lähettäjä|lähetetty|vastaanottaja|aihe)\s{0,3}\*?[:：]|kirjoitti[:\s]/imu

export type SubjectMark = 'forward' | 'answer' | null

/** By the outermost mark: an answer to what was passed on is an answer. `text` tells languages apart. */
export function markOfSubject(subject: string, text: string): SubjectMark {
  const bare = subject.slice(0, 500).replace(tags, '')
  if (ambiguous.test(bare)) return finnish.test(text.slice(0, 20_000)) ? 'answer' : 'forward'
  if (isForward.test(bare)) return 'forward'
  return isAnswer.test(bare) ? 'answer' : null
}
