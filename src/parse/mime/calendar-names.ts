// PURE. What months and days of the week are called in some sixty languages, in full, shortened, alone and beside a day, as plainWord() leaves
// them: out of the Unicode CLDR, and a few that old programs write. A name may mean different months in two languages (listopad): all of
// them are answered.

/** As a name is looked up: lower case, without dots, apostrophes and accents. */
export function plainWord(word: string): string {
  return word
    .normalize('NFKD')
    .replace(/[\p{M}\p{P}]/gu, '')
    .toLowerCase()
}

/** The months (0 to 11) that a word may mean; English goes before all others. */
export function monthsCalled(word: string): number[] {
  return meaningsOf(plainWord(word), englishMonths, months)
}

/** The days of the week (0 = Sunday) that a word may mean. */
export function weekdaysCalled(word: string): number[] {
  return meaningsOf(plainWord(word), englishDays, weekdays)
}

type Meanings = ReadonlyMap<string, ReadonlySet<number>>

function meaningsOf(plain: string, english: readonly string[], names: Meanings): number[] {
  const found = plain.length < shortest ? -1 : english.findIndex(name => name.startsWith(plain))
  if (found >= 0) return [found]
  const exact = names.get(plain)
  if (exact !== undefined) return [...exact]
  const begun = new Set<number>()
  if (plain.length >= shortest)
    for (const [name, meanings] of names) if (name.startsWith(plain)) for (const one of meanings) begun.add(one)
  return [...begun]
}

/** Letters of a name that was shortened in a way of its own. */
const shortest = 3

function toMeanings(rows: readonly string[]): Meanings {
  const meanings = new Map<string, Set<number>>()
  for (const [index, row] of rows.entries())
    for (const name of row.split(' ')) meanings.set(name, (meanings.get(name) ?? new Set()).add(index))
  return meanings
}

const englishMonths = 'january february march april may june july august september october november december'.split(' ')
const englishDays = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ')

