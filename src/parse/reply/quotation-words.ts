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
  'op|den|d\\.|på|þann|dne|dňa|dnia|w dniu|dana|u|pada|v|в|на|у|vào(?: lúc| ngày)?|la data de|în|pe data de|tarihinde|kuupäeval|el dia|στις|την',
  'ב|ביום|בתאריך|في|بتاريخ|در|เมื่อ|于|在|於',
].join('|')

/** "wrote". */
export const wroteWords = [
  'wrote|writes|written|said|sent',
  'schrieb|geschrieben|schrieben',
  'a écrit|écrit|a ecrit',
  'escribió|escribio|ha escrito',
  'escreveu|escreve',
  'ha scritto|scrive|scritto',
  'schreef|geschreven|het volgende geschreven',
  'skrev|skreiv|kirjoitti',
  'napisał|napisała|napisał\\(a\\)|pisze',
  'napsal|napsala|napsal\\(a\\)|napísal|napísala|napísal\\(a\\)',
  'написал|написала|написал\\(а\\)|пишет|писал|писала|писали|написав|пише|написа',
  'írta|ezt írta|a scris|scris|έγραψε|yazdı|şunları yazdı|menulis|đã viết|viết',
  'napisao|napisala|napisao/la|napisal|napisal\\(a\\)|написао|написао/ла|je napisao|je napisala|napisao je|napisala je|je napisal|je pisal|je pisala|написао је|написала је|написах|написа|написала|написав\\(-ла\\)|написав\\(ла\\)|написал\\(-а\\)|пишува|піша',
  'rašė|parašė|rakstīja|kirjutas|va escriure|ha escrit|escribiu|idatzi du|skrifaði|het geskryf|geskryf|menulis|shkroi|написаў',
  'כתב|כתבה|כתב/ה|مايلي كتب|كتب|كتبت|نوشت|نوشته|ने लिखा|เขียนว่า|เขียน',
].join('|')

/** "wrote" in languages that set no blanks between words. */
export const joinedWroteWords =
  '写道|寫道|写到|寫到|のメール|書きました|書いた|님이 작성|님이 쓰신 글|쓴 글|작성|작성한 글|เขียนว่า|เขียน'

/** What stands before the name in place of "wrote": "Quoting Anna <anna@example.org>:". */
export const quotingWords =
  'zitat von|zitiert von|quoting|quote from|citando(?: a)?|citat (?:från|fra|af|av)|citerar|citert|citaat van|citerend|citace|citát|cytat|cytowanie|cituji|idézet|citation de|en citant|citant|lainaus|цитирование|цитирует|цитата|引用'

/** Months; a date without one of these has figures enough to be known by. */
export const monthWords = [
  'jan\\p{L}*|feb\\p{L}*|mar\\p{L}*|apr\\p{L}*|may|jun\\p{L}*|jul\\p{L}*|aug\\p{L}*|sep\\p{L}*|oct\\p{L}*|nov\\p{L}*|dec\\p{L}*',
  'mai|mär\\p{L}*|mei|maj|okt\\p{L}*|dez\\p{L}*|déc\\p{L}*|dic\\p{L}*|fév\\p{L}*|avr\\p{L}*|aoû\\p{L}*|ene\\p{L}*|abr\\p{L}*|ago\\p{L}*|mag\\p{L}*|giu\\p{L}*|lug\\p{L}*|set\\p{L}*|ott\\p{L}*',
].join('|')

