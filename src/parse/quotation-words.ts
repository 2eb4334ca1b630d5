// PURE. What mail programs write around the mail that they quote, by language: parts of regular expressions. A language is added by
// adding its words here; how they stand together is in reply.ts.

/** What an introduction begins with: "On …", "Am …", "Le …". */
export const introducers = [
  'on|at|in reply to|in message',
  'am|um',
  'le|a la date du',
  'el|en fecha',
  'il giorno|il|in data',
  'em|no dia|a',
  'op|den|d\\.|på|dne|dnia|w dniu|pada|v|в|vào(?: lúc| ngày)?|la data de|tarihinde',
].join('|')

/** "wrote". */
export const wroteWords = [
  'wrote|writes|written|said|sent',
  'schrieb|hat geschrieben|schrieben',
  'a écrit|écrit|a ecrit',
  'escribió|escribio|ha escrito',
  'escreveu|escreve',
  'ha scritto|scrive|scritto',
  'schreef|geschreven|het volgende geschreven',
  'skrev|skreiv|kirjoitti',
  'napisał|napisała|napisał\\(a\\)|pisze',
  'napsal|napsala|napsal\\(a\\)|napísal|napísala',
  'написал|написала|написал\\(а\\)|пишет|писал|написав|пише|написа',
  'írta|ezt írta|a scris|scris|έγραψε|yazdı|şunları yazdı|menulis|đã viết|viết',
  '写道|寫道|のメール|さんは書きました|さんからのメール|님이 작성|작성|כתב|כתבה|مايلي كتب|كتب',
].join('|')

/** Months; a date without one of these has figures enough to be known by. */
export const monthWords = [
  'jan\\p{L}*|feb\\p{L}*|mar\\p{L}*|apr\\p{L}*|may|jun\\p{L}*|jul\\p{L}*|aug\\p{L}*|sep\\p{L}*|oct\\p{L}*|nov\\p{L}*|dec\\p{L}*',
  'mai|mär\\p{L}*|mei|maj|okt\\p{L}*|dez\\p{L}*|déc\\p{L}*|dic\\p{L}*|fév\\p{L}*|avr\\p{L}*|aoû\\p{L}*|ene\\p{L}*|abr\\p{L}*|ago\\p{L}*|mag\\p{L}*|giu\\p{L}*|lug\\p{L}*|set\\p{L}*|ott\\p{L}*',
].join('|')

/** "Original Message", between dashes. */
export const originalWords = [
  'original (?:message|email|e-mail|appointment|mail)|reply message|original',
  'urspr\\p{L}*\\.? nachricht|original-?nachricht|ursprüngliche e-?mail|original-?mail',
  "message d[’']origine|message original|mail original|message initial|e-mail d[’']origine",
  'mensaje original|correo original|mensagem original|messaggio originale',
  'oorspronkelijk bericht|origineel bericht|oprindelig (?:besked|meddelelse|mail)|opprinnelig (?:melding|e-post)',
  'ursprungligt? meddelande|originalmeddelande|originalmeddelelse|alkuperäinen viesti',
  'oryginalna wiadomość|wiadomość oryginalna|wiadomość pierwotna|původní (?:zpráva|e-mail)|pôvodná správa',
  'исходное сообщение|оригинальное сообщение|пересылаемое сообщение|початкове повідомлення',
  'eredeti üzenet|mesaj original|orijinal (?:ileti|mesaj)|αρχικό μήνυμα',
  '原始邮件|原始郵件|原邮件|原始消息|元のメッセージ|원본 ?메일|원본 ?메시지|원본 메세지',
].join('|')

