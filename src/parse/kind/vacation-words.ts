// PURE. Words of programs that answer for somebody who is away, as parts of regular expressions. No subject is evidence enough: "Auto" is a
// car, and people ask for help with "Out of office" (classify.ts).
import { withoutTags } from './subject-tags.ts'

/** What only a program puts in front of a subject. */
const automatic = [
  'auto(?:matic|mated)?[ -]?(?:reply|response|answer)',
  'automatische (?:antwort|rückantwort)|abwesenheits(?:notiz|meldung|nachricht|assistent|benachrichtigung|info)|autoantwort',
  "réponse automatique|message d[’']absence|r[ée]ponse auto",
  'respuesta autom[aá]tica|contestaci[oó]n autom[aá]tica|resposta autom[aá]tica|resposta automàtica',
  'risposta automatica|risponditore automatico|automatisch antwoord|aut\\. antwort|automatisch bericht|afwezigheidsassistent',
  'automatiskt svar|automatisk svar|autosvar|automaattinen vastaus|poissaoloviesti|sjálfvirkt svar|frånvaromeddelande|fraværsbesked',
  'odpowiedź automatyczna|automatyczna odpowiedź|autoodpowiedź|automatická odpov[eě][dď]|automatická odpoveď',
  'automatikus válasz|r[aă]spuns automat|automatski odgovor|samodejni odgovor|automaatvastus|automātiskā? atbilde|automatinis atsakymas',
  'автоматичен отговор|автоматический ответ|автоответ(?:чик)?|автоматична відповідь|аутоматски одговор|αυτόματη απάντηση',
  'otomatik yanıt|otomatik cevap|תשובה אוטומטית|מענה אוטומטי|רד אוטומטי|رد تلقائي|الرد التلقائي|پاسخ خودکار',
  '自動応答|自動返信|不在通知|不在の通知|自动答复|自动回复|自動回覆|自動答覆|자동 ?회신|자동 ?응답|부재중 ?자동 ?응답',
  'trả lời tự động|ตอบกลับอัตโนมัติ|การตอบกลับอัตโนมัติ|balasan otomatis|jawaban otomatis|स्वचालित (?:उत्तर|जवाब)',
].join('|')

/** What it says, of absence. */
const away = [
  'out of (?:the )?office(?: (?:auto ?reply|reply|message|notice|notification|assistant))?|away from (?:the |my )?(?:office|mail)|vacation (?:reply|message|notice|response)|on (?:vacation|leave|holiday)',
  'abwesend|abwesenheit|im urlaub|nicht im büro|absent|absence(?: du bureau)?|en congés?|hors du bureau',
  'fuera de (?:la )?oficina|ausente|ausencia|de vacaciones|fuori (?:ufficio|sede)|assente|in ferie|fora do escrit[oó]rio|ausência|de férias|de baixa',
  'afwezig(?:heid)?|niet aanwezig|op vakantie|ej på kontoret|frånvarande|på semester|fraværende|på ferie|ikke til stede|poissa|lomalla',
  'poza biurem|nieobecn(?:y|a|ość)|na urlopie|mimo kancelář|dovolená|házon kívül|szabadságon|în concediu|вне офиса|в отпуске|отсутству(?:ю|ет)|у відпустці|ofis dışında|izinde|εκτός γραφείου',
  '不在|休暇|外出|不在办公室|休假|부재|휴가|ไม่อยู่|vắng mặt',
].join('|')

/** "I am away until …": the first words of such an answer. */
const absence = [
  "(?:i am|i[’']m|i will be|i[’']ll be|we are|currently|is) (?:currently |presently |now )?(?:out of|away|absent|on (?:[a-z]+ )?(?:leave|vacation|holidays?|travel)|not (?:in|available))|(?:will|shall) (?:be back|return|respond|reply)|limited (?:access|availability)|no access to (?:my )?e-?mail",
  'nicht im (?:büro|hause)|abwesend|im urlaub|nicht erreichbar|bin (?:ich )?(?:ab|erst|vom|bis)|wieder (?:im büro|erreichbar|für sie da)|wird nicht weitergeleitet',
  'absente?|de retour|en cong|serai de|fuera de|de vacaciones|ausente|regres|fuori|assente|in ferie|rientr|fora do|de férias|retorn',
  'afwezig|niet (?:aanwezig|op kantoor)|vakantie|terug|inte på|semester|tillbaka|ferie|fravær|tilbage|tilbake|poissa|lomalla|palaan',
  'poza biurem|urlop|nieobecn|wracam|dovolen|mimo kancelář|szabadság|concediu|отпуск|отсутств|вернусь|відпуст|ofis dışı|izin|εκτός',
  '不在|休暇|休み|不在办公室|休假|出差|부재|휴가|자리를 비',
].join('|')