/** "Original Message", between dashes. */
export const originalWords = [
  'original (?:message|email|e-mail|appointment|mail)|reply message|original',
  'urspr\\p{L}*\\.? nachricht|original-?nachricht|ursprüngliche (?:e-?mail|mitteilung)|original-?mail',
  "message d[’']origine|message original|mail original|message initial|e-mail d[’']origine",
  'mensaje original|correo original|mensagem original|messaggio originale',
  'oorspronkelijk bericht|origineel bericht|oprindelig (?:besked|meddelelse|mail)|opprinnelig (?:melding|e-post)',
  'ursprungligt? meddelande|originalmeddelande|originalmeddelelse|alkuperäinen viesti',
  'oryginalna wiadomość|wiadomość oryginalna|wiadomość pierwotna|původní (?:zpráva|e-mail)|pôvodná správa',
  'исходное сообщение|оригинальное сообщение|пересылаемое сообщение|початкове повідомлення|оригінальне повідомлення|вихідне повідомлення|оригинално писмо',
  'izvorna poruka|originalna poruka|izvirno sporočilo|оригинално съобщение|оригинална порука|missatge original|pesan asli|thư gốc|tin nhắn gốc|algne kiri|originalas laiškas|pirminis laiškas|sākotnējā ziņa|upprunaleg skilaboð',
  'ข้อความต้นฉบับ|ข้อความเดิม|الرسالة الأصلية|رسالة أصلية|הודעה מקורית|پیام اصلی',
  'eredeti üzenet|mesaj original|orijinal (?:ileti|mesaj)|αρχικό μήνυμα',
  '原始邮件|原始郵件|原邮件|回复的原邮件|回复的邮件|原始消息|원본 ?이메일|元のメッセージ|원본 ?메일|원본 ?메시지|원본 메세지',
].join('|')

/** Stems of "forwarded": how they are bent, and with which word for a mail, differs from program to program. */
export const forwardStems = [
  'forwarded|fwd message|weitergeleitet|transf[ée]r[ée]|réexpédi|reenvia|encaminhad|inoltrat|inoltro|doorgestuurd|doorgezonden|vidarebefordra|videresend|välitet|przekaz|przesłan',
  'přepos|prepos|továbbít|redirec[țţ]ionat|yönlendir|[iİ]letil|προωθ|пересыла|пересла|перенаправ|переадрес|пересила|препрат|proslije|prosleđ|прослеђ|posredova|edastat|persiųst|pārsūt|áframsen|framsen',
  '转发|轉寄|轉發|転送|전달|הועבר|معاد توجيه|إعادة توجيه|محوّ?ل|ส่งต่อ|chuyển tiếp|terusan|diteruskan|अग्रेषित|هدایت|ارسال شده|ارسال مجدد',
].join('|')

/** Header fields as mail programs name them above a copy. */
export const fieldNames = {
  from: 'from|von|de|da|van|fra|från|lähettäjä|od|от|від|feladó|kimden|gönderen|expéditeur|remitente|remetente|mittente|afzender|avsender|avsändare|afsender|nadawca|dari|de la|από|מאת|差出人|送信者|发件人|發件人|寄件者|寄件人|보낸 ?사람|보낸이|pošiljatelj|šalje|saatja|nuo|frá|từ|จาก|از|feladó|שולח|מאת|المرسل|من|от кого|від кого|відправник|од|발신|no|प्रेषक|lähettänyt|寄件人',
  date: 'sent|date|datum|gesendet|gesendet am|envoyé|envoyé le|date d’envoi|enviado|enviado el|enviado em|enviada|enviada em|fecha|data|inviato|inviato il|verzonden|sendt|dato|skickat|lähetetty|päivämäärä|wysłano|wysłane|odesláno|dátum|дата|отправлено|надіслано|elküldve|küldve|tarih|gönderildi|trimis|message du|received|ημερομηνία|日時|送信日時|日付|发送时间|發送時間|傳送時間|日期|时间|보낸 ?날짜|날짜|보낸시간|poslano|odoslané|odoslano|enviat|dikirim|tanggal|saadetud|išsiųsta|đã gửi|ngày|ส่งเมื่อ|ส่ง|วันที่|تم الإرسال|التاريخ|תאריך|נשלח|تاریخ|изпратено|изпратено на|дата и час|послато|poslato|nosūtīts|datums|भेजा गया|दिनांक|寄件日期|verschickt|enviada a|data wysłania|保存日時',
  to: 'to|an|à|a|para|aan|naar|til|till|vastaanottaja|do|komu|кому|címzett|kime|alıcı|destinataire|destinatario|cc|kopie|copie à|copia|kopia|către|προς|宛先|收件人|收件者|받는 ?사람|받는이|za|prima|per a|kepada|kellele|kam|đến|tới|ถึง|إلى|אל|به|към|до|받은 ?사람|adressaat|प्रति',
  subject:
    'subject|betreff|objet|sujet|asunto|assunto|oggetto|onderwerp|emne|ämne|aihe|temat|předmět|predmet|тема|tárgy|konu|subiect|re|risposta|θέμα|件名|主题|主題|제목|zadeva|assumpte|perihal|subjek|teema|tema|chủ đề|เรื่อง|หัวข้อ|الموضوع|נושא|موضوع|относно|tēma|विषय|主旨|主　题|主 题|predmet|ogg|efni|प्रसंग',
} as const