/** "Forwarded message". */
export const forwardWords = [
  'forwarded (?:message|by .{1,80}|mail|email)|begin forwarded message',
  'weitergeleitete (?:nachricht|mail)|anfang der weitergeleiteten (?:nachricht|e-?mail)',
  'message (?:transféré|réexpédié)|début du message (?:réexpédié|transféré)',
  'mensaje reenviado|inicio del mensaje reenviado|mensagem (?:encaminhada|reencaminhada)|início da mensagem (?:encaminhada|reencaminhada)',
  'messaggio inoltrato|inizio messaggio inoltrato|doorgestuurd bericht|begin doorgestuurd bericht',
  'vidarebefordrat (?:meddelande|mejl|brev)|videresendt (?:besked|melding|e-?mail)|välitetty viesti',
  'treść przekazanej wiadomości|wiadomość przekazana|přeposlaná zpráva|пересылаемое письмо|转发邮件|轉寄郵件|転送メッセージ|전달된 메시지',
].join('|')

/** Header fields as mail programs name them above a copy. */
export const fieldNames = {
  from: 'from|von|de|da|van|fra|från|lähettäjä|od|от|від|feladó|kimden|gönderen|expéditeur|remitente|remetente|mittente|afzender|avsender|avsändare|afsender|nadawca|dari|de la|από|מאת|差出人|送信者|发件人|發件人|寄件者|寄件人|보낸 ?사람|보낸이',
  date: 'sent|date|datum|gesendet|gesendet am|envoyé|envoyé le|date d’envoi|enviado|enviado el|enviado em|enviada|enviada em|fecha|data|inviato|inviato il|verzonden|sendt|dato|skickat|lähetetty|päivämäärä|wysłano|wysłane|odesláno|dátum|дата|отправлено|надіслано|elküldve|küldve|tarih|gönderildi|trimis|message du|received|ημερομηνία|日時|送信日時|日付|发送时间|發送時間|傳送時間|日期|时间|보낸 ?날짜|날짜|보낸시간',
  to: 'to|an|à|a|para|aan|naar|til|till|vastaanottaja|do|komu|кому|címzett|kime|alıcı|destinataire|destinatario|cc|kopie|copie à|copia|kopia|către|προς|宛先|收件人|收件者|받는 ?사람|받는이',
  subject:
    'subject|betreff|objet|sujet|asunto|assunto|oggetto|onderwerp|emne|ämne|aihe|temat|předmět|predmet|тема|tárgy|konu|subiect|re|risposta|θέμα|件名|主题|主題|제목',
} as const

/** How the line of a telephone begins. */
export const sentWords = [
  'sent (?:from|via|with|by|using|on)|sent|get|from my|from|composed|posted|written on|typed on|(?:\\p{L}+ )?from mobile',
  'von meinem|von unterwegs|gesendet (?:von|mit|mittels|über|aus|via)|verschickt mit|diese nachricht wurde von|diese nachricht wurde mit',
  "envoyé (?:de|depuis|à partir d[e’']|avec|via|par)|télécharge[rz]",
  'enviado (?:desde|de|do|a partir d[eo]|con|com|por)|inviato (?:da|dal|con)|scarica|obtener|obtenha',
  'verzonden (?:vanaf|met|via|van)|verstuurd (?:vanaf|met|via|van)|sendt (?:fra|med|via)|skickat (?:från|med|via)|skickat från min|lähetetty',
  'wysłan[eoy] (?:z|ze|przez)|wysłano (?:z|ze)|odesláno (?:z|ze)|отправлено (?:с|из|от|через)|надіслано (?:з|із)|изпратено от',
  'elküldve|küldve|trimis (?:de pe|din)|发自|發自|從我的|送信元|나의',
].join('|')

/** What it was sent with. */
export const devices =
  'iphone|ipad|ipod|ios|android|blackberry|windows|outlook|samsung|galaxy|smartphone|mobil|mobile|phone|handy|tablet|tableta|airmail|mailbox|yahoo|nokia|gmail|k-9|aol|nine|proton ?mail|sony|xperia|huawei|hotmail|thunderbird|mailspring|mailbird|telefon|téléphone|teléfono|telefone|telefoon|telefono|móvil|cellulare|puhelime|телефон|айфон|apple ?watch|surface|mail|verizon|t-mobile|at&t'
