// PURE. How likely it is that a text was written by people, for telling in which charset bytes are: of languages with an alphabet the pairs of
// letters that occur in samples of what people write to a helpdesk, of East Asian ones the letters that are common. Bytes that are read in the
// wrong charset give pairs and letters that hardly occur.

/** Languages by the charsets that they are written in. */
const samples: ReadonlyMap<string, string> = new Map(
  Object.entries({
    western:
      'für über möchte können müssen würde größe straße grüße süß weiß heißt schön hören nächste wäre hätte gerät erhöht öffnen übrig lösung rückgabe fähig prüfen ärger öl münchen köln österreich zürich ' +
      'où été déjà après très là voilà même être où reçu français problème réponse numéro expédié août février désolé à bientôt côté coût hôtel naïf cœur élève création société téléphone pièce jointe référence garçon leçon ' +
      'qué cómo está están más también después información número teléfono envío dirección mañana año español señor atención gracias día aún según país sólo será época jamón pingüino niño ' +
      'não são você também informação situação solução ações opções razões então além código até água número através três mês atenção endereço preço serviço português avô próximo última câmera vírus ' +
      'perché è più già però così città qualità può sarà università lunedì ' +
      'är för också får når där måste från på två åtta hjälp köpa snälla öppna väg tjänst försäljning påse ålder ' +
      'på får også når være første spørgsmål køb købe købt årsag ærlig ænder måned tænke sælger løsning gør bøger større ' +
      'että päivä minä tämä hyvää kiitän yhä myös työ täällä pöytä äänestää lähetys määrä käyttö ääni ' +
      'það þetta góðan við til að ég fá fæ löng öðru sími pöntun ísland ð ' +
      'één naïef coördinatie geïnstalleerd ruïne café è ça français',
    cyrillic:
      'здравствуйте привет добрый день пожалуйста спасибо подскажите когда будет мой заказ номер товар посылка доставка оплата счет договор компания прошу вас сообщить почему не работает как можно вернуть деньги ' +
      'вопрос ответ письмо заявка информация по вашему запросу с уважением сегодня завтра уже получил отправить адрес телефон москва россия это что который только если есть для нас было после этого еще очень нужно помощь проблема ' +
      'добрий день дякую будь ласка замовлення коли прийде моє повідомлення україна київ її їх є це але також ваш рахунок потрібно допомога ' +
      'здравейте благодаря моля поръчка кога ще получа българия софия',
    greek:
      'καλημέρα καλησπέρα σας ευχαριστώ παρακαλώ πότε θα έρθει η παραγγελία μου αριθμός προϊόν δεν λειτουργεί και το να του της των είναι με για που από στην στο πρόβλημα ερώτηση απάντηση ελλάδα αθήνα χρειάζομαι βοήθεια τιμολόγιο ' +
      'πληρωμή αποστολή διεύθυνση τηλέφωνο σήμερα αύριο έχω έχει μπορώ θέλω όταν αυτό όμως ακόμα λάβει εταιρεία φιλικά χαιρετισμούς',
    hebrew:
      'שלום תודה בבקשה מתי תגיע ההזמנה שלי מספר מוצר לא עובד של את על אני הוא היא זה עם כל אבל גם יש אין בעיה שאלה תשובה ישראל תל אביב עזרה חשבונית תשלום משלוח כתובת טלפון היום מחר קיבלתי רוצה לקבל החזר כסף חברה בברכה',
    arabic:
      'مرحبا السلام عليكم شكرا من فضلك متى يصل طلبي رقم المنتج لا يعمل في على إلى عن مع هذا هذه التي الذي كان أن ما هو هي لم لقد أريد المساعدة مشكلة سؤال جواب فاتورة الدفع الشحن عنوان هاتف اليوم غدا استلمت شركة تحياتي ' +
      'سلام لطفا سفارش کجا است برای این که را می با',
    thai: 'สวัสดี ขอบคุณ ครับ ค่ะ กรุณา เมื่อไหร่ สินค้า คำสั่งซื้อ หมายเลข ไม่ทำงาน ของ ที่ และ ใน เป็น ได้ มี การ จะ ให้ ไม่ ความ ช่วยเหลือ ปัญหา คำถาม ใบเสร็จ ชำระเงิน จัดส่ง ที่อยู่ โทรศัพท์ วันนี้ พรุ่งนี้ ประเทศไทย ต้องการ แล้ว ยัง บริษัท',
    central:
      'dzień dobry proszę dziękuję kiedy będzie zamówienie przesyłka gdzie jest mój mogę również już został płatność wysyłka pytanie odpowiedź pomóc łączę się żeby też źle ćwiczyć późno świeży słońce większość książka ' +
      'dobrý den prosím děkuji kdy přijde moje objednávka číslo zboží nefunguje můžete také ještě že zásilka není příští účet řešení žádost dotaz odpověď vrácení český těším se ďakujem ľúbiť môj dĺžka ' +
      'jó napot kérem köszönöm mikor érkezik megrendelésem száma működik kérdés válasz segítség később szállítás fizetés telefonszám időpont rendelés őszintén tűz győr nő és egy nagyon még már üdvözlettel ' +
      'čestitam želim molim narudžba kada će stići račun gdje više također šifra žao odgovor može naročilo hvala ' +
      'bună ziua mulţumesc când vine comanda întrebare şi în să că până aţi vă rog',
    turkish:
      'merhaba teşekkür ederim lütfen siparişim ne zaman gelecek ürün çalışmıyor için değil çok nasıl ödeme kargo şirket müşteri hizmetleri yardım istiyorum şu bir şey görüşmek üzere iyi günler açık doğru ığ ış ıl türkiye iade',
    baltic:
      'laba diena ačiū prašau kada atvyks užsakymas mano numeris neveikia jūsų žmonės šiandien rytoj pinigų grąžinimas įmonė kaip ėjo visą labdien paldies lūdzu pasūtījums kad tiks piegādāts mans nav saņemts ļoti šodien rīt jautājums ķēde',
  }),
)