/** How the line of a telephone begins. */
export const sentWords = [
  'sent (?:from|via|with|by|using|on)|sent|get|from my|from|composed|posted|written on|typed on|(?:\\p{L}+ )?from mobile',
  'von meinem|von unterwegs|gesendet (?:von|mit|mittels|über|aus|via)|verschickt mit|diese nachricht wurde von|diese nachricht wurde mit',
  "envoyé (?:de|depuis|à partir d[e’']|avec|via|par)|télécharge[rz]",
  'enviado (?:desde|de|do|a partir d[eo]|con|com|por)|inviato (?:da|dal|con)|scarica|obtener|obtenha',
  'verzonden (?:vanaf|met|via|van)|verstuurd (?:vanaf|met|via|van)|sendt (?:fra|med|via)|skickat (?:från|med|via)|skickat från min|lähetetty',
  'wysłan[eoy] (?:z|ze|przez)|wysłano (?:z|ze)|odesláno (?:z|ze)|отправлено (?:с|из|от|через)|надіслано (?:з|із)|изпратено от',
  'elküldve|küldve|trimis (?:de pe|din)|发自|發自|从我的|從我的|送信元|나의|내|odoslané z|poslano (?:s|z|sa|iz)|enviat des d|στάλθηκε από|εστάλη από|נשלח מ|נשלחה מ|أرسلت من|أُرسلت من|مرسلة من|تم الإرسال من|đã gửi từ|ส่งจาก|dikirim dari|saadetud|išsiųsta iš|sent fra|hent|hämta|hanki|získat|pobierz(?: aplikację)?|получить|obter|ottieni|télécharger|obtén|загрузить|获取|下载',
].join('|')

/** What it was sent with. */
export const devices =
  'iphon|ipad|ipod|ios|android|blackberry|windows|outlook|samsung|galaxy|smartphone|mobil|mobile|phone|handy|tablet|tableta|airmail|mailbox|yahoo|nokia|gmail|k-9|aol|nine|proton ?mail|sony|xperia|huawei|hotmail|thunderbird|mailspring|mailbird|telefon|téléphone|teléfono|telefone|telefoon|telefono|móvil|cellulare|puhelime|телефон|айфон|apple ?watch|surface|mail|verizon|t-mobile|at&t'

/** How such a line ends where the program stands first: "Outlook für iOS beziehen". */
export const sentEndings =
  'gönderildi|から送信|より送信|küldve|beziehen|gesendet|geschickt|downloaden|edinin|を入手|다운로드|에서 보냄|에서 보낸 편지|发送|發送|傳送'

/** What may follow the name of a program or a telephone. */
export const footerTail =
  'pro|plus|mini|max|ultra|app|mail|e-?mail|phone|mobile?|device|smartphone|tablet|work|secure|beta|client|desktop|gesendet|geschickt|verzonden|verstuurd|傳送|发送|發送|보냄|for|on|für|pour|para|per|voor|auf|via|with|my|dla|för|til|till|pro|için|для|over|a|an|the|network|lte|[345]g|gerät|systemu|mit|de|da|do|du|mein|meinem|min|mit|meu|mio|μου|saya|của|tôi|ของฉัน|שלי|الخاص|بي|的|から|에서|보냄|smart'
