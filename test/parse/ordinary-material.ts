// What customers write, in fifteen languages: a question, a complaint, an order, something about being away, something about mail that came
// back. With the words of mail programs in these languages.

export interface Material {
  language: string
  greeting: string
  /** Question, complaint, order. */
  words: readonly [string, string, string]
  /** Subject and text of a person who writes about absence, and about returned mail. */
  absence: readonly [string, string]
  returned: readonly [string, string]
  closing: string
  /** Of Gmail, Apple Mail, Thunderbird. */
  introductions: readonly [string, string, string]
  /** From, Sent, To, Subject. */
  fields: readonly [string, string, string, string]
  original: string
  forwarded: string
  footer: string
  replyPrefix: string
  forwardPrefix: string
}

export const materials: readonly Material[] = [
  {
    language: 'en',
    greeting: 'Hello,',
    words: [
      'when will my order 4711 be delivered? The page says "sent" since Monday.',
      'the lamp arrived broken: the glass has a crack, and one screw is missing. I would like a new one.',
      'please send me 3 boxes of the blue paper (article 88-20) and an invoice to our new address.',
    ],
    absence: [
      'Out of office next week: please hold my parcel',
      'I am on vacation from 3 to 10 August. Can you deliver after that? Nobody is at home.',
    ],
    returned: [
      'Your mail was returned to sender?',
      'my mail to sales@example.com came back: "550 5.1.1 user unknown". Delivery failed three times. Is the address right?',
    ],
    closing: 'Kind regards\nAnna Berg',
    introductions: [
      'On Mon, Nov 23, 2026 at 9:15 AM Support <support@example.com> wrote:',
      'On 23 Nov 2026, at 09:15, Support <support@example.com> wrote:',
      'On 23/11/2026 09:15, Support wrote:',
    ],
    fields: ['From', 'Sent', 'To', 'Subject'],
    original: 'Original Message',
    forwarded: 'Forwarded message',
    footer: 'Sent from my iPhone',
    replyPrefix: 'Re',
    forwardPrefix: 'Fwd',
  },
  {
    language: 'de',
    greeting: 'Guten Tag,',
    words: [
      'wann kommt meine Bestellung 4711? Seit Montag steht auf der Seite „versandt“.',
      'die Lampe kam zerbrochen an: Das Glas hat einen Sprung, und eine Schraube fehlt. Ich hätte gern eine neue.',
      'bitte schicken Sie mir 3 Pakete vom blauen Papier (Artikel 88-20) und die Rechnung an die neue Anschrift.',
    ],
    absence: [
      'Abwesenheit und Urlaub: Lieferung verschieben',
      'vom 3. bis 10. August bin ich im Urlaub und nicht erreichbar. Können Sie danach liefern?',
    ],
    returned: [
      'Mail unzustellbar, was tun?',
      'meine Mail an verkauf@example.com kam zurück: „550 5.1.1 user unknown“, nicht zustellbar. Stimmt die Adresse?',
    ],
    closing: 'Mit freundlichen Grüßen\nJörg Müller',
    introductions: [
      'Am Mo., 23. Nov. 2026 um 09:15 Uhr schrieb Support <support@example.com>:',
      'Am 23.11.2026 um 09:15 schrieb Support <support@example.com>:',
      'Am 23.11.26 um 09:15 schrieb Support:',
    ],
    fields: ['Von', 'Gesendet', 'An', 'Betreff'],
    original: 'Ursprüngliche Nachricht',
    forwarded: 'Weitergeleitete Nachricht',
    footer: 'Von meinem iPhone gesendet',
    replyPrefix: 'AW',
    forwardPrefix: 'WG',
  },
  {
    language: 'fr',
    greeting: 'Bonjour,',
    words: [
      'quand ma commande 4711 sera-t-elle livrée ? Le site indique « expédiée » depuis lundi.',
      'la lampe est arrivée cassée : le verre est fêlé et il manque une vis. J’en voudrais une neuve.',
      'merci de m’envoyer 3 cartons de papier bleu (article 88-20) et la facture à notre nouvelle adresse.',
    ],
    absence: [
      'Absence du bureau en août : livraison',
      'je serai en congés du 3 au 10 août, donc absente. Pouvez-vous livrer après ?',
    ],
    returned: [
      'Message non remis : votre adresse ?',
      'mon message à ventes@example.com est revenu avec « 550 5.1.1 user unknown », non distribué. L’adresse est-elle juste ?',
    ],
    closing: 'Cordialement\nHélène Lefèvre',
    introductions: [
      'Le lun. 23 nov. 2026 à 09:15, Support <support@example.com> a écrit :',
      'Le 23 nov. 2026 à 09:15, Support <support@example.com> a écrit :',
      'Le 23/11/2026 à 09:15, Support a écrit :',
    ],
    fields: ['De', 'Envoyé', 'À', 'Objet'],
    original: 'Message d’origine',
    forwarded: 'Message transféré',
    footer: 'Envoyé de mon iPhone',
    replyPrefix: 'RE',
    forwardPrefix: 'TR',
  },
  {
    language: 'es',
    greeting: 'Buenos días:',
    words: [
      '¿cuándo llegará mi pedido 4711? La página dice «enviado» desde el lunes.',
      'la lámpara llegó rota: el cristal tiene una grieta y falta un tornillo. Quisiera una nueva.',
      'por favor, envíenme 3 cajas de papel azul (artículo 88-20) y la factura a la nueva dirección.',
    ],
    absence: [
      'Fuera de la oficina en agosto, cambiar entrega',
      'estaré de vacaciones del 3 al 10 de agosto. ¿Pueden entregar después?',
    ],
    returned: [
      'Correo devuelto, ¿qué hago?',
      'mi correo a ventas@example.com fue devuelto: «550 5.1.1 user unknown», no se pudo entregar. ¿Es correcta la dirección?',
    ],
    closing: 'Un saludo\nMaría Núñez',
    introductions: [
      'El lun, 23 nov 2026 a las 9:15, Support (<support@example.com>) escribió:',
      'El 23 nov 2026, a las 9:15, Support <support@example.com> escribió:',
      'El 23/11/2026 a las 9:15, Support escribió:',
    ],
    fields: ['De', 'Enviado', 'Para', 'Asunto'],
    original: 'Mensaje original',
    forwarded: 'Mensaje reenviado',
    footer: 'Enviado desde mi iPhone',
    replyPrefix: 'RE',
    forwardPrefix: 'RV',
  },
  {
    language: 'it',
    greeting: 'Buongiorno,',
    words: [
      'quando arriverà il mio ordine 4711? Il sito dice «spedito» da lunedì.',
      'la lampada è arrivata rotta: il vetro ha una crepa e manca una vite. Ne vorrei una nuova.',
      'vi prego di inviarmi 3 scatole di carta blu (articolo 88-20) e la fattura al nuovo indirizzo.',
    ],
    absence: [
      'Fuori ufficio ad agosto, spostare la consegna',
      'sarò in ferie dal 3 al 10 agosto. Potete consegnare dopo?',
    ],
    returned: [
      'Mancata consegna della mia mail',
      'la mia mail a vendite@example.com è tornata: «550 5.1.1 user unknown», non è stato possibile recapitarla. È giusto l’indirizzo?',
    ],
    closing: 'Cordiali saluti\nNicolò Bianchi',
    introductions: [
      'Il giorno lun 23 nov 2026 alle ore 09:15 Support <support@example.com> ha scritto:',
      'Il giorno 23 nov 2026, alle ore 09:15, Support <support@example.com> ha scritto:',
      'Il 23/11/2026 09:15, Support ha scritto:',
    ],
    fields: ['Da', 'Inviato', 'A', 'Oggetto'],
    original: 'Messaggio originale',
    forwarded: 'Messaggio inoltrato',
    footer: 'Inviato da iPhone',
    replyPrefix: 'R',
    forwardPrefix: 'I',
  },
  {
    language: 'pt',
    greeting: 'Bom dia,',
    words: [
      'quando chega a minha encomenda 4711? A página diz «enviada» desde segunda-feira.',
      'o candeeiro chegou partido: o vidro tem uma fenda e falta um parafuso. Queria um novo.',
      'por favor enviem-me 3 caixas de papel azul (artigo 88-20) e a fatura para a nova morada.',
    ],
    absence: ['Ausência em agosto e entrega', 'estarei de férias de 3 a 10 de agosto. Podem entregar depois?'],
    returned: [
      'O meu e-mail foi devolvido',
      'o meu e-mail para vendas@example.com foi devolvido: «550 5.1.1 user unknown», não foi entregue. O endereço está certo?',
    ],
    closing: 'Cumprimentos\nJoão Conceição',
    introductions: [
      'Em seg., 23 de nov. de 2026 às 09:15, Support <support@example.com> escreveu:',
      'No dia 23/11/2026, às 09:15, Support <support@example.com> escreveu:',
      'Em 23/11/2026 09:15, Support escreveu:',
    ],
    fields: ['De', 'Enviada', 'Para', 'Assunto'],
    original: 'Mensagem original',
    forwarded: 'Mensagem encaminhada',
    footer: 'Enviado do meu iPhone',
    replyPrefix: 'RES',
    forwardPrefix: 'ENC',
  },
  {
    language: 'nl',
    greeting: 'Goedemorgen,',
    words: [
      'wanneer komt mijn bestelling 4711? Op de site staat sinds maandag ‘verzonden’.',
      'de lamp kwam kapot aan: er zit een barst in het glas en er ontbreekt een schroef. Ik wil graag een nieuwe.',
      'stuur mij alstublieft 3 dozen blauw papier (artikel 88-20) en de factuur naar het nieuwe adres.',
    ],
    absence: [
      'Afwezigheid in augustus, levering verzetten',
      'van 3 tot 10 augustus ben ik op vakantie. Kunt u daarna leveren?',
    ],
    returned: [
      'Mail niet bezorgd, klopt het adres?',
      'mijn mail aan verkoop@example.com kwam terug: ‘550 5.1.1 user unknown’, niet bezorgd. Klopt het adres?',
    ],
    closing: 'Met vriendelijke groet\nMaaike de Boer',
    introductions: [
      'Op ma 23 nov 2026 om 09:15 schreef Support <support@example.com>:',
      'Op 23 nov. 2026, om 09:15 heeft Support <support@example.com> het volgende geschreven:',
      'Op 23-11-2026 om 09:15 schreef Support:',
    ],
    fields: ['Van', 'Verzonden', 'Aan', 'Onderwerp'],
    original: 'Oorspronkelijk bericht',
    forwarded: 'Doorgestuurd bericht',
    footer: 'Verstuurd vanaf mijn iPhone',
    replyPrefix: 'Antw',
    forwardPrefix: 'FW',
  },
  {
    language: 'sv',
    greeting: 'Hej!',
    words: [
      'När kommer min beställning 4711? På sidan står det ”skickad” sedan i måndags.',
      'Lampan kom fram trasig: glaset har en spricka och en skruv saknas. Jag vill gärna ha en ny.',
      'Var snäll och skicka 3 lådor blått papper (artikel 88-20) och fakturan till vår nya adress.',
    ],
    absence: [
      'På semester i augusti, flytta leveransen',
      'Jag är på semester 3–10 augusti. Kan ni leverera efter det?',
    ],
    returned: [
      'Mitt mejl kunde inte levereras',
      'Mitt mejl till salj@example.com kom tillbaka: ”550 5.1.1 user unknown”. Stämmer adressen?',
    ],
    closing: 'Vänliga hälsningar\nÅsa Sjöberg',
    introductions: [
      'Den mån 23 nov. 2026 kl 09:15 skrev Support <support@example.com>:',
      '23 nov. 2026 kl. 09:15 skrev Support <support@example.com>:',
      'Den 2026-11-23 kl. 09:15, skrev Support:',
    ],
    fields: ['Från', 'Skickat', 'Till', 'Ämne'],
    original: 'Ursprungligt meddelande',
    forwarded: 'Vidarebefordrat meddelande',
    footer: 'Skickat från min iPhone',
    replyPrefix: 'SV',
    forwardPrefix: 'VB',
  },
  {
    language: 'da',
    greeting: 'Hej',
    words: [
      'Hvornår kommer min ordre 4711? På siden står der »afsendt« siden mandag.',
      'Lampen kom i stykker: glasset har en revne, og der mangler en skrue. Jeg vil gerne have en ny.',
      'Send mig venligst 3 æsker blåt papir (vare 88-20) og fakturaen til vores nye adresse.',
    ],
    absence: ['Ferie i august, flyt leveringen', 'Jeg er på ferie fra 3. til 10. august. Kan I levere bagefter?'],
    returned: [
      'Min mail kom retur',
      'Min mail til salg@example.com kom retur: »550 5.1.1 user unknown«, kunne ikke leveres. Er adressen rigtig?',
    ],
    closing: 'Venlig hilsen\nSøren Kjær',
    introductions: [
      'Den man. 23. nov. 2026 kl. 09.15 skrev Support <support@example.com>:',
      'Den 23. nov. 2026 kl. 09.15 skrev Support <support@example.com>:',
      'Den 23-11-2026 kl. 09:15 skrev Support:',
    ],
    fields: ['Fra', 'Sendt', 'Til', 'Emne'],
    original: 'Oprindelig meddelelse',
    forwarded: 'Videresendt besked',
    footer: 'Sendt fra min iPhone',
    replyPrefix: 'SV',
    forwardPrefix: 'FW',
  },
  {
    language: 'pl',
    greeting: 'Dzień dobry,',
    words: [
      'kiedy dotrze moje zamówienie 4711? Na stronie od poniedziałku widnieje „wysłane”.',
      'lampa dotarła uszkodzona: szkło jest pęknięte i brakuje śruby. Proszę o nową.',
      'proszę o przesłanie 3 paczek niebieskiego papieru (artykuł 88-20) i faktury na nowy adres.',
    ],
    absence: [
      'Nieobecność w sierpniu a dostawa',
      'od 3 do 10 sierpnia jestem na urlopie. Czy możecie dostarczyć później?',
    ],
    returned: [
      'Zwrot mojej wiadomości',
      'moja wiadomość na adres sprzedaz@example.com wróciła: „550 5.1.1 user unknown”, nie została dostarczona. Czy adres jest poprawny?',
    ],
    closing: 'Pozdrawiam\nŁukasz Wójcik',
    introductions: [
      'pon., 23 lis 2026 o 09:15 Support <support@example.com> napisał(a):',
      'Wiadomość napisana przez Support <support@example.com> w dniu 23 lis 2026, o godz. 09:15:',
      'W dniu 23.11.2026 o 09:15, Support pisze:',
    ],
    fields: ['Od', 'Wysłano', 'Do', 'Temat'],
    original: 'Oryginalna wiadomość',
    forwarded: 'Treść przekazanej wiadomości',
    footer: 'Wysłane z iPhone’a',
    replyPrefix: 'Odp',
    forwardPrefix: 'PD',
  },
  {
    language: 'cs',
    greeting: 'Dobrý den,',
    words: [
      'kdy dorazí má objednávka 4711? Na stránce je od pondělí „odesláno“.',
      'lampa dorazila rozbitá: sklo je prasklé a chybí jeden šroub. Chtěla bych novou.',
      'pošlete mi prosím 3 krabice modrého papíru (zboží 88-20) a fakturu na novou adresu.',
    ],
    absence: ['Dovolená v srpnu a dodání', 'od 3. do 10. srpna mám dovolenou. Můžete dodat potom?'],
    returned: [
      'Nedoručitelná zpráva',
      'má zpráva na prodej@example.com se vrátila: „550 5.1.1 user unknown“. Je adresa správná?',
    ],
    closing: 'S pozdravem\nTereza Dvořáková',
    introductions: [
      'po 23. 11. 2026 v 9:15 odesílatel Support <support@example.com> napsal:',
      '23. 11. 2026 v 9:15, Support <support@example.com> napsal:',
      'Dne 23.11.2026 v 9:15 Support napsal(a):',
    ],
    fields: ['Od', 'Odesláno', 'Komu', 'Předmět'],
    original: 'Původní zpráva',
    forwarded: 'Přeposlaná zpráva',
    footer: 'Odesláno z iPhonu',
    replyPrefix: 'Re',
    forwardPrefix: 'FW',
  },
  {
    language: 'ru',
    greeting: 'Здравствуйте!',
    words: [
      'Когда придёт мой заказ 4711? На сайте с понедельника стоит «отправлен».',
      'Лампа пришла разбитой: стекло треснуло, и не хватает винта. Прошу прислать новую.',
      'Пришлите, пожалуйста, 3 коробки синей бумаги (артикул 88-20) и счёт на новый адрес.',
    ],
    absence: ['Отпуск в августе и доставка', 'С 3 по 10 августа я в отпуске. Можно доставить позже?'],
    returned: [
      'Письмо не доставлено, что делать?',
      'Моё письмо на sales@example.com вернулось: «550 5.1.1 user unknown». Адрес верный?',
    ],
    closing: 'С уважением,\nОльга Иванова',
    introductions: [
      'пн, 23 нояб. 2026 г. в 09:15, Support <support@example.com>:',
      '23 нояб. 2026 г., в 09:15, Support <support@example.com> написал(а):',
      '23.11.2026 09:15, Support пишет:',
    ],
    fields: ['От', 'Отправлено', 'Кому', 'Тема'],
    original: 'Исходное сообщение',
    forwarded: 'Пересылаемое сообщение',
    footer: 'Отправлено с iPhone',
    replyPrefix: 'Re',
    forwardPrefix: 'Fwd',
  },
  {
    language: 'tr',
    greeting: 'Merhaba,',
    words: [
      '4711 numaralı siparişim ne zaman gelecek? Sayfada pazartesiden beri “gönderildi” yazıyor.',
      'lamba kırık geldi: camı çatlak ve bir vidası eksik. Yenisini istiyorum.',
      'lütfen 3 kutu mavi kâğıt (ürün 88-20) ve faturayı yeni adresimize gönderin.',
    ],
    absence: ['Ağustosta izinde olacağım', '3-10 Ağustos arasında izindeyim. Sonra teslim edebilir misiniz?'],
    returned: [
      'E-postam geri döndü',
      'satis@example.com adresine yazdığım e-posta “550 5.1.1 user unknown” diye geri geldi. Adres doğru mu?',
    ],
    closing: 'Saygılarımla\nGülşah Yılmaz',
    introductions: [
      'Support <support@example.com>, 23 Kas 2026 Pzt, 09:15 tarihinde şunu yazdı:',
      'Support <support@example.com> şunları yazdı (23 Kas 2026 09:15):',
      '23.11.2026 09:15 tarihinde Support yazdı:',
    ],
    fields: ['Kimden', 'Gönderildi', 'Kime', 'Konu'],
    original: 'Orijinal Mesaj',
    forwarded: 'Yönlendirilmiş ileti',
    footer: 'iPhone’umdan gönderildi',
    replyPrefix: 'YNT',
    forwardPrefix: 'İLT',
  },
  {
    language: 'ja',
    greeting: 'お世話になっております。',
    words: [
      '注文番号4711はいつ届きますか。月曜日から「発送済み」のままです。',
      '届いたランプが割れていました。ガラスにひびがあり、ねじも一本足りません。交換をお願いします。',
      '青い紙（商品番号88-20）を3箱と、新しい住所宛ての請求書を送ってください。',
    ],
    absence: ['8月の休暇中の配達について', '8月3日から10日まで休暇で不在です。その後に配達できますか？'],
    returned: [
      'メールが戻ってきました',
      'sales@example.com 宛てのメールが「550 5.1.1 user unknown」で戻ってきました。宛先は正しいでしょうか？',
    ],
    closing: '鈴木花子',
    introductions: [
      '2026年11月23日(月) 9:15 Support <support@example.com>:',
      '2026/11/23 9:15、Support <support@example.com>のメール:',
      '2026/11/23 9:15 に Support さんは書きました:',
    ],
    fields: ['差出人', '送信日時', '宛先', '件名'],
    original: '元のメッセージ',
    forwarded: '転送メッセージ',
    footer: 'iPhoneから送信',
    replyPrefix: 'Re',
    forwardPrefix: 'Fwd',
  },
  {
    language: 'zh',
    greeting: '您好：',
    words: [
      '我的订单4711什么时候到？网页从星期一起一直显示“已发货”。',
      '收到的台灯是坏的：玻璃有裂缝，还少一颗螺丝。请换一个新的。',
      '请寄3箱蓝色纸（货号88-20），发票寄到我们的新地址。',
    ],
    absence: ['八月休假，请推迟送货', '我八月三日到十日休假，不在家。可以之后再送吗？'],
    returned: ['我的邮件被退信了', '发往 sales@example.com 的邮件被退回：“550 5.1.1 user unknown”。地址对吗？'],
    closing: '此致\n王小明',
    introductions: [
      'Support <support@example.com> 于2026年11月23日周一 09:15写道：',
      '在 2026年11月23日，09:15，Support <support@example.com> 写道：',
      '在 2026/11/23 9:15, Support 写道:',
    ],
    fields: ['发件人', '发送时间', '收件人', '主题'],
    original: '原始邮件',
    forwarded: '转发的邮件',
    footer: '从我的iPhone发送',
    replyPrefix: '回复',
    forwardPrefix: '转发',
  },
]