const subject = new RegExp(
  `^\\W{0,3}(?:${automatic})(?:\\s{0,2}[:：!\\]—–-]|\\s{0,2}$|\\s(?:from|von|de|re|aw|to|on)\\b|\\s{0,2}\\()`,
  'iu',
)
const awaySubject = new RegExp(
  `^\\W{0,3}(?:${away})(?:\\s{0,2}(?:[:：!\\]—–(-]|$)|\\s(?:re|aw|until|till|bis|vom|from|jusqu|hasta|fino|tot|till|do|до)\\b)`,
  'iu',
)
const absenceText = new RegExp(`(?:${absence})`, 'iu')

/** The answer says of itself that no person wrote it. */
const confession = [
  'this (?:e-?mail |message )?is an? auto(?:matic|mated|matically)?[ -]?(?:generated )?(?:e-?mail |message )?(?:reply|response|answer|message|e-?mail|notification)',
  '(?:this|an?) automat(?:ic|ed) (?:reply|response|answer)|automatically generated|do not (?:reply|respond) to this',
  'automatische (?:antwort|nachricht|e-?mail|rückantwort|eingangsbestätigung)|automatisch (?:generiert|erstellt|erzeugt)|antworten sie (?:bitte )?nicht auf diese',
  '(?:réponse|message|courriel|e-?mail) automatique|généré automatiquement|ne (?:pas )?répond',
  '(?:respuesta|mensaje|correo) (?:autom[aá]tic|generado autom)|resposta autom[aá]tica|mensagem autom[aá]tica|risposta automatica|messaggio automatico',
  'automatisch(?:e)? (?:antwoord|bericht)|automatisk(?:t)? svar|automaattinen|odpowiedź (?:jest )?automatyczna|wygenerowan[ay] automatycznie|automatick[áé]|automatikus',
  'автоматическ(?:ий|ое) (?:ответ|сообщение|письмо)|otomatik|αυτόματ|自動(?:返信|応答|送信|回覆|答覆)|自动(?:回复|答复)|자동 ?(?:회신|응답|발송)',
].join('|')

const confessed = new RegExp(`(?:${confession})`, 'iu')

/** Only a program puts these words in front of a subject, or a person who writes about it. */
export function isAutomaticSubject(text: string): boolean {
  return subject.test(withoutTags(text.slice(0, 200)).trim())
}

/** The text is a program's: it says that it is, or that somebody is away; and it asks for nothing. */
export function readsAutomatic(text: string): boolean {
  const words = text.slice(0, 1_500)
  return (confessed.test(words) || absenceText.test(words)) && !asks.test(words)
}

/** A subject that says that somebody is away: a program's, or a person's. */
export function isAwaySubject(text: string): boolean {
  return awaySubject.test(withoutTags(text.slice(0, 200)).trim())
}

/** A question, or somebody who wants something done. */
const asks =
  /[?？؟]|\b(?:please (?:set|help|tell|turn|switch|activate|enable|configure|change|advise|fix|check|look into)|(?:can|could) you|how (?:do|can|to)\b|i (?:need|want|would like) (?:help|to|an?\b)|we (?:need|want)\b)|(?<!\p{L})(?:bitte (?:richten|schalten|aktivieren|stellen|ändern|helfen|hilf|prüfen)|ich (?:brauche|benötige|möchte)|wir (?:brauchen|benötigen)|wie kann|j[’']ai besoin|je voudrais|pouvez-vous|necesito|quisiera|podr[ií]an|preciso de|vorrei|ho bisogno|ik wil|kunt u|kunnen jullie|помогите|подскажите|proszę o|prosím o)/iu

/** Somebody is away, and asks for nothing. */
export function tellsOfAbsence(text: string): boolean {
  const words = text.slice(0, 1_500)
  return absenceText.test(words) && !asks.test(words)
}
