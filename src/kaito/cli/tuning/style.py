"""The report's style sheet: one column, light or dark as the reader's system is, fit for paper."""

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#5b6573;--line:#e3e7ec;--soft:#f5f7f9;
--a:#2563eb;--b:#c2610c;--good:#15803d;--bad:#b91c1c}
@media screen and (prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e6e9ed;--dim:#9aa4b2;
--line:#2b3138;--soft:#1c2127;--a:#7aa7ff;--b:#f0a848;--good:#4ade80;--bad:#f87171}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:880px;margin:0 auto;padding:40px 24px 64px}
h1{font-size:26px;margin:0;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:18px;margin:44px 0 12px;padding-bottom:6px;border-bottom:1px solid var(--line)}
h3{font-size:14px;margin:22px 0 6px;color:var(--dim)}
h4{font-size:12px;margin:0 0 2px;color:var(--dim);font-weight:600}
.sub{margin:4px 0 20px;color:var(--dim)}
.state{margin-left:8px;padding:1px 9px;border:1px solid currentColor;border-radius:99px;
font-size:13px}
.state.done,.state.trained,.good{color:var(--good)}.state.failed,.bad{color:var(--bad)}
.warn{color:var(--b)}.note,.dim{color:var(--dim)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(140px,1fr));gap:10px}
.card{padding:12px 14px;background:var(--soft);border-radius:8px}
.card b{display:block;font-size:19px;font-variant-numeric:tabular-nums}
.card span{font-size:13px;color:var(--dim)}
.result{margin:16px 0 0;overflow-wrap:anywhere}
code,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{margin:0;padding:12px 14px;background:var(--soft);border-radius:8px;white-space:pre-wrap;
overflow-wrap:anywhere}
article{margin:12px 0;border:1px solid var(--line);border-radius:8px;overflow:hidden}
article .prompt{border-radius:0;color:var(--dim);max-height:180px;overflow-y:auto}
.said{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:14px 24px;
padding:12px 14px;overflow-wrap:anywhere}
figure{margin:8px 0 18px}
figcaption{display:flex;flex-wrap:wrap;gap:2px 18px;font-size:13px;color:var(--dim);
padding-left:7.8%}
.right{margin-left:auto}.key i{display:inline-block;width:18px;height:3px;margin-right:7px;
vertical-align:middle}
.k-s0{background:var(--a)}.k-s1{background:var(--b)}.k-raw{background:var(--a);opacity:.35}
svg{width:100%;height:auto;display:block;overflow:visible}
svg text{font-size:12px;fill:var(--dim);font-variant-numeric:tabular-nums}
polyline{fill:none;stroke-width:2;stroke-linejoin:round}
polyline.s0{stroke:var(--a)}polyline.s1{stroke:var(--b)}
polyline.raw{stroke:var(--a);opacity:.35;stroke-width:1.2}
circle.s0{fill:var(--a)}circle.s1{fill:var(--b)}
.grid{stroke:var(--line)}.axis{stroke:var(--dim)}.bar{fill:var(--a);opacity:.8}
table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:left;font-weight:600;color:var(--dim);font-size:13px}
td,th{padding:6px 12px 6px 0;vertical-align:top;border-bottom:1px solid var(--line);
overflow-wrap:anywhere}
.facts th{width:220px;font-weight:400}
.ours{margin-left:8px;font-size:12px;color:var(--dim)}
.scroll{overflow-x:auto}
@media(max-width:600px){main{padding:24px 16px 48px}.facts th{width:42%}
svg text{font-size:20px}svg .spare{display:none}polyline{stroke-width:3}
figure{padding-left:12px}}
@media print{main{padding:0;max-width:none}body{font-size:12px}h2{margin-top:24px}
h2,h3{break-after:avoid}figure,article,.cards,tr,pre{break-inside:avoid}
article .prompt{max-height:none}.scroll{overflow:visible}}
"""