const months = toMeanings([
  'ean eanair ene enero gen gener gennaio ian ianuarie ion ionawr jaan jaanuar janar janeiro jannar janner januara januari januarie januaro janv janvaris janvier led leden ledna oca ocak sausio sausis sij sijecanj sijecnja sty styczen stycznia tammi tammikuu tammikuuta urt urtarrila xan xaneiro yan yanvar ιαν ιανουαριου сту студзень студзеня січ січень січня янв январь января януари јан јануар јануари қаң қаңтар հնվ հունվար հունվարի ינו ינואר يناير ژانویه जन जनवर জন জনযর มกราคม มค იან იანვარი 一月',
  'chw chwef chwefror feabh feabhra febbraio feber febreiro febrer febrero februara februari februarie februaris februaro fev fevereiro fevr fevral fevrier fra frar helmi helmikuu helmikuuta lut lutego luty ots otsaila peb pebrero shk shkurt sub subat uno unor unora vasario vasaris veebr veebruar velj veljaca veljace φεβ φεβρουαριου ақп ақпан лют лютага лютии лютого люты феб фебруар фев февр февраль февраля февруари փետրվար փետրվարի փտվ פבר פברואר فبراير فوریه फर फरवर ফব ফবরযর กพ กมภาพนธ თებ თებერვალი 二月',
  'bre brezen brezna kovas kovo maalis maaliskuu maaliskuuta maart mac machi mae maerz marca marcius marco marec maret mars marso mart marta martie marto marts martxoa marz marzec marzo marzu maw mawrth mrt mrz ozu ozujak ozujka μαρ μαρτιου бер березень березня мар март марта нау наурыз сак сакавік сакавіка մարտ մարտի մրտ מרץ مارس मरच মরচ มค มนาคม მარ მარტი 三月',
  'abr abrell abril aib aibrean api apirila apl aprel aprila aprile aprili aprilie aprilis aprill aprilo avr avril balandis balandzio dabr dabril dub duben dubna ebr ebrill huhti huhtikuu huhtikuuta kwi kwiecien kwietnia nis nisan pri prill tra travanj travnja απρ απριλιου апр апрель апреля април квіт квітень квітня кра красавік красавіка сәу сәуір ապր ապրիլ ապրիլի אפר אפריל ابريل اوریل अपरल এপর এপরল เมย เมษายน აპრ აპრილი 四月',
  'beal bealtaine geguze geguzes kve kveten kvetna mag maggio mai maiatza maig maijs maio maj maja majo majus mayo mayıs mee mei mej mejju svi svibanj svibnja touko toukokuu toukokuuta μαι μαιου маи мам мамыр мая мај трав травень травня մայիս մայիսի մյս מאי مايو مه मई ম พค พฤษภาคม მაი მაისი 五月',
  'birzelio birzelis cerven cervna cvn cze czerwca czerwiec eka ekaina giu giugno gun gunju haz haziran hun hunyo iun iunie iyn iyun juin juna junho juni junie junij junijs junio junius juny juuni kesa kesakuu kesakuuta lip lipanj lipnja meh mehefin meith meitheamh qer qershor xuno ιουν ιουνιου июн июнь июня мау маусым черв червень червня чэр чэрвень чэрвеня юни јун јуни հնս հունիս հունիսի יוני يونيو ژوين जन জন มถนายน มย ივნ ივნისი 六月',
  'cervence cervenec cvc gor gorff gorffennaf heina heinakuu heinakuuta hul hulyo iuil iul iulie iyl iyul juil juillet jula julai julho juli julie julij julijs julio juliol julius juuli korr korrik liepa liepos lip lipca lipiec lug luglio lul lulju srp srpanj srpnja tem temmuz uzt uztaila xul xullo ιουλ ιουλιου июл июль июля лип липень липня ліп ліпень ліпеня шіл шілде юли јул јули հլս հուլիս հուլիսի יולי يوليو ژويیه जल जलई জল জলই กค กรกฎาคม ივლ ივლისი 七月',
  'abu abuztua ag ago agost agosti agosto ags agt agu agust agustos agustus aout augusta augusti augusto augusts augustus augusztus avg avgust avq avqust awst aww awwissu dag dagost elo elokuu elokuuta gush gusht kol kolovoz kolovoza lun lunasa ogo ogos rugpjucio rugpjutis sie sierpien sierpnia srp srpen srpna αυγ αυγουστου авг август августа жні жнівень жніуня серп серпень серпня там тамыз օգոստոս օգոստոսի օգս אוג אוגוסט اغسطس اوت अग अगसत আগ আগসট สค สงหาคม აგვ აგვისტო 八月',
  'eyl eylul ira iraila medi mfomh rugsejis rugsejo ruj rujan rujna sen sentyabr septemba septembar septembra septembre septembrie septembris septembro septiembre set setembre setembro settembre settembru setyembre sht shtator syys syyskuu syyskuuta szept szeptember wrz wrzesien wrzesnia zar zari σεπ σεπτεμβριου вер верасень верасня вересень вересня сент сентябрь сентября сеп септембар септември қыр қыркүиек սեպ սեպտեմբեր սեպտեմբերի ספט ספטמבר سبتمبر سپتامبر सत सतबर সপ সপট সপটমবর กนยายน กย სექ სექტემბერი 九月',
  'dfomh doct doctubre eki ekim hyd hydref lis listopad listopada loka lokakuu lokakuuta octobre octombrie octubre okt oktoba oktobar oktober oktobra oktobris oktobro oktoober oktubre oktyabr ott ottobre ottubru out outubro paz pazdziernik pazdziernika rij rijen rijna spalio spalis tet tetor urr urria οκτ οκτωβριου жовт жовтень жовтня кас кастрычнік кастрычніка окт октобар октомври октябрь октября қаз қазан հոկ հոկտեմբեր հոկտեմբերի אוק אוקטובר اكتوبر اکتبر अकट अकटबर অকট অকটবর ตค ตลาคม ოქტ ოქტომბერი 十月',
  'aza azaroa kas kasım lapkricio lapkritis lis listopad listopada listopadu marras marraskuu marraskuuta nen nentor nob nobyembre noiembrie novemba novembar novembra novembre novembris novembro novembru noviembre noy noyabr samh samhain stu studeni studenoga tach tachwedd νοε νοεμβριου лист листопад листопада ліс лістапад лістапада нов новембар ное ноември нояб ноябрь ноября қар қараша նոյ նոյեմբեր նոյեմբերի נוב נובמבר نوامبر نوفمبر नव नवबर নভ নভমবর พย พฤศจกายน ნოე ნოემბერი 十一月',
  'abe abendua ara aralık decembar decembra decembre decembrie decembris decembro dek dekabr des desemba desember desembre dets detsember dez dezember dezembro dhj dhjetor dic dicembre dicembru diciembre dis disember disyembre gru grudnia grudzien gruodis gruodzio joulu joulukuu joulukuuta noll nollaig pro prosinac prosinca prosince prosinec rhag rhagfyr δεκ δεκεμβριου груд грудень грудня дек декабрь декабря декември дец децембар жел желтоқсан сне снежань снежня դեկ դեկտեմբեր դեկտեմբերի דצמ דצמבר دسامبر ديسمبر दस दसबर ডস ডসমবর ธค ธนวาคม დეკ დეკემბერი 十二月',
])