/** Of a letter and the one behind it, or the edge of a word, those with a letter that is not ASCII. */
function pairsOf(text: string): string[] {
  return [...` ${text} `.matchAll(/(?=([\p{L}\p{M}\s][\p{L}\p{M}\s]))/gu)].flatMap(([, pair = '']) => {
    const plain = pair.replace(/\s/g, ' ')
    return /\P{ASCII}/u.test(plain) ? [plain] : []
  })
}

const pairs = new Map<string, ReadonlySet<string>>()

function knownPairs(language: string): ReadonlySet<string> {
  const found = pairs.get(language) ?? new Set(pairsOf(samples.get(language) ?? ''))
  pairs.set(language, found)
  return found
}

/** A capital behind a small letter is a sign of the wrong charset. */
const swapped = /\p{Ll}\p{Lu}/u

/** The share of the pairs of letters that people write in this language, 0 to 1, and how many there are in all. */
export function fluencyOf(text: string, language: string): { share: number; count: number } {
  const known = knownPairs(language)
  const found = pairsOf(text)
  const fluent = found.filter(pair => !swapped.test(pair) && known.has(pair.toLowerCase()))
  // What is no letter at all is no text either: signs, controls.
  const foreign =
    text.match(
      /[\u0080-\u00a0\u00a4-\u00a7\u00ac\u00af\u00b1-\u00b3\u00b6\u00b8-\u00bf\u00d7\u00f7\u2500-\u259f\ufffd]/g,
    )?.length ?? 0
  const count = found.length + foreign
  return { share: count === 0 ? 0 : fluent.length / count, count }
}

const common: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    chinese:
      '的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命金指许统区保至形社便空决治展司基听白却界达光放强即像难且思完设式色路记南品住告类求据程北张该交规取格望术领共确传师观清今切院让识候带导收付款货您请谢订单发邮箱客户服务退换查询联系账号密码网址投诉票丢失坏损取消催修错误欢迎通知购买价格商店系统登录帮助麻烦需要',
    traditional:
      '的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心本前開但因只從想實日者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應向頭文體政美相見被利什二等產或新己制身果加西月話合回特代內信表化老給世位次度門任常先海通教原東聲提立及比員解水名真論處走義各入幾口認條平系氣題活更別打女變四總何電數安少報才結反受目太量再感建務做接必場件計管期市直資命金指許統區保至形社便空決展司基聽白卻界達光放強即難且思完設式色路記品住告類求據程北該交規取格望術領共確傳師觀清今切院讓識候帶導收付款貨您請謝訂單郵箱客戶服務退換查詢聯絡帳號密碼網址投訴票遺失壞損取消催修錯誤歡迎通知購買價格商店登錄幫助臺灣',
    japanese:
      '日本人年大会国月時分社的出行回同事自見間言思上中前下生者合当立部体来手場方気業今問対性金発成定用心何現後変高関話全新動強数理文長明最実物度化安通先主山感法女平私意正水書知新機取所入学注文商品番号送付返信連絡確認願致会社株式様件名御電届支払購入申込予約店舗利用',
    korean:
      '이다는가을의에하고지도를은한기로사어나리자인시아대서해일그안니요습있게정보수주들전부제상문구면스만적과으원장거연신되라공여관조경화세중소오용비무성동위생물내품송확감드립회데네까계없와야우미모마바반방배발번변별본불분빨진직질차처천청체초최추출치친카코크타터통트특파판포표필학항행현형호환활후려련로료류르률름날남너년노누느능늘단달담당더된될두뒤든등디따때또락람러렇레른매맞먹며명몇못및민받밖',
  }).map(([language, letters]) => [language, new Set(letters)] as const),
)

/** The share of the foreign letters that are common in this East Asian language, 0 to 1, and how many there are in all. */
export function commonnessOf(text: string, language: string): { share: number; count: number } {
  const letters = common.get(language) ?? new Set()
  const foreign = [...text].filter(letter => letter > '\u007f')
  // Kana are Japanese; full-width marks are everybody's and prove little.
  const marks = foreign.filter(letter => /[\u3000-\u3003\u3008-\u3011\uff00-\uff20]/.test(letter)).length
  const kana = language === 'japanese' ? foreign.filter(letter => /[\u3040-\u30ff]/.test(letter)).length : 0
  const count = foreign.length - marks
  const known = foreign.filter(letter => letters.has(letter)).length + kana
  return { share: count === 0 ? 0 : known / count, count }
}
