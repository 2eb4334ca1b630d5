// What is left of a mail's HTML, and what is said of it.
import { expect, test } from 'vitest'
import { sanitise } from '../../src/parse/html/sanitise.ts'
import { type MailHtmlOptions, mailDocument } from '../../src/web/pages/tickets/mail-html.ts'
import { attacks } from '../html/attacks.ts'

test.each(Object.entries(attacks))('nothing is left to run, load or lead anywhere of: %s', (_, html) => {
  const safe = sanitise(html).html
  const tags = (safe.match(/<[^>]*>/g) ?? []).map(tag => tag.replace(/"[^"]*"/g, '""'))
  expect(
    tags.filter(tag =>
      / (on\w+|src|href|srcset|action|formaction|background|ping|target|id|name|xlink:\w+)[=\s>]/i.test(tag),
    ),
  ).toEqual([])
  expect(
    tags.filter(tag => /^<\/?(script|style|svg|math|iframe|object|embed|form|input|meta|base|link)\b/i.test(tag)),
  ).toEqual([])
  expect(safe).not.toMatch(/(style="[^"]*(url\(|expression|position|\\))|javascript:[^<]*"/i)
})

test.each(Object.entries(attacks))('sanitised once more it stays as it is: %s', (_, html) => {
  const text = (safe: string) => safe.replace(/ data-[a-z-]+="[^"]*"/g, '')
  const once = sanitise(html).html
  expect(text(sanitise(once).html)).toBe(text(once))
})

/** What a harmless mail says → what is kept of it. */
const harmless: Record<string, readonly [string, string]> = {
  'paragraphs and emphasis': [
    '<p>Hello <b>you</b>, <em>please</em> see</p>',
    '<p>Hello <b>you</b>, <em>please</em> see</p>',
  ],
  'a table with its looks': [
    '<table width="600" cellpadding="0" cellspacing="0" border="0" bgcolor="#ffffff" align="center"><tr><td colspan="2" valign="top" style="padding:8px 12px;border-bottom:1px solid #eee">x</td></tr></table>',
    '<table width="600" cellpadding="0" cellspacing="0" border="0" bgcolor="#ffffff" align="center"><tr><td colspan="2" valign="top" style="padding: 8px 12px; border-bottom: 1px solid #eee">x</td></tr></table>',
  ],
  'a quotation of Gmail': [
    '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">x</blockquote>',
    '<blockquote style="margin: 0px 0px 0px 0.8ex; border-left: 1px solid rgb(204,204,204); padding-left: 1ex">x</blockquote>',
  ],
  'a paragraph of Outlook': ['<p class="MsoNormal">x<o:p>&nbsp;</o:p></p>', '<p class="mail-MsoNormal">x\u00a0</p>'],
  'the background of a whole newsletter': [
    '<html><body bgcolor="#eeeeee" style="font-family:\'Segoe UI\',Arial;background:#eee">x</body></html>',
    '<div bgcolor="#eeeeee" style="font-family: \'Segoe UI\',Arial; background: #eee">x</div>',
  ],
  'the colour under a picture': [
    '<td style="background:#336699 url(https://a.example/b.png) no-repeat">x</td>',
    '<td style="background-color: #336699">x</td>',
  ],
  lists: ['<ol start="3" type="a"><li value="5">x</li></ol>', '<ol start="3" type="a"><li value="5">x</li></ol>'],
  'words from right to left': [
    '<div dir="rtl" lang="ar">\u0645\u0631\u062d\u0628\u0627</div>',
    '<div dir="rtl" lang="ar">\u0645\u0631\u062d\u0628\u0627</div>',
  ],
  'fonts of old': [
    '<font color="red" size="+1" face="Comic Sans MS, cursive">x</font>',
    '<font color="red" size="+1" face="Comic Sans MS, cursive">x</font>',
  ],
  'a link': [
    '<a href="https://shop.example/?a=1&amp;b=2" target="_blank">our shop</a>',
    '<a data-href="https://shop.example/?a=1&amp;b=2">our shop</a>',
  ],
  'an address to write to': [
    '<a href="mailto:a@b.example?subject=x">write</a>',
    '<a data-href="mailto:a@b.example?subject=x">write</a>',
  ],
  'an image that came along': [
    '<img src="cid:image001.png@01D9" width="100" alt="chart">',
    '<img width="100" alt="chart" data-cid="image001.png@01D9" />',
  ],
  'an image elsewhere': [
    '<img src="//cdn.example/a.png" width="100" height="20">',
    '<img width="100" height="20" data-remote-src="https://cdn.example/a.png" />',
  ],
  'an image in the mail itself': [
    '<img src="data:image/png;base64,iVBO\nRw0K">',
    '<img data-image="data:image/png;base64,iVBORw0K" />',
  ],
  'signs that look like tags': ['<p>1 &lt; 2 &amp;&amp; 3 &gt; 2</p>', '<p>1 &lt; 2 &amp;&amp; 3 &gt; 2</p>'],
  'a preheader stays hidden': [
    '<div style="display:none;max-height:0px;overflow:hidden">soon</div>',
    '<div style="display: none; max-height: 0px; overflow: hidden">soon</div>',
  ],
}

test.each(Object.entries(harmless))('%s: the look is kept', (_, [html, kept]) => {
  const safe = sanitise(html)
  expect(safe.html).toBe(kept)
  expect(safe.notes.flags.filter(flag => flag !== 'hidden-text')).toEqual([])
})

const flagged: Record<string, readonly [string, readonly string[]]> = {
  'a script': ['<script>x()</script>', ['active-content']],
  'facts for machines': ['<script type="application/ld+json">{"@type":"Order"}</script>', []],
  'a handler': ['<p onclick="x()">x</p>', ['active-content']],
  'a javascript link': ['<a href=" java\tscript:x()">x</a>', ['active-content']],
  'a form': ['<form action="https://a.example"><input name="password"></form>', ['form']],
  'words without display': ['<p style="DISPLAY : none">ignore all that was said</p>', ['hidden-text']],
  'words without size': ['<p style="font-size:0">secret</p>', ['hidden-text']],
  'words that get their size back': ['<td style="font-size:0"><p style="font-size:14px">seen</p></td>', []],
  'white words on white': ['<p style="color:#fefefe">secret</p>', ['hidden-text']],
  'white words on blue': ['<table bgcolor="#003366"><tr><td><font color="white">seen</font></td></tr></table>', []],
  'white words on a picture': ['<td background="https://a.example/b.png"><p style="color:#fff">seen</p></td>', []],
  'words in the colour of their table': [
    '<table style="background:#036"><tr><td style="color:#003366">secret</td></tr></table>',
    ['hidden-text'],
  ],
  'words that are clear': ['<p style="color:rgba(0,0,0,0)">secret</p>', ['hidden-text']],
  'words far off': ['<p style="position:absolute;left:-9999px">secret</p>', ['hidden-text']],
  'words behind no opacity': ['<p style="opacity:0.0">secret</p>', ['hidden-text']],
  'a hidden filler without words': ['<div style="display:none">&nbsp;&zwnj;&#8203; &#847;</div>', []],
  'words that name another host': [
    '<a href="https://evil.example/login">https://www.bank.example</a>',
    ['link-text-differs'],
  ],
  'words that name a host within another': ['<a href="https://bank.com.evil.net/">bank.com</a>', ['link-text-differs']],
  'words that name the same owner': ['<a href="https://click.shop.co.uk/x">www.shop.co.uk</a>', []],
  'words that are a file': ['<a href="https://files.example/1">report.md</a>', []],
  'words that are a version': ['<a href="https://files.example/1">1.2.3.4</a>', []],
  'words behind a checker of links': [
    '<a href="https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fwww.bank.example%2F&amp;data=1">https://www.bank.example</a>',
    [],
  ],
  'words behind a checker that lead elsewhere': [
    '<a href="https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fevil.example%2F&amp;data=1">https://www.bank.example</a>',
    ['link-text-differs'],
  ],
  'Cyrillic among Latin': ['<a href="https://p\u0430ypal.com/">here</a>', ['link-lookalike']],
  'Cyrillic that looks all Latin': [
    '<a href="https://\u0430\u0440\u0440\u04cf\u0435.com/">here</a>',
    ['link-lookalike'],
  ],
  'an honest Cyrillic name': [
    '<a href="https://\u043f\u0440\u0435\u0437\u0438\u0434\u0435\u043d\u0442.\u0440\u0444/">here</a>',
    [],
  ],
  'an honest German name': ['<a href="https://b\u00fccher.example/">b\u00fccher.example</a>', []],
  'a user that looks like a host': ['<a href="https://bank.example@evil.example/">here</a>', ['link-userinfo']],
  'tables in tables': ['<table><tr><td>'.repeat(300), ['too-deep']],
  'too much': ['word '.repeat(200_000), ['too-large']],
  'too many elements': ['<i>x</i>'.repeat(30_000), ['too-large']],
}

test.each(Object.entries(flagged))('%s: the warnings', (_, [html, flags]) => {
  expect(sanitise(html).notes.flags).toEqual(flags)
})

const images: Record<string, readonly [string, number, number]> = {
  'a picture': ['<img src="https://a.example/b.png" width="600" height="200">', 1, 0],
  'a picture without size': ['<img src="https://a.example/b.png">', 1, 0],
  'one pixel': ['<img src="https://a.example/b.png" width="1" height="1">', 0, 1],
  'one pixel by its style': ['<img src="https://a.example/b.png" style="width:1px;height:1px">', 0, 1],
  'none to be seen': ['<img src="https://a.example/b.png" style="display:none">', 0, 1],
  'inside what is hidden': ['<div style="display:none"><img src="https://a.example/b.png"></div>', 0, 1],
  'a known reporter': ['<img src="https://u1.ct.sender.example/wf/open?upn=abc" alt="">', 0, 1],
  'a reporter that is a picture': ['<img src="https://a.example/open.png" width="200" height="60">', 1, 0],
  'a thin line': ['<img src="https://a.example/line.gif" width="600" height="1">', 1, 0],
  'two of each': [
    '<img src="https://a.example/1"><img src="http://a.example/2"><img src="https://a.example/t.gif?u=1"><img src=//a.example/3 width=0>',
    2,
    2,
  ],
}

test.each(Object.entries(images))('%s: counted', (_, [html, remoteImages, trackingPixels]) => {
  const safe = sanitise(html)
  expect(safe.notes).toMatchObject({ remoteImages, trackingPixels })
  expect(safe.html.split('<img').length - 1).toBe(remoteImages)
})

test('hostile HTML of five million letters is done within two seconds', () => {
  const whole = (part: string): string => part.repeat(Math.ceil(5_000_000 / part.length))
  const mails = [
    '<b>'.repeat(60_000) + '</i>'.repeat(110_000),
    whole('<b>'),
    whole('<p style="color:#fff;font-size:0">x'),
    `<p style="${whole('color:red;')}">`,
    `<a ${whole('a=1 ')}>`,
    whole('<p><noscript></p>'),
    whole('<img width=1 height=1 src=//a>'),
    `<a href="http://${whole('a.')}">${whole('a.')}</a>`,
    whole('<!--'),
    whole('&'),
  ]
  for (const mail of mails) {
    const before = process.cpuUsage()
    sanitise(mail)
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1_000).toBeLessThan(2_000)
  }
})

interface Kept {
  contentId: string
  contentType: string
  path: string
}

const options: MailHtmlOptions<Kept> = {
  images: 'blocked',
  links: 'blocked',
  attachments: [
    { contentId: 'a@b', contentType: 'image/png', path: '/one' },
    { contentId: 'page@b', contentType: 'text/html', path: '/two' },
    { contentId: 'a@b', contentType: 'image/png', path: '/three' },
  ],
  attachmentPath: ({ path }) => path,
}

function bodyOf(html: string, changes: Partial<MailHtmlOptions<Kept>> = {}): string | undefined {
  return /<body>\n(.*)\n<\/body>/s.exec(mailDocument(html, { ...options, ...changes }).body)?.[1]
}

test('the document shows what is asked for and nothing else', () => {
  const html = sanitise(
    '<img src="cid:A%40B"><img src="cid:page@b"><img src="https://a.example/b.png"><a href="https://a.example/" title="https://bank.example">x</a>',
  ).html
  expect(bodyOf(html)).toBe('<img src="/one"><img><img><a title="https://a.example/">x</a>')
  expect(bodyOf(html, { images: 'allowed', links: 'allowed' })).toBe(
    '<img src="/one"><img><img src="https://a.example/b.png" referrerpolicy="no-referrer">' +
      '<a title="https://a.example/" href="https://a.example/" target="_blank" rel="noopener noreferrer nofollow">x</a>',
  )
})

test('a path that is another host’s is not taken', () => {
  for (const path of ['//evil.example/a', '/\\evil.example/a', 'https://evil.example/a', 'javascript:alert(1)'])
    expect(bodyOf('<img data-cid="a@b" />', { attachmentPath: () => path })).toBe('<img>')
})

test('what was never sanitised loses every tag that is not on the list', () => {
  expect(
    bodyOf(
      '<script>x</script><p onclick="x" style="position: fixed">a</p><a data-href="javascript:x()">b</a><svg><b title="<i>">',
    ),
  ).toBe('x<p>a</p><a>b</a><i>"&gt;'.replace('"&gt;', '">'))
})

test('the policy allows images of ours, and others once they are asked for; never a script', () => {
  const policy = (images: 'blocked' | 'allowed', links: 'blocked' | 'allowed') =>
    mailDocument('', { ...options, images, links }).headers['content-security-policy']
  expect(policy('blocked', 'blocked')).toBe(
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox",
  )
  expect(policy('allowed', 'allowed')).toBe(
    "default-src 'none'; img-src 'self' data: https: http:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox",
  )
})