const weekdays = toMeanings([
  'ahad ahd bazar cn dg di die dim dimanche dimanco diumenge dom domenica domh domingo dum duminica ig igandea ilħadd jumapili lin linggo min minggu ne ned nedela nedele nedelja nedjelja niedz niedziela paz pazar puhapaev sekmadienis sk so son sondag sonndeg sonntag su sul sunnudagur sunnuntai svetd svetdiena søn søndag vasarnap zo zondag ħad κυρ κυριακη воскресенье вс жексенбі жс нд нед недела неделя недеља неділя нядзеля կիր կիրակի الاحد یکشنبه रव रववर রব রববর วนอาทตย อาทตย კვი კვირა 일 일요일 周日 日 日曜日 星期日',
  'al astelehena be dilluns dl esmaspaev hen hetfo isn isnin ittnejn jumatatu llun lu luan lun lundi lundo lunedi lunes luni luns ma maanantai maandag man manadagur mandag manudagur mei meindeg mo montag pazartesi pirmadienis pirmd pirmdiena po pon pondeli pondelok ponedeljak ponedeljek ponedjeljak poniedziałek pr pzt seg segunda segundafeira sen senin tne δευ δευτερα дс дүисенбі панядзелак пн пон понеделник понедельник понедељак понеділок երկ երկուշաբթի الاثنين دوشنبه सम समवर সম সমবর จนทร วนจนทร ორშ ორშაბათი 월 월요일 周一 星期一 月 月曜日',
  'an antradienis ar asteartea ca den denschdeg di dienstag dimarts dinsdag dt ittlieta jumanne kedd ma mairt mar mardi mardo martedi martes marti maw otrd otrdiena sal salı sel selasa teisipaev ter terca tercafeira ti tiistai tir tirs tirsdag tis tisdag tli tor torek tys tysdag tysdagur ut utery uto utorak utorok wt wtorek þri þriðjudagur τρι τριτη ау ауторак вт вто вторник вівторок сеисенбі сс уто уторак երեքշաբթի երք الثلاثاء سه‌شنبه मगल मगलवर মঙগল মঙগলবর วนองคาร องคาร სამ სამშაბათი 화 화요일 周二 星期二 火 火曜日',
  'asteazkena az car carsamba cead cərsənbə dc dimecres erb jumatano ke keskiviikko kolmapaev lerbgħa me mer mercoledi mercores mercredi merkredo met mettwoch mi mie miercoles miercuri mik mikudagur mittwoch miy miyerkules mið miðvikudagur ons onsdag qua quarta quartafeira rab rabu sr sre sreda sri srijeda sroda st streda sze szerda tr treciadienis tresd tresdiena wo woensdag τετ τεταρτη серада середа ср сре среда сряда сәрсенбі չորեքշաբթի չրք الاربعاء چهارشنبه बध बधवर বধ বধবর พธ วนพธ ოთხ ოთხშაბათი 수 수요일 周三 星期三 水 水曜日',
  'alhamisi ca cet cetrtek ceturtd ceturtdiena cetvrtak cs csutortok ct ctvrtek czw czwartek dear deardaoin dijous dj do don donderdag donnerstag donneschdeg enj fim fimmtudagur gio giovedi hos hosdagur huw huwebes iau ilħamis ja jaudo jeu jeudi joi jue jueves kam kamis ketvirtadienis kha khamis kt neljapaev og osteguna per persembe qui quinta quintafeira st stvrtok to tor tors torsdag torstai xov xoves ħam πεμ πεμπτη беисенбі бс чацвер чет четвер четверг четвртак четврток четвъртък чт чц հինգշաբթի հնգ الخميس پنجشنبه गर गरवर বহসপত বহসপতবর พฤหส วนพฤหสบด ხუთ ხუთშაბათი 목 목요일 周四 星期四 木 木曜日',
  'aoine biy biyernes cum cuma cumə divendres dv fos fostudagur fr fre fredag freideg freitag friggjadagur gim gwe ijumaa ilgimgħa jum jumaat jumat or ostirala pa patek pe penktadienis pentek perjantai pet petak petek pi piatek piatok piektd piektdiena pn pre pt reede sex sexta sextafeira ve ven vendredi vendredo venerdi venres vie viernes vin vineri vr vrijdag vrydag παρ παρασκευη жм жұма пʼятниця пет петак петок петък пт пятница пятніца ուր ուրբաթ الجمعة جمعه शकर शकरवर শকর শকরবর วนศกร ศกร პარ პარასკევი 금 금요일 周五 星期五 金 金曜日',
  'cmt cumartesi dissabte ds issibt jumamosi la larunbata lau lauantai laugardagur laupaev laurdag ley leygardagur lor lordag lr lør lørdag sa sab sabado sabato sabtu sad sam sambata samedi samschdeg samstag saterdag sath sestadienis sestd sestdiena sht sib so sob sobota st sub subota szo szombat sənbə za zaterdag σαβ σαββατο саб сабота сб сенбі суб суббота субота събота շաբաթ շբթ שבת السبت شنبه शन शनवर শন শনবর วนเสาร เสาร შაბ შაბათი 토 토요일 周六 土 土曜日 星期六',
])
